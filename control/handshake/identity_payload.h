// What the ends of a channel tell each other about themselves (spec/02 §3, spec/03 §4.4):
// IdentityAndCredentials in messages 2 and 3, and the body of RefreshCredentials later.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/change_history.h"
#include "control/identity/credential.h"
#include "control/identity/purpose_key.h"

namespace weir {

struct IdentityAndCredentials {
  ChangeHistory history;
  PurposeKeyAttestation attestation;
  std::vector<CredentialAndPurposeKey> credentials;

  // All three elements must be there; trailing bytes are ignored.
  static Result<IdentityAndCredentials> decode(ByteSpan cbor);
};

struct RefreshCredentials {
  ChangeHistory history;
  std::vector<CredentialAndPurposeKey> credentials;

  // `body`: the array of fields of the channel message's variant 1, as wire::ChannelMessage has it.
  static Result<RefreshCredentials> decode(ByteSpan body);
};

// IdentityAndCredentials from parts that are encoded already.
Bytes encode_identity_and_credentials(ByteSpan history, ByteSpan attestation,
                                      std::span<const Bytes> credentials);
// The body of a refresh message: the same without the attestation.
Bytes encode_refresh(ByteSpan history, std::span<const Bytes> credentials);

}  // namespace weir
