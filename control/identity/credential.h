// Credentials: attributes of a subject, signed by an issuer's credential purpose key (spec/03
// §4.1-4.3).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/purpose_key.h"

namespace weir {

inline constexpr std::uint64_t kProjectMemberSchema = 1;

// Byte strings, ordered as encoded: plain lexicographic order of the key bytes.
using AttributeMap = std::map<Bytes, Bytes>;

struct CredentialData {
  std::optional<Identifier> subject;                     // absent: never verifies
  std::optional<ChangeHash> subject_latest_change_hash;  // never compared (§4.3)
  std::uint64_t schema = kProjectMemberSchema;
  AttributeMap attributes;
  UnixSeconds created_at_s = 0;
  UnixSeconds expires_at_s = 0;

  Bytes encode() const;
  static Result<CredentialData> decode(ByteSpan cbor);
};

struct Credential {
  Bytes data;  // signed envelope
  SignatureValue signature;
};

// What is stored, sent and printed; a bare Credential never travels.
struct CredentialAndPurposeKey {
  Credential credential;
  PurposeKeyAttestation attestation;  // of the issuer's credential key

  // Ignores trailing bytes.
  static Result<CredentialAndPurposeKey> decode(ByteSpan cbor);
  Bytes encode() const;
  // Decodes the envelope; checks nothing but its shape, version and type.
  Result<CredentialData> content() const;
};

struct VerifiedCredential {
  Identifier issuer;
  Identifier subject;
  CredentialData data;
};

// Finds a known identity, verified. kNotFound when unknown.
using FindIdentity = std::function<Result<IdentityPtr>(const Identifier&)>;

// §4.3. Without an expected subject any will do; without authorities nothing verifies.
Result<VerifiedCredential> verify_credential(const CredentialAndPurposeKey& credential,
                                             const std::optional<Identifier>& expected_subject,
                                             std::span<const Identifier> authorities,
                                             const FindIdentity& find, UnixSeconds now_s,
                                             SignatureMemo* memo = nullptr);

// §4.2 step 4: signs `data` with the credential key that `attestation` attests.
Result<CredentialAndPurposeKey> sign_credential(SecretStore& secrets, const CredentialData& data,
                                                const PurposeKeyAttestation& attestation);

}  // namespace weir
