#include "dataplane/telemetry/stage_clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstring>

#include "dataplane/contract.h"

namespace weir {
namespace {

// A frame that waits longer was in a queue that went away.
constexpr std::uint64_t kMarkLifeNs = 60 * kNsPerSecond;

constexpr std::array<const char*, kStages> kStageNames = {"receive", "open", "route", "ring",
                                                          "seal",    "send", "total"};

std::uint32_t cut(std::uint64_t ticks) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, 0xffffffff));
}
std::uint64_t since(std::uint64_t earlier, std::uint64_t later) {
  return later > earlier ? later - earlier : 0;  // another core's counter may be a little behind
}
constexpr std::uint32_t bit(Stage stage) { return 1u << static_cast<unsigned>(stage); }
constexpr std::size_t at(Stage stage) { return static_cast<std::size_t>(stage); }

}  // namespace

void StageClocksEnd::operator()(StageClocks* clocks) const { delete clocks; }

const char* stage_name(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }

bool hardware_ticks_are_steady() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kPowerLeaf = 0x80000007;
  return __get_cpuid(kPowerLeaf, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;  // invariant TSC
#elif defined(__aarch64__)
  return true;
#else
  return false;
#endif
}

void StageResults::clear() {
  from_ns = until_ns = frames = sampled = ended_here = unfinished = busy_ns = 0;
  stalls_seen = 0;
  stall_count = 0;
  for (StageHistogram& histogram : stage_ns) histogram.clear();
  turn_ns.clear();
  std::fill(mixes.begin(), mixes.end(), Mix{});
  const auto reset = [](RelayTimes& relay) {
    relay.frames = relay.bytes = 0;
    relay.name_bytes = 0;
    relay.total_ns.clear();
  };
  for (std::size_t i = 0; i < relay_count; ++i) reset(relays[i]);
  reset(relays[kRelaySlots]);
  relay_count = 0;
}

StageClocks::StageClocks(const StageSettings& settings)
    : sample_(std::max(settings.sample, 1u)),
      stall_ns_(settings.stall_ns),
      hardware_(settings.ticks.hardware),
      ns_per_tick_(settings.ticks.ns_per_tick),
      seed_(settings.seed),
      random_(settings.seed | 1) {}

void StageClocks::attach(Clock& clock, std::uint64_t now_ns, const Counters& counters,
                         const StageClocks* before) {
  clock_ = &clock;
  timing_ = false;
  mark_count_ = 0;
  if (before != nullptr) {
    random_ = before->random_;
    until_sample_ = before->until_sample_;
    const std::uint64_t now = ticks();
    for (std::size_t i = 0; i < before->mark_count_; ++i) {
      if (ns(since(before->marks_[i].queued, now)) > kMarkLifeNs) {
        ++results_.unfinished;
      } else {
        marks_[mark_count_++] = before->marks_[i];
      }
    }
  } else {
    next_sample();
  }
  results_.from_ns = now_ns;
  turn_begins(now_ns, counters);
}

void StageClocks::hand_over(std::uint64_t now_ns, const Counters& counters) {
  results_.until_ns = now_ns;
  results_.counters = counters;
}

void StageClocks::turn_ends(const Counters& counters) {
  const std::uint64_t length_ns = ns(ticks() - turn_ticks_);
  results_.turn_ns.record(length_ns);
  results_.busy_ns += length_ns;
  if (length_ns < stall_ns_) return;
  ++results_.stalls_seen;
  if (results_.stall_count == kStallsMax) return;
  const std::uint64_t in = counters.get(Counter::kFramesIn) - turn_in_;
  const std::uint64_t out = counters.get(Counter::kFramesOut) - turn_out_;
  results_.stalls[results_.stall_count++] = {turn_now_ns_, length_ns, std::max(in, out)};
}

// Random gaps of `sample_` on average: a fixed one would always hit the same frame of a batch.
void StageClocks::next_sample() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  until_sample_ = 1 + random_ % (2 * std::uint64_t{sample_} - 1);
}

bool StageClocks::begin_timing(std::uint64_t received_at_ns, std::size_t bytes) {
  next_sample();
  if (timing_) return false;  // a source that goes on inside another's frame
  const std::uint64_t now = ticks();
  const std::uint64_t waited_ns = since(received_at_ns, turn_now_ns_);
  const std::uint64_t waited =
      hardware_ ? static_cast<std::uint64_t>(static_cast<double>(waited_ns) / ns_per_tick_)
                : waited_ns;
  frame_ = Frame{};
  frame_.start = turn_ticks_ - std::min(waited, turn_ticks_);
  frame_.begun = now;
  frame_.bytes = bytes;
  frame_.spent[at(Stage::kReceive)] = now - frame_.start;
  frame_.seen = bit(Stage::kReceive) | bit(Stage::kRoute);
  timing_ = true;
  ++results_.sampled;
  return true;
}

void StageClocks::end_route(std::uint64_t now) {
  timing_ = false;
  frame_.spent[at(Stage::kRoute)] += since(frame_.begun + frame_.elsewhere, now);
}

void StageClocks::record(const Frame& frame, Stage stage, std::uint64_t length) {
  if ((frame.seen & bit(stage)) != 0) results_.stage_ns[at(stage)].record(ns(length));
}

void StageClocks::end_here() {
  end_route(ticks());
  ++results_.ended_here;
  for (std::size_t i = 0; i < kStages; ++i) {
    record(frame_, static_cast<Stage>(i), frame_.spent[i]);
  }
}

void StageClocks::mark(std::uint64_t owner, std::size_t bytes) {
  const std::uint64_t now = ticks();
  end_route(now);
  if (mark_count_ == kMarksMax) {
    ++results_.unfinished;
    return;
  }
  marks_[mark_count_++] = {owner, bytes, now, frame_};
}

void StageClocks::look_for_sent(std::uint64_t owner, std::size_t bytes) {
  std::uint64_t now = 0;
  for (std::size_t i = 0; i < mark_count_;) {
    Mark& each = marks_[i];
    if (each.owner == owner) {
      if (each.bytes_left <= bytes) {
        if (now == 0) now = ticks();
        finish(each, now);
        each = marks_[--mark_count_];
        continue;
      }
      each.bytes_left -= bytes;
    }
    ++i;
  }
}

void StageClocks::finish(const Mark& mark, std::uint64_t now) {
  Frame frame = mark.frame;
  frame.seen |= bit(Stage::kSend) | bit(Stage::kTotal);
  frame.spent[at(Stage::kSend)] = since(mark.queued, now);
  frame.spent[at(Stage::kTotal)] = since(frame.start, now);
  const std::uint64_t total_ns = ns(frame.spent[at(Stage::kTotal)]);
  StageResults::Mix& mix = results_.mixes[MixBuckets::bucket_of(total_ns)];
  ++mix.frames;
  for (std::size_t i = 0; i < kStages; ++i) {
    record(frame, static_cast<Stage>(i), frame.spent[i]);
    mix.sum_ns[i] += ns(frame.spent[i]);
  }
  if (frame.relay != 0) relay_of(frame.relay).total_ns.record(total_ns);
}

RelayTimes& StageClocks::relay_of(std::uint64_t key) {
  const auto begin = results_.relay_keys.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(results_.relay_count);
  const auto found = std::find(begin, end, key);
  if (found == end) {
    if (results_.relay_count == kRelaySlots) return results_.relays[kRelaySlots];
    results_.relay_keys[results_.relay_count++] = key;
  }
  return results_.relays[static_cast<std::size_t>(found - begin)];
}

void StageClocks::count_relay(ByteSpan address) {
  // FNV-1a; the same on all shards, unknown to those who choose names.
  std::uint64_t key = seed_ ^ 0xcbf29ce484222325;
  for (const std::uint8_t byte : address) key = (key ^ byte) * 0x100000001b3;
  frame_.relay = key | 1;
  RelayTimes& relay = relay_of(frame_.relay);
  ++relay.frames;
  relay.bytes += frame_.bytes;
  if (relay.name_bytes != 0 || &relay == &results_.relays[kRelaySlots]) return;
  relay.name_bytes = static_cast<std::uint8_t>(std::min(address.size(), kRelayNameBytes));
  std::memcpy(relay.name.data(), address.data(), relay.name_bytes);
}

CrossTiming StageClocks::crossing() {
  if (!timing_) return {};
  const std::uint64_t now = ticks();
  end_route(now);
  const auto spent_in = [this](Stage stage) { return cut(frame_.spent[at(stage)]); };
  return {std::max<std::uint64_t>(frame_.start, 1),
          now,
          frame_.relay,
          spent_in(Stage::kReceive),
          spent_in(Stage::kOpen),
          spent_in(Stage::kRoute),
          spent_in(Stage::kSeal)};
}

void StageClocks::arrived(const CrossTiming& timing, std::size_t bytes) {
  if (timing.start == 0 || timing_) return;
  const std::uint64_t now = ticks();
  frame_ = Frame{};
  frame_.start = timing.start;
  frame_.begun = now;
  frame_.relay = timing.relay;
  frame_.bytes = bytes;
  frame_.spent[at(Stage::kReceive)] = timing.receive;
  frame_.spent[at(Stage::kOpen)] = timing.open;
  frame_.spent[at(Stage::kRoute)] = timing.route;
  frame_.spent[at(Stage::kSeal)] = timing.seal;
  frame_.spent[at(Stage::kRing)] = since(timing.pushed, now);
  frame_.seen = bit(Stage::kReceive) | bit(Stage::kRoute) | bit(Stage::kRing);
  if (timing.open != 0) frame_.seen |= bit(Stage::kOpen);
  if (timing.seal != 0) frame_.seen |= bit(Stage::kSeal);
  timing_ = true;
}

}  // namespace weir
