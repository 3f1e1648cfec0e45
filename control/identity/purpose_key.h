// Purpose keys: short-lived keys that an identity attests (spec/03 §3): the static X25519 key of
// its secure channels, and the key that signs the credentials it issues.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/change_history.h"
#include "control/identity/identity_store.h"
#include "control/identity/secret_store.h"

namespace weir {

// SecureChannelStatic or CredentialSigning.
using PurposePublicKey = std::variant<X25519Public, VerifyingKey>;

struct PurposeKeyAttestationData {
  Identifier subject;
  ChangeHash subject_latest_change_hash;
  PurposePublicKey public_key;
  UnixSeconds created_at_s = 0;
  UnixSeconds expires_at_s = 0;

  Bytes encode() const;
  static Result<PurposeKeyAttestationData> decode(ByteSpan cbor);
};

// As it travels; `data` is the signed envelope.
struct PurposeKeyAttestation {
  Bytes data;
  SignatureValue signature;

  // Ignores trailing bytes.
  static Result<PurposeKeyAttestation> decode(ByteSpan cbor);
  Bytes encode() const;
  // Decodes the envelope; checks nothing but its shape, version and type.
  Result<PurposeKeyAttestationData> content() const;
};

// §3.3 from step 4 on: `subject` is the verified, newest known identity that `attestation` names.
// kRefused when any rule fails.
Result<PurposeKeyAttestationData> verify_attestation(const PurposeKeyAttestation& attestation,
                                                     const Identity& subject, UnixSeconds now_s,
                                                     SignatureMemo* memo = nullptr);

// Steps 5-8 alone: what may change while an attestation that verified lies in memory.
Status check_attestation_times(const PurposeKeyAttestationData& data, const Identity& subject,
                               UnixSeconds now_s);

// Signed by the identity's latest key. `expires_at_s` is clamped to that key's
// attestations_valid_until (a longer one would be refused by everybody, §3.3).
Result<PurposeKeyAttestation> attest(SecretStore& secrets, const Identity& subject,
                                     const PurposePublicKey& key, UnixSeconds created_at_s,
                                     UnixSeconds expires_at_s);

}  // namespace weir
