#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace weir::sim {
namespace {

constexpr const char* kTopologyNames[] = {"direct", "relay", "relay with channels"};
constexpr const char* kHostNames[] = {"inlet", "relay", "outlet"};
constexpr const char* kAbortNames[] = {"", ", client resets", ", server resets", ", client closes"};
constexpr const char* kFaultNames[] = {"reset link",  "lose link",  "cut link",  "kill",
                                       "power loss",  "shutdown",   "disk full", "clock jump",
                                       "target down", "extra inlet"};
static_assert(std::size(kFaultNames) == static_cast<std::size_t>(FaultKind::kCount));

// Small sizes are the common ones; each power of two is as likely as the next.
std::uint64_t draw_bytes(SeededRng& rng, int bits_max) {
  const std::uint64_t most = std::uint64_t{1}
                             << rng.below(static_cast<std::uint64_t>(bits_max) + 1);
  return rng.below(most + 1);
}

ShardLimits draw_limits(SeededRng& rng) {
  ShardLimits limits;
  limits.buffers = {{256, 64, 8, 2}};
  if (rng.chance(300)) limits.buffers = {{64, 16, 2, 1}};
  limits.queue_high_bytes = std::size_t{16384} << rng.below(6);
  limits.queue_low_bytes = limits.queue_high_bytes / 4;
  limits.stream_window_bytes = std::uint64_t{4096} << rng.below(7);
  limits.stream_window_bytes_max = limits.stream_window_bytes << rng.below(5);
  limits.stream_window_shared_bytes_max = limits.stream_window_bytes_max / 2;
  limits.portal_chunk_bytes = std::size_t{1024} << rng.below(8);
  return limits;
}

// From every mixture in lanes to hardly any.
void draw_lanes(SeededRng& rng, ShardLimits& limits) {
  limits.queue_mixed_bytes = std::size_t{1} << rng.below(17);
  limits.queue_kept_bytes = std::size_t{1} << rng.below(17);
  limits.queue_reserve_bytes = limits.queue_high_bytes / 4;
  limits.queue_light_bytes = limits.queue_high_bytes / 64;
}

StreamPlan draw_stream(SeededRng& rng, std::uint64_t within_ms) {
  StreamPlan plan;
  plan.start_ms = rng.below(within_ms + 1);
  const int bits = rng.chance(10) ? 22 : rng.chance(100) ? 19 : 16;
  plan.bytes[0] = 8 + draw_bytes(rng, bits);
  plan.bytes[1] = draw_bytes(rng, bits);
  if (rng.chance(400))
    plan.respond_after = std::max<std::uint64_t>(8, rng.below(plan.bytes[0] + 1));
  plan.fin_after_answer = rng.chance(400);
  for (int side = 0; side < 2; ++side) {
    if (rng.chance(200)) {
      plan.read_chunk[side] = static_cast<std::uint32_t>(256 + rng.below(8192));
      plan.read_pause_us[side] = rng.below(20'000);
    }
    if (rng.chance(100)) plan.read_first_ms[side] = rng.below(8'000);
  }
  if (rng.chance(250)) {
    plan.abort = static_cast<Abort>(1 + rng.below(3));
    const int sender = plan.abort == Abort::kServerResets ? 1 : 0;
    plan.abort_at = rng.below(plan.bytes[sender] + 1);
    if (plan.abort == Abort::kClientCloses) plan.abort_at = rng.below(plan.bytes[1] + 1);
  }
  return plan;
}

// One that needs well under a second on a calm network.
StreamPlan draw_brisk_stream(SeededRng& rng) {
  StreamPlan plan;
  plan.start_ms = rng.below(500);
  plan.bytes[0] = 8 + draw_bytes(rng, 16);
  plan.bytes[1] = draw_bytes(rng, 16);
  plan.fin_after_answer = rng.chance(400);
  return plan;
}

Act draw_act(SeededRng& rng, std::uint64_t within_ms) {
  return {rng.below(within_ms), rng.chance(500), static_cast<std::uint32_t>(draw_bytes(rng, 17))};
}

Fault draw_fault(SeededRng& rng, const Scenario& scenario) {
  Fault fault;
  fault.kind = static_cast<FaultKind>(rng.below(static_cast<std::uint64_t>(FaultKind::kCount)));
  fault.at_ms = rng.below(scenario.rough_ms);
  fault.for_ms = 100 + rng.below(rng.chance(200) ? 12'000 : 2'000);
  do {
    fault.host = static_cast<HostRole>(rng.below(kHosts));
  } while (fault.host == HostRole::kRelay && !scenario.has_relay());
  if (fault.kind == FaultKind::kClockJump) {
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t size = std::int64_t{1} << rng.below(26);  // 1 s .. a year
    fault.seconds = rng.chance(500) ? size : -std::min(size, 300 * kDay);
  }
  fault.choice = static_cast<std::uint32_t>(rng.below(1 << 16));
  return fault;
}

}  // namespace

const char* fault_name(FaultKind kind) { return kFaultNames[static_cast<int>(kind)]; }

Scenario Scenario::draw(std::uint64_t seed) {
  SeededRng rng(seed ^ 0x77656972'73696d31);
  Scenario s;
  s.seed = seed;
  s.topology = static_cast<Topology>(rng.below(static_cast<std::uint64_t>(Topology::kCount)));
  for (std::uint32_t& count : s.shards) count = 1 + static_cast<std::uint32_t>(rng.below(2));
  s.openssl = rng.chance(300);
  s.limits = draw_limits(rng);
  s.ring_slots = 8u << rng.below(6);
  s.linger_ms = static_cast<std::uint32_t>(1'000 + rng.below(12'000));
  s.turn_delay_ns_max = rng.below(2) * rng.below(200'000);
  if (rng.chance(300)) {
    s.preempt = static_cast<std::uint32_t>(rng.below(20));
    s.preempt_ns_max = rng.below(30'000'000);
  }
  s.rough_ms = 2'000 + rng.below(18'000);
  const bool clean = rng.chance(120);
  s.rough = SimParameters::draw(rng);
  s.calm = s.rough;
  s.calm.delay_ns_max = std::min<std::uint64_t>(s.calm.delay_ns_max, 3'000'000);
  s.calm.delay_ns_min = std::min(s.calm.delay_ns_min, s.calm.delay_ns_max);
  s.calm.window_bytes = std::max<std::uint32_t>(s.calm.window_bytes, 16'384);
  s.calm.stall = s.calm.reset = s.calm.lose = 0;
  s.calm.refuse_connect = s.calm.lose_connect = s.calm.fail_accept = s.calm.exhaust_accept = 0;
  if (clean) s.rough = s.calm;
  const std::uint64_t faults = clean ? 0 : rng.below(6);
  for (std::uint64_t i = 0; i < faults; ++i) s.faults.push_back(draw_fault(rng, s));
  std::sort(s.faults.begin(), s.faults.end(),
            [](const Fault& a, const Fault& b) { return a.at_ms < b.at_ms; });
  const std::uint64_t rough_streams = 1 + rng.below(8);
  for (std::uint64_t i = 0; i < rough_streams; ++i)
    s.rough_streams.push_back(draw_stream(rng, s.rough_ms));
  for (int i = 0; i < 2; ++i) s.calm_streams.push_back(draw_brisk_stream(rng));
  // One that stands still while the others must go on: more than the windows on the way hold.
  StreamPlan slow;
  slow.bytes[0] = 8;
  slow.bytes[1] = 8 + (rng.chance(300) ? 300'000 : 60'000);
  slow.read_first_ms[0] = 8'000;
  s.calm_streams.insert(s.calm_streams.begin(), slow);
  const std::uint64_t acts = rng.below(4);
  for (std::uint64_t i = 0; i < acts; ++i) s.rough_acts.push_back(draw_act(rng, s.rough_ms));
  s.calm_acts.push_back(draw_act(rng, 500));
  draw_lanes(rng, s.limits);
  return s;
}

bool Scenario::is_clean() const {
  return faults.empty() && rough.reset == 0 && rough.lose == 0 && rough.refuse_connect == 0 &&
         rough.lose_connect == 0 && rough.fail_accept == 0 && rough.exhaust_accept == 0;
}

std::string Scenario::to_string() const {
  std::string out = fmt::format("seed {}\n", seed);
  out += fmt::format("topology: {}; shards {} {} {}; {}; {} ring slots; linger {} ms\n",
                     kTopologyNames[static_cast<int>(topology)], shards[0], shards[1], shards[2],
                     openssl ? "openssl" : "best aead", ring_slots, linger_ms);
  out += fmt::format(
      "limits: buffers {} {} {} {}; queue {}..{} B, {} mixed, {} kept; stream window {}..{} B; "
      "chunk {} B\n",
      limits.buffers.count[0], limits.buffers.count[1], limits.buffers.count[2],
      limits.buffers.count[3], limits.queue_low_bytes, limits.queue_high_bytes,
      limits.queue_mixed_bytes, limits.queue_kept_bytes, limits.stream_window_bytes,
      limits.stream_window_bytes_max, limits.portal_chunk_bytes);
  out += fmt::format("threads: turn delay up to {} ns; {} per mille of turns up to {} ns\n",
                     turn_delay_ns_max, preempt, preempt_ns_max);
  out += fmt::format("rough phase {} ms: {}\n", rough_ms, rough.to_string());
  out += fmt::format("calm phase: {}\n", calm.to_string());
  for (const Fault& f : faults) {
    out +=
        fmt::format("fault at {} ms for {} ms: {} ({} host, {} s, choice {})\n", f.at_ms, f.for_ms,
                    fault_name(f.kind), kHostNames[static_cast<int>(f.host)], f.seconds, f.choice);
  }
  const auto acts = [&](const char* phase, const std::vector<Act>& list) {
    for (const Act& act : list) {
      out += fmt::format("{} message at {} ms: {} B to echo{}\n", phase, act.at_ms, act.bytes,
                         act.by_channel ? " by a channel of its own" : "");
    }
  };
  acts("rough", rough_acts);
  acts("calm", calm_acts);
  const auto streams = [&](const char* phase, const std::vector<StreamPlan>& plans) {
    for (const StreamPlan& p : plans) {
      out += fmt::format(
          "{} stream at {} ms: {} B out, {} B back after {}{}; reads {}/{} B every {}/{} us, first "
          "after {}/{} ms{} {}\n",
          phase, p.start_ms, p.bytes[0], p.bytes[1], p.respond_after,
          p.fin_after_answer ? ", fin after answer" : "", p.read_chunk[0], p.read_chunk[1],
          p.read_pause_us[0], p.read_pause_us[1], p.read_first_ms[0], p.read_first_ms[1],
          kAbortNames[static_cast<int>(p.abort)], p.abort_at);
    }
  };
  streams("rough", rough_streams);
  streams("calm", calm_streams);
  return out;
}

}  // namespace weir::sim
