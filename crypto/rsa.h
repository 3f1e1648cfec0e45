// RSA signatures of others (RSASSA-PKCS1-v1_5 with SHA-256: RS256 of RFC 7518), control plane. Only
// verification: nothing of ours is signed with RSA.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

inline constexpr std::size_t kRsaModulusBytesMin = 256;
inline constexpr std::size_t kRsaModulusBytesMax = 1024;
inline constexpr std::size_t kRsaExponentBytesMax = 8;

// Both big-endian, as a JWK gives them. kInvalid: no key of a length that is taken.
Result<bool> rsa_sha256_verify(ByteSpan modulus, ByteSpan exponent, ByteSpan message,
                               ByteSpan signature);

}  // namespace weir
