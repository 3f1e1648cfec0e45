// What a shard counts. One writer (the shard); control gets copies by Report.
#pragma once

#include <cstdint>

namespace weir {

enum class DropReason : std::uint16_t {
  kNone,
#define DROP_REASON(name, words) name,
#include "dataplane/telemetry/drop_reason.def"
#undef DROP_REASON
  kCount
};
const char* drop_reason_name(DropReason reason);   // "unknown_address"
const char* drop_reason_words(DropReason reason);  // "no such worker"

enum class Counter : std::uint16_t {
  kFramesIn,
  kFramesOut,
  kBytesIn,
  kBytesOut,
  kFramesOpened,
  kFramesSealed,
  kPayloadCopies,  // user-space copies of a payload: 0 on the relay path
  kPayloadCopyBytes,
  kTailMoves,  // a frame cut by the end of its receive buffer was moved
  kTailMoveBytes,
  kWaitingCopies,  // a frame that outlived its turn was copied out of a buffer that it pinned
  kWaitingCopyBytes,
  kMessagesToControl,
  kMessagesFromControl,
  kSourcePauses,  // a source was not read because its destination was full
  kLinks,         // gauges from here on
  kChannels,
  kStreams,
  kWorkers,
  kBuffersSmall,
  kBuffersMedium,
  kBuffersBulk,
  kBuffersFrame,
  kCount
};
const char* counter_name(Counter counter);

struct Counters {
  std::uint8_t shard = 0;
  std::uint64_t values[static_cast<int>(Counter::kCount)] = {};
  std::uint64_t drops[static_cast<int>(DropReason::kCount)] = {};

  void add(Counter counter, std::uint64_t n = 1) { values[static_cast<int>(counter)] += n; }
  void set(Counter counter, std::uint64_t n) { values[static_cast<int>(counter)] = n; }
  std::uint64_t get(Counter counter) const { return values[static_cast<int>(counter)]; }
  void drop(DropReason reason);
  std::uint64_t dropped(DropReason reason) const { return drops[static_cast<int>(reason)]; }
};

}  // namespace weir
