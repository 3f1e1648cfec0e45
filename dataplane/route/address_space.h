// Addresses that weir invents: 16 random bytes as 32 lower-case hex digits, like Ockam's; the first
// byte names the owning shard, so that any shard (and control) knows the owner without a directory.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/hex.h"
#include "base/rng.h"
#include "dataplane/contract.h"

namespace weir {

inline constexpr std::size_t kRandomAddressBytes = 32;

// The same as bytes, for those who keep many.
using RandomAddressBytes = std::array<std::uint8_t, kRandomAddressBytes / 2>;

inline RandomAddressBytes random_address_bytes(Rng& rng, ShardId shard) {
  RandomAddressBytes raw;
  rng.fill(raw);
  raw[0] = shard;
  return raw;
}
inline WorkerAddress random_address(Rng& rng, ShardId shard) {
  return to_hex(random_address_bytes(rng, shard));
}

// The shard in a random address; nullopt if the text is not of that form (named workers).
std::optional<ShardId> shard_of(ByteSpan address);

}  // namespace weir
