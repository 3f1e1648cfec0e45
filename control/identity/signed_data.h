// What changes, attestations and credentials share (spec/03 §2.1-2.3): keys and signatures as
// tagged values, the VersionedData envelope, and the one rule about what is signed: SHA-256 of the
// received envelope bytes, never a re-encoding.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identifier.h"
#include "crypto/sign.h"

namespace weir {

// Seconds since 1970-01-01 UTC in every structure here.
using UnixSeconds = std::uint64_t;

inline constexpr UnixSeconds kSecondsPerDay = 86'400;
inline constexpr UnixSeconds kIdentityLifeSeconds = 10 * 365 * kSecondsPerDay;
inline constexpr UnixSeconds kPurposeKeyLifeSeconds = 5 * 365 * kSecondsPerDay;
// How far in the future a creation time may lie (spec/03 §3.3, §4.3); expiry has no tolerance.
inline constexpr UnixSeconds kAllowedDriftSeconds = 60;

struct SignatureValue {
  KeyKind kind = KeyKind::kEd25519;
  Signature bytes{};

  bool operator==(const SignatureValue&) const = default;
};

enum class DataType : std::uint8_t { kChange = 1, kPurposeKeyAttestation = 2, kCredential = 3 };

// SHA-256 of an envelope: the message of its signatures, and a change's hash.
ChangeHash hash_of(ByteSpan envelope);

// [1, type, inner].
Bytes wrap_envelope(DataType type, ByteSpan inner);
// The inner bytes (a view into `envelope`). kUnsupported for another version, kInvalid for another
// type or malformed CBOR. Trailing bytes are ignored.
Result<ByteSpan> open_envelope(ByteSpan envelope, DataType type);

class SignatureMemo;

// kRefused when the kinds differ, the key is unusable or the signature is not by `key`. A memo
// saves the arithmetic for what was verified before; all other rules are always checked.
Status check_signature(const VerifyingKey& key, const ChangeHash& message,
                       const SignatureValue& signature, SignatureMemo* memo = nullptr);

}  // namespace weir
