// Every bound of a shard, with its reason. Memory at start = the sum of the pools below (address
// space reserved, touched only when used).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "dataplane/shard/buffer_pool.h"

namespace weir {

struct ShardLimits {
  // 32 MiB of interactive flows, 64 MiB of heads and bursts, 96 busy bulk flows, 16 frames of 16
  // MiB.
  BufferLimits buffers = {{8192, 1024, 96, 16}};
  std::uint32_t links_max = 200'000;
  std::uint32_t streams_max = 100'000;
  // Cost (bytes, and something per message: shard/turn_order.h) that one source may cause in a row,
  // and that a turn may before what it made is sent: half a millisecond. One bulk receive fits.
  std::int64_t source_quantum = 256 << 10;
  std::int64_t turn_cost_max = (1 << 20) + (256 << 10);
  // Bytes waiting for one connection above which its sources are not read, and below which they are
  // again.
  std::size_t queue_high_bytes = 1 << 20;
  std::size_t queue_low_bytes = 256 << 10;
  // Several flows' frames stand in one row up to this; above, in lanes (link/tx_queue.h).
  std::size_t queue_mixed_bytes = 64 << 10;
  // What a socket that refuses more keeps of a send: a frame that comes now waits behind it. The
  // next one is tried with everything.
  std::size_t queue_kept_bytes = 64 << 10;
  // What the kernel takes for a connection beyond what it can send now; and once several flows have
  // met there while it was full: what comes then waits behind it.
  std::uint32_t unsent_bytes = 512 << 10;
  std::uint32_t unsent_shared_bytes = 128 << 10;
  // Above the high mark, too, a flow with no more than so much waiting may add to it, and all such
  // together up to the reserve.
  std::size_t queue_light_bytes = 16 << 10;
  std::size_t queue_reserve_bytes = 256 << 10;
  // Bytes waiting for an application when the peer has no credit (docs/spec/09 section 1.3).
  std::size_t stream_buffer_bytes_max = 16 << 20;
  // ... after which its channel's connection is not read for at most this long, then the stream
  // ends.
  std::uint64_t slow_application_ns = 5 * kNsPerSecond;
  // First credit of a stream between weir ends, and what it may grow to.
  std::uint64_t stream_window_bytes = 256 << 10;
  std::uint64_t stream_window_bytes_max = 4 << 20;
  // ... while other streams share its channel: they wait behind what it has under way.
  std::uint64_t stream_window_shared_bytes_max = 512 << 10;
  // Largest piece that a portal sends in one message: what a real outlet sends at most by itself.
  std::size_t portal_chunk_bytes = 128 << 10;
  // For a Pong, and for the target of a stream that has none (skip-handshake).
  std::uint64_t pong_timeout_ns = 15 * kNsPerSecond;
  // Data of a stream without a handshake that arrives before its target answers: what a path of 100
  // ms and 300 Mbit/s has in flight; and of all such streams together.
  std::size_t parked_stream_bytes_max = 4 << 20;
  std::size_t parked_streams_bytes_max = 32 << 20;
  // The route to a stream's other end; real ones have a few hundred bytes.
  std::size_t stream_route_bytes_max = 4096;
  // A destination that takes nothing this long is closed: it holds other peers' frames.
  std::uint64_t stuck_ns = 20 * kNsPerSecond;
  // A frame above the bulk class must arrive within this: its buffer is one of few.
  std::uint64_t large_frame_ns = 30 * kNsPerSecond;
  // A peer that stops inside a frame while it holds a bulk buffer is closed after this.
  std::uint64_t stalled_frame_ns = 10 * kNsPerSecond;
  // The version byte must arrive within this.
  std::uint64_t version_timeout_ns = 30 * kNsPerSecond;
  // Sources that found no buffer, and events that control's ring had no room for, are tried again
  // at this pace.
  std::uint64_t buffer_retry_ns = 10 * kNsPerMs;
  // Data that arrives behind a handshake message, per handshake.
  std::size_t parked_bytes_max = 1 << 20;
  std::uint32_t parked_frames_max = 256;
  std::uint32_t local_hops_max = 64;
  std::uint32_t reply_gates_per_worker_max = 4096;
};

}  // namespace weir
