// SHA-256 and HKDF-SHA256 (spec 02 section 5.1), control plane. All failures here are ours (out of
// memory): CHECK.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace weir {

using Hash256 = std::array<std::uint8_t, 32>;

inline constexpr std::size_t kHkdfOutputsMax = 8;  // Ockam needs 2 or 3; RFC 5869 allows 255

Hash256 sha256(ByteSpan data);
// SHA-256(a || b), without joining them first: Noise's MixHash.
Hash256 sha256(ByteSpan a, ByteSpan b);

// RFC 2104.
Secret<32> hmac_sha256(ByteSpan key, ByteSpan message);

// The name of a key in a vault: SHA-256 of its public key (spec 02 section 12.1).
inline Hash256 key_handle(ByteSpan public_key) { return sha256(public_key); }

// HKDF-SHA256 with empty info; the outputs are consecutive 32-byte blocks of the stream (1 to 255
// of them). `salt` and `ikm` may be empty and may alias the outputs: everything is computed before
// anything is written.
void hkdf(ByteSpan salt, ByteSpan ikm, std::span<Secret<32>> outputs);
// The two-output form that Noise uses: MixKey is hkdf2(ck, dh, ck, k), Split is hkdf2(ck, {}, k1,
// k2).
void hkdf2(ByteSpan salt, ByteSpan ikm, Secret<32>& first, Secret<32>& second);

}  // namespace weir
