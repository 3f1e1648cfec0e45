// A key from a passphrase: Argon2id (RFC 9106), by libsodium. Control plane; slow on purpose.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace weir {

inline constexpr std::size_t kPasswordSaltBytes = 16;

// What one guess costs. The default is RFC 9106's choice for little memory, on one lane: about
// 0.15 s here.
struct PasswordCost {
  std::uint32_t passes = 3;
  std::uint32_t memory_kib = 64 * 1024;
};
// Bounds for costs that come from a file: what is beyond them is kInvalid.
inline constexpr std::uint32_t kPasswordPassesMax = 64;
inline constexpr std::uint32_t kPasswordMemoryKibMin = 8;
inline constexpr std::uint32_t kPasswordMemoryKibMax = 4 * 1024 * 1024;

// kInvalid: a salt of another length or a cost out of bounds. kExhausted: too little memory.
Result<Secret<32>> key_from_passphrase(ByteSpan passphrase, ByteSpan salt16,
                                       const PasswordCost& cost);

}  // namespace weir
