// Latency readings as bodies: histograms without their empty buckets, names fit for a terminal.
#include <fmt/format.h>

#include <algorithm>

#include "control/node/api/convert.h"
#include "dataplane/telemetry/stage_clock.h"

namespace weir::api {
namespace {

template <class H>
LatencyHistogram histogram_body(std::string name, const H& histogram) {
  LatencyHistogram out;
  out.name = std::move(name);
  out.sum = static_cast<std::uint64_t>(histogram.sum());
  out.min = histogram.min();
  out.max = histogram.max();
  histogram.for_each([&out](std::uint64_t low, std::uint64_t, std::uint64_t count) {
    out.buckets.push_back(low);
    out.buckets.push_back(count);
  });
  return out;
}

// Whoever registers a relay chooses its name: any bytes.
std::string printable(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

LatencyRelay relay_body(std::uint64_t key, const RelayTimes& relay) {
  LatencyRelay out;
  if (key != 0) out.key = fmt::format("{:016x}", key);
  out.name = printable({relay.name.data(), relay.name_bytes});
  out.frames = relay.frames;
  out.bytes = relay.bytes;
  out.total = histogram_body({}, relay.total_ns);
  return out;
}

LatencyShard shard_body(const StageResults& results) {
  LatencyShard out;
  out.from_ns = results.from_ns;
  out.until_ns = results.until_ns;
  out.frames = results.frames;
  out.sampled = results.sampled;
  out.ended_here = results.ended_here;
  out.unfinished = results.unfinished;
  out.busy_ns = results.busy_ns;
  out.stalls_seen = results.stalls_seen;
  for (std::size_t i = 0; i < kStages; ++i) {
    out.stages.push_back(histogram_body(stage_name(static_cast<Stage>(i)), results.stage_ns[i]));
  }
  out.turns = histogram_body("turn", results.turn_ns);
  for (std::size_t i = 0; i < results.mixes.size(); ++i) {
    const StageResults::Mix& mix = results.mixes[i];
    if (mix.frames == 0) continue;
    out.mixes.push_back(
        {MixBuckets::bucket_low(i), mix.frames, {mix.sum_ns.begin(), mix.sum_ns.end()}});
  }
  for (std::size_t i = 0; i < results.relay_count; ++i) {
    out.relays.push_back(relay_body(results.relay_keys[i], results.relays[i]));
  }
  const RelayTimes& rest = results.relays[kRelaySlots];
  if (rest.frames != 0 || rest.total_ns.count() != 0) out.relays.push_back(relay_body(0, rest));
  for (std::size_t i = 0; i < results.stall_count; ++i) {
    const Stall& stall = results.stalls[i];
    out.stalls.push_back({stall.at_ns, stall.length_ns, stall.frames});
  }
  for (int i = 1; i < static_cast<int>(DropReason::kCount); ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (const std::uint64_t count = results.counters.dropped(reason); count != 0) {
      out.drops.push_back({drop_reason_name(reason), drop_reason_words(reason), count});
    }
  }
  return out;
}

}  // namespace

LatencyStarted to_body(const LatencySession& session) {
  return {session.id, session.shards, session.hardware_ticks, session.lease_ms};
}

LatencyReport to_body(const LatencyReading& reading) {
  LatencyReport out;
  for (const StageResults* shard : reading.shards) out.shards.push_back(shard_body(*shard));
  return out;
}

}  // namespace weir::api
