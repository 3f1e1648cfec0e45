// What the ends of a channel tell each other about themselves (spec/02 §3, spec/03 §4.4):
// IdentityAndCredentials in messages 2 and 3, and the body of RefreshCredentials later.
#pragma once

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
  Bytes encode() const;
};

struct RefreshCredentials {
  ChangeHistory history;
  std::vector<CredentialAndPurposeKey> credentials;

  // The array of two inside the channel message's enum variant 1.
  static Result<RefreshCredentials> decode(ByteSpan cbor);
  Bytes encode() const;
};

}  // namespace weir
