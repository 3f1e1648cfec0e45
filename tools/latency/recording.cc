#include "tools/latency/recording.h"

#include <algorithm>

namespace weir::latency {
namespace {

double seconds_between(std::uint64_t from_ns, std::uint64_t until_ns) {
  return until_ns > from_ns ? static_cast<double>(until_ns - from_ns) / 1e9 : 0;
}

void merge_points(std::vector<Point>& points) {
  std::vector<Point> merged;
  for (std::size_t i = 0; i < points.size(); i += 2) {
    Point point = points[i];
    if (i + 1 < points.size()) {
      const Point& next = points[i + 1];
      point.p50_ns = std::max(point.p50_ns, next.p50_ns);
      point.p99_ns = std::max(point.p99_ns, next.p99_ns);
      point.max_ns = std::max(point.max_ns, next.max_ns);
      point.busy = std::max(point.busy, next.busy);
      point.seconds += next.seconds;
      point.frames += next.frames;
      point.drops += next.drops;
    }
    merged.push_back(point);
  }
  points = std::move(merged);
}

void merge_into(Stages& to, const Stages& from) {
  for (std::size_t i = 0; i < kStages; ++i) to[i].merge(from[i]);
}

}  // namespace

Stages Recording::together() const {
  Stages all;
  for (const ShardPart& shard : shards) merge_into(all, shard.stages);
  return all;
}

std::uint64_t Recording::frames() const {
  std::uint64_t sum = 0;
  for (const ShardPart& shard : shards) sum += shard.frames;
  return sum;
}

std::uint64_t Recording::stalls_seen() const {
  std::uint64_t sum = 0;
  for (const ShardPart& shard : shards) sum += shard.stalls_seen;
  return sum;
}

std::uint64_t Recording::dropped() const {
  std::uint64_t sum = 0;
  for (const auto& [name, drop] : drops) sum += drop.count;
  return sum;
}

Status Recorder::add(const api::LatencyReport& report) {
  if (report.shards.empty() || report.shards.size() > kShardsMax ||
      (!recording_.shards.empty() && recording_.shards.size() != report.shards.size())) {
    return fail(Errc::kInvalid, "the node speaks of another number of shards than before");
  }
  if (recording_.shards.empty()) {
    recording_.shards.resize(report.shards.size());
    drops_before_.resize(report.shards.size());
    began_ns_ = report.shards[0].from_ns;
  }
  Point point;
  point.at_s = seconds_between(began_ns_, report.shards[0].from_ns);
  point.seconds = seconds_between(report.shards[0].from_ns, report.shards[0].until_ns);
  Stages block;
  for (std::size_t i = 0; i < report.shards.size(); ++i) {
    if (Status added = add_shard(report.shards[i], i, block, point); !added) return added;
  }
  const StageHistogram& total = block[index(Stage::kTotal)];
  point.p50_ns = total.value_at(0.5);
  point.p99_ns = total.value_at(0.99);
  point.max_ns = total.max();
  recording_.seconds = point.at_s + point.seconds;
  if (recording_.points.size() == kPointsMax) merge_points(recording_.points);
  recording_.points.push_back(point);
  last_ = point;
  close_block(std::move(block));
  return {};
}

Status Recorder::add_shard(const api::LatencyShard& shard, std::size_t number, Stages& block,
                           Point& point) {
  ShardPart& part = recording_.shards[number];
  part.frames += shard.frames;
  part.sampled += shard.sampled;
  part.ended_here += shard.ended_here;
  part.unfinished += shard.unfinished;
  part.busy_ns += shard.busy_ns;
  part.stalls_seen += shard.stalls_seen;
  point.frames += shard.frames;
  const double seconds = seconds_between(shard.from_ns, shard.until_ns);
  if (seconds > 0) {
    point.busy = std::max(point.busy, static_cast<double>(shard.busy_ns) / 1e9 / seconds);
  }
  const auto broken = fail(Errc::kInvalid, "the node sent a histogram that is none");
  for (const api::LatencyHistogram& from : shard.stages) {
    for (std::size_t i = 0; i < kStages; ++i) {
      if (from.name != stage_name(static_cast<Stage>(i))) continue;
      StageHistogram histogram;
      if (!fill(histogram, from)) return broken;
      part.stages[i].merge(histogram);
      block[i].merge(histogram);
    }
  }
  StageHistogram turns;
  if (!fill(turns, shard.turns)) return broken;
  part.turns.merge(turns);
  for (const api::LatencyMix& from : shard.mixes) {
    if (from.sum_ns.size() != kStages) return broken;
    Mix& mix = recording_.mixes[MixBuckets::bucket_low(MixBuckets::bucket_of(from.low_ns))];
    mix.frames += from.frames;
    for (std::size_t i = 0; i < kStages; ++i) mix.sum_ns[i] += static_cast<double>(from.sum_ns[i]);
  }
  add_drops(shard, number, point);
  add_stalls(shard, number);
  return add_relays(shard);
}

// The node counts since its start: what counts is what came after the first reading.
void Recorder::add_drops(const api::LatencyShard& shard, std::size_t number, Point& point) {
  auto& before = drops_before_[number];
  const bool first = recording_.points.empty();
  for (const api::DropCount& drop : shard.drops) {
    std::uint64_t& last = before[drop.name];
    const std::uint64_t fresh = first || drop.count < last ? 0 : drop.count - last;
    last = drop.count;
    if (fresh == 0) continue;
    DropSum& sum = recording_.drops[drop.name];
    sum.words = drop.words;
    sum.count += fresh;
    point.drops += fresh;
  }
}

void Recorder::add_stalls(const api::LatencyShard& shard, std::size_t number) {
  for (const api::LatencyStall& stall : shard.stalls) {
    recording_.stalls.push_back(
        {seconds_between(began_ns_, stall.at_ns), stall.length_ns, stall.frames, number});
  }
  auto& stalls = recording_.stalls;
  if (stalls.size() <= kStallsKept) return;
  const auto longer = [](const StallPoint& a, const StallPoint& b) {
    return a.length_ns > b.length_ns;
  };
  std::nth_element(stalls.begin(), stalls.begin() + kStallsKept, stalls.end(), longer);
  stalls.resize(kStallsKept);
}

Status Recorder::add_relays(const api::LatencyShard& shard) {
  for (const api::LatencyRelay& from : shard.relays) {
    const bool known = recording_.relays.contains(from.key);
    const bool room = recording_.relays.size() < kRelaysKept;
    RelayPart& relay = recording_.relays[known || room ? from.key : std::string()];
    if (relay.name.empty() && (known || room)) relay.name = from.name;
    relay.frames += from.frames;
    relay.bytes += from.bytes;
    RelayHistogram total;
    if (!fill(total, from.total)) {
      return fail(Errc::kInvalid, "the node sent a histogram that is none");
    }
    relay.total.merge(total);
  }
  return {};
}

void Recorder::close_block(Stages&& block) {
  auto& blocks = recording_.blocks;
  if (intervals_in_last_ != 0 && intervals_in_last_ < intervals_per_block_) {
    merge_into(blocks.back(), block);
    ++intervals_in_last_;
    return;
  }
  if (blocks.size() == kBlocksMax) {
    for (std::size_t i = 0; i < kBlocksMax / 2; ++i) {
      merge_into(blocks[2 * i], blocks[2 * i + 1]);
      if (i != 0) blocks[i] = std::move(blocks[2 * i]);
    }
    blocks.resize(kBlocksMax / 2);
    intervals_per_block_ *= 2;
  }
  blocks.push_back(std::move(block));
  intervals_in_last_ = 1;
}

}  // namespace weir::latency
