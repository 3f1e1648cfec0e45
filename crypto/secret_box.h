// A 32-byte secret at rest: AES-256-GCM with a random nonce, bound to `context` (what and whose it
// is), so that sealed secrets cannot be exchanged for each other. Control plane.
// Layout: nonce (12) || ciphertext (32) || tag (16).
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace weir {

inline constexpr std::size_t kSealedSecretBytes = 12 + 32 + 16;

Bytes seal_secret(const Secret<32>& key, ByteSpan context, const Secret<32>& secret, Rng& rng);
// kInvalid: not kSealedSecretBytes. kRefused: another key or context, or changed bytes.
Result<Secret<32>> open_secret(const Secret<32>& key, ByteSpan context, ByteSpan sealed);

}  // namespace weir
