// Addresses that weir invents: 16 random bytes as 32 lower-case hex digits, like Ockam's; the first
// byte names the owning shard, so that any shard (and control) knows the owner without a directory.
#pragma once

#include <optional>
#include <string>

#include "base/hex.h"
#include "base/rng.h"
#include "dataplane/contract.h"

namespace weir {

inline constexpr std::size_t kRandomAddressBytes = 32;

inline WorkerAddress random_address(Rng& rng, ShardId shard) {
  std::uint8_t raw[kRandomAddressBytes / 2];
  rng.fill(raw);
  raw[0] = shard;
  return to_hex(raw);
}

// The shard in a random address; nullopt if the text is not of that form (named workers).
std::optional<ShardId> shard_of(ByteSpan address);

}  // namespace weir
