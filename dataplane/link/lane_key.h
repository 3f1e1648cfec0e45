// Which lane of a connection's queue a frame waits in (link/tx_lanes.h): frames with one key keep
// their order, others may overtake each other when the connection takes less than it gets.
#pragma once

#include <cstdint>

namespace weir {

using LaneKey = std::uint32_t;

// What control writes goes before everything that waits: nothing sealed with a new channel's keys
// may overtake the handshake message that makes the peer have them.
inline constexpr LaneKey kControlLane = 0;
// Streams of this node that go without a channel.
inline constexpr LaneKey kPlainLane = 1;

// 22 bits of index: where two share a lane, fairness suffers and order does not.
inline constexpr LaneKey lane_key(std::uint32_t kind, std::uint8_t shard, std::uint32_t index) {
  return kind << 30 | std::uint32_t{shard} << 22 | (index & 0x3fffff);
}
// What came by this connection and is not sealed here.
inline constexpr LaneKey lane_of_link(std::uint8_t shard, std::uint32_t index) {
  return lane_key(1, shard, index);
}
// What carries a nonce of this channel, or came out of it.
inline constexpr LaneKey lane_of_channel(std::uint8_t shard, std::uint32_t index) {
  return lane_key(2, shard, index);
}

}  // namespace weir
