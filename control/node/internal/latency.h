// The control side of latency profiles (tools/latency): lends stage clocks to the shards, and reads
// by exchanging them for empty ones, so that a reading is exactly what happened since the last.
//
// One session at a time, because reading takes away what is read: a second profiler is refused, or
// takes over. A session that nobody reads for kLatencyLeaseMs ends by itself: its profiler is gone.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "control/node/internal/core.h"
#include "dataplane/telemetry/stage_clock.h"

namespace weir::control {

inline constexpr std::uint64_t kLatencyLeaseMs = 30'000;

// The session under way.
struct LatencyRun {
  LatencySession session;
  std::uint64_t since_ns = 0;
  std::uint64_t read_ns = 0;
  TimerId lease = kNoTimer;
  std::vector<StageClocksBox> spare;      // per shard, empty
  std::vector<StageClocksBox> read_back;  // per shard, while a reading is under way
  std::size_t missing = 0;
  Done<LatencyReading> done;
  std::map<ControlId, std::size_t> requests;  // of this reading: shard
};

class LatencyProfiler {
 public:
  explicit LatencyProfiler(NodeCore& core);
  ~LatencyProfiler();

  Result<LatencySession> start(const LatencyRequest& request);
  // What `done` gets is there only until it returns. One at a time.
  void read(std::uint64_t session, Done<LatencyReading> done);
  Status stop(std::uint64_t session);
  void on_back(StageClocksBack& event);

 private:
  TickScale scale() const;
  void renew();
  void end(const char* why);
  void finish_reading();

  NodeCore& core_;
  // When control began: the longer ago, the better the rate of the CPU's ticks is known.
  std::uint64_t began_ns_ = 0;
  std::uint64_t began_ticks_ = 0;
  std::optional<LatencyRun> active_;
};

}  // namespace weir::control
