// X25519 (RFC 7748), control plane. Secrets are 32 random bytes, stored unclamped and clamped when
// used.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace weir {

using X25519Public = std::array<std::uint8_t, 32>;

inline Secret<32> x25519_generate(Rng& rng) { return Secret<32>::random(rng); }

X25519Public x25519_public(const Secret<32>& secret);

// The shared secret. kInvalid: the peer's key is not 32 bytes. kRefused: it is a low-order point,
// so that the secret would be all zeros whatever ours is. Ockam accepts that one (spec 02
// section 5.1); no honest peer ever sends it.
Result<Secret<32>> x25519(const Secret<32>& secret, ByteSpan peer_public32);

}  // namespace weir
