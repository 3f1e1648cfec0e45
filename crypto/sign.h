// Signatures of identities, attestations and credentials (spec 02 section 12.1, spec 03
// section 2.3), control plane.
//
//   kEd25519  pure Ed25519 over the message. Secret: 32-byte seed. Public: 32 bytes.
//   kP256     ECDSA over SHA-256(message), r || s, s not normalised. Secret: big-endian scalar in
//   [1, n). Public: 65 bytes,
//             SEC1 uncompressed (04 || x || y).
//
// Callers that sign spec 03's `data` pass its SHA-256 as the message (P-256 then hashes twice, as
// Ockam does). P-256 nonces come from OpenSSL, mixed with the key: two signatures of one message
// differ (Ockam's are RFC 6979; a verifier cannot tell). Therefore do not replace OpenSSL's RAND by
// a seeded one: it would repeat nonces and give away keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace weir {

enum class KeyKind : std::uint8_t { kEd25519, kP256 };

inline constexpr std::size_t kSignatureBytes = 64;
using Signature = std::array<std::uint8_t, kSignatureBytes>;

constexpr std::size_t public_key_bytes(KeyKind kind) { return kind == KeyKind::kEd25519 ? 32 : 65; }

struct SigningKey {
  KeyKind kind = KeyKind::kEd25519;
  Secret<32> secret;
};

struct VerifyingKey {
  KeyKind kind = KeyKind::kEd25519;
  Bytes bytes;

  bool operator==(const VerifyingKey&) const = default;
};

// The same bytes from `rng` give the same key.
SigningKey generate_signing_key(KeyKind kind, Rng& rng);

// kInvalid: a P-256 scalar of 0 or >= n (Ed25519 cannot fail).
Result<VerifyingKey> public_key(const SigningKey& key);
Result<Signature> sign(const SigningKey& key, ByteSpan message);

// True or false says whether the signature is right; kInvalid says that there is nothing to check:
// key or signature of a wrong length, P-256 point not on the curve or not uncompressed, r or s
// equal to 0 or >= n. Ed25519 is the ordinary check: S must be canonical, small-order keys are not
// refused (a 32-byte key that is no point answers false).
Result<bool> verify(const VerifyingKey& key, ByteSpan message, ByteSpan signature64);

// The forms in which others hand over P-256: a public key as DER of a SubjectPublicKeyInfo, a
// signature as DER of (r, s). kInvalid: it is none.
Result<VerifyingKey> p256_key_from_spki(ByteSpan der);
Result<Signature> p256_signature_from_der(ByteSpan der);

}  // namespace weir
