// What a recording holds, in memory and as a JSON file. Bounded whatever its length: histograms of
// the whole, a few dozen blocks of it (for what is noise), points of a timeline.
//
// Blocks are consecutive intervals put together; when there are kBlocksMax of them, neighbours are
// merged, so that between half and all of that many cover the recording evenly.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/node/api/models_latency.h"
#include "dataplane/telemetry/stage_clock.h"

namespace weir::latency {

inline constexpr std::size_t kBlocksMax = 64;
inline constexpr std::size_t kPointsMax = 4'000;  // of the timeline; then neighbours are merged
inline constexpr std::size_t kStallsKept = 500;   // the longest
inline constexpr std::size_t kRelaysKept = 1'000;
inline constexpr std::size_t kShardsMax = 256;

using Stages = std::array<StageHistogram, kStages>;  // ns
inline std::size_t index(Stage stage) { return static_cast<std::size_t>(stage); }

// Frames that were timed, of one shard, over the whole recording.
struct ShardPart {
  std::uint64_t frames = 0;
  std::uint64_t sampled = 0;
  std::uint64_t ended_here = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t stalls_seen = 0;
  Stages stages;
  StageHistogram turns;
};

// One interval of the timeline, all shards together.
struct Point {
  double at_s = 0;  // its beginning, from the recording's
  double seconds = 0;
  std::uint64_t frames = 0;
  std::uint64_t drops = 0;
  std::uint64_t p50_ns = 0;  // of the total
  std::uint64_t p99_ns = 0;
  std::uint64_t max_ns = 0;
  double busy = 0;  // of the busiest shard, 0 to 1
};

struct StallPoint {
  double at_s = 0;
  std::uint64_t length_ns = 0;
  std::uint64_t frames = 0;
  std::uint64_t shard = 0;
};

struct DropSum {
  std::string words;
  std::uint64_t count = 0;
};

struct RelayPart {
  std::string name;          // empty: the rest, together
  std::uint64_t frames = 0;  // timed
  std::uint64_t bytes = 0;
  RelayHistogram total;
};

struct Mix {
  std::uint64_t frames = 0;
  std::array<double, kStages> sum_ns{};
};

struct Recording {
  std::string node;
  std::string began;  // "2026-11-21T17:00:00Z"
  std::string machine;
  std::string note;  // why it is shorter than asked for; empty: it is not
  std::uint64_t sample = 0;
  std::uint64_t stall_ns = 0;
  bool hardware_ticks = false;
  double seconds = 0;
  std::vector<ShardPart> shards;
  std::vector<Stages> blocks;
  std::vector<Point> points;
  std::vector<StallPoint> stalls;
  std::map<std::string, DropSum> drops;     // by name
  std::map<std::string, RelayPart> relays;  // by key, "" the rest
  std::map<std::uint64_t, Mix> mixes;       // by low end of the total, ns

  // All shards and blocks.
  Stages together() const;
  std::uint64_t frames() const;
  std::uint64_t stalls_seen() const;
  std::uint64_t dropped() const;
};

// Puts intervals together as they are read.
class Recorder {
 public:
  explicit Recorder(Recording& recording) : recording_(recording) {}
  // kInvalid: the node said something that cannot be.
  Status add(const api::LatencyReport& report);
  // For the progress line: the last interval.
  const Point& last() const { return last_; }

 private:
  Status add_shard(const api::LatencyShard& shard, std::size_t number, Stages& block, Point& point);
  void add_drops(const api::LatencyShard& shard, std::size_t number, Point& point);
  Status add_relays(const api::LatencyShard& shard);
  void add_stalls(const api::LatencyShard& shard, std::size_t number);
  void close_block(Stages&& block);

  Recording& recording_;
  std::uint64_t began_ns_ = 0;
  std::size_t intervals_per_block_ = 1;
  std::size_t intervals_in_last_ = 0;
  std::vector<std::map<std::string, std::uint64_t>> drops_before_;
  Point last_;
};

// False: it is no histogram.
template <class H>
bool fill(H& histogram, const api::LatencyHistogram& from) {
  constexpr std::uint64_t kCountMax = std::uint64_t{1} << 50;
  if (from.buckets.size() % 2 != 0) return false;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < from.buckets.size(); i += 2) {
    if (from.buckets[i + 1] > kCountMax || (count += from.buckets[i + 1]) > kCountMax) return false;
    histogram.restore(from.buckets[i], from.buckets[i + 1]);
  }
  if (count != 0) {
    histogram.restore_exact(static_cast<double>(from.sum), from.min, from.max);
  }
  return from.min <= from.max;
}

std::string to_file_text(const Recording& recording);
// kInvalid with what was wrong. Everything in it is bounded; nothing is believed.
Result<Recording> from_file_text(const std::string& text);
Result<Recording> read_recording(const std::string& path);
Status write_file(const std::string& path, const std::string& text);

}  // namespace weir::latency
