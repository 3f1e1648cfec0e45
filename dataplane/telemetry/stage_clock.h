// Where a frame's time goes, measured on demand: one frame in `sample` is timed at each stage, and
// every turn of the shard's loop. Off (no object) it costs a compare per stage.
//
// Control makes a StageClocks, hands it to a shard with SetStageClocks (contract.h) and gets it
// back with what it measured when it sends the next one, or none: the two planes never look at one
// at the same time, and the shard allocates nothing. What is under way when objects are exchanged
// (frames queued, not yet sent) goes on in the new one.
//
//   wake-up --receive--> own turn --open, route, seal--> queued --send--> the kernel has it
//                                       `--ring--> another shard, which goes on from there
//
// Time is the CPU's tick counter where it is steady, else (and in the simulator) the shard's Clock.
// Ticks become ns when they are recorded. One shard's thread at a time; bounded in everything.
#pragma once

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "dataplane/telemetry/counters.h"

namespace weir {

enum class Stage : std::uint8_t {
  kReceive,  // from the wake-up that brought its bytes until the frame's own turn
  kOpen,     // AEAD of all channels it came out of
  kRoute,    // everything else until it was queued
  kRing,     // between two shards
  kSeal,     // AEAD of all channels it went into
  kSend,     // from the queue until the kernel had its last byte
  kTotal,
  kCount
};
inline constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kCount);
const char* stage_name(Stage stage);

using StageHistogram = BasicHistogram<7>;
using RelayHistogram = BasicHistogram<5>;
// Totals are grouped by these buckets to say what frames of about that total were made of.
using MixBuckets = BasicHistogram<2>;

inline constexpr std::size_t kStallsMax = 256;      // kept per object; the rest is counted
inline constexpr std::size_t kRelaySlots = 256;     // the rest is counted together
inline constexpr std::size_t kRelayNameBytes = 64;  // longer names are cut
inline constexpr std::size_t kMarksMax = 512;       // timed frames in queues at a time

inline std::uint64_t hardware_ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return 0;
#endif
}
// The counter runs at one rate on all cores, also while they sleep.
bool hardware_ticks_are_steady();

struct TickScale {
  bool hardware = false;  // else the shard's Clock
  double ns_per_tick = 1;
};

struct StageSettings {
  std::uint32_t sample = 64;  // at least 1; gaps are random around it
  std::uint64_t stall_ns = kNsPerMs;
  TickScale ticks;
  std::uint64_t seed = 1;
};

struct Stall {
  std::uint64_t at_ns = 0;  // of Clock, when the turn began
  std::uint64_t length_ns = 0;
  std::uint64_t frames = 0;
};

struct RelayTimes {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint8_t name_bytes = 0;  // 0: its frames enter on another shard, which knows the name
  std::array<char, kRelayNameBytes> name{};
  RelayHistogram total_ns;
};

// What one shard measured from one exchange to the next.
struct StageResults {
  // Sums over the frames whose total is in one of MixBuckets.
  struct Mix {
    std::uint64_t frames = 0;
    std::array<std::uint64_t, kStages> sum_ns{};
  };
  std::uint64_t from_ns = 0;  // of Clock
  std::uint64_t until_ns = 0;
  std::uint64_t frames = 0;      // all that began here
  std::uint64_t sampled = 0;     // of them
  std::uint64_t ended_here = 0;  // sampled, but nothing left: dropped, or for the control plane
  std::uint64_t unfinished = 0;  // sampled, but their end was not seen
  std::uint64_t busy_ns = 0;     // all turns
  std::uint64_t stalls_seen = 0;
  std::size_t stall_count = 0;
  std::size_t relay_count = 0;  // of the slots; the one behind them is for the rest
  std::array<Stall, kStallsMax> stalls{};
  std::array<StageHistogram, kStages> stage_ns;
  StageHistogram turn_ns;
  std::vector<Mix> mixes{MixBuckets::kBuckets};
  std::array<std::uint64_t, kRelaySlots> relay_keys{};  // of the address, the same on all shards
  std::vector<RelayTimes> relays{kRelaySlots + 1};
  Counters counters;  // of the shard, when it gave this back

  void clear();
};

// A timed frame on its way to another shard. start 0: not timed.
struct CrossTiming {
  std::uint64_t start = 0;
  std::uint64_t pushed = 0;
  std::uint64_t relay = 0;
  std::uint32_t receive = 0;  // ticks
  std::uint32_t open = 0;
  std::uint32_t route = 0;
  std::uint32_t seal = 0;
};

class StageClocks {
 public:
  explicit StageClocks(const StageSettings& settings);
  StageClocks(const StageClocks&) = delete;
  StageClocks& operator=(const StageClocks&) = delete;

  // --- the shard, when objects are exchanged
  // `before`: the one in use until now, or null.
  void attach(Clock& clock, std::uint64_t now_ns, const Counters& counters,
              const StageClocks* before);
  void hand_over(std::uint64_t now_ns, const Counters& counters);

  // --- each turn
  void turn_begins(std::uint64_t now_ns, const Counters& counters) {
    turn_now_ns_ = now_ns;
    turn_ticks_ = ticks();
    turn_in_ = counters.get(Counter::kFramesIn);
    turn_out_ = counters.get(Counter::kFramesOut);
  }
  void turn_ends(const Counters& counters);

  // --- each frame: see time_frame() and time_stage()
  // True: this one is timed, until frame_ends().
  bool frame_begins(std::uint64_t received_at_ns, std::size_t bytes) {
    ++results_.frames;
    if (--until_sample_ != 0) return false;
    return begin_timing(received_at_ns, bytes);
  }
  void frame_ends() {
    if (timing_) end_here();
  }
  bool timing() const { return timing_; }
  std::uint64_t ticks() const { return hardware_ ? hardware_ticks() : clock_->now_ns(); }
  void spent(Stage stage, std::uint64_t length) {
    frame_.spent[static_cast<std::size_t>(stage)] += length;
    frame_.seen |= 1u << static_cast<unsigned>(stage);
    frame_.elsewhere += length;
  }
  void relayed(ByteSpan address) {
    if (timing_) count_relay(address);
  }
  // Its bytes are in the queue `owner`, gone when `bytes` have left that.
  void queued(std::uint64_t owner, std::size_t bytes) {
    if (timing_) mark(owner, bytes);
  }
  // `bytes` have left the queue.
  void sent(std::uint64_t owner, std::size_t bytes) {
    if (mark_count_ != 0) look_for_sent(owner, bytes);
  }
  // The frame goes to another shard / comes from one (then frame_ends() follows).
  CrossTiming crossing();
  void arrived(const CrossTiming& timing, std::size_t bytes);

  // --- control
  StageResults& results() { return results_; }
  const StageResults& results() const { return results_; }

 private:
  struct Frame {
    std::uint64_t start = 0;      // ticks: wake-up
    std::uint64_t begun = 0;      // ticks: its turn, on this shard
    std::uint64_t elsewhere = 0;  // ticks since then that are not `route`
    std::uint64_t relay = 0;
    std::uint64_t bytes = 0;
    std::uint32_t seen = 0;  // bit per stage
    std::array<std::uint64_t, kStages> spent{};
  };
  struct Mark {
    std::uint64_t owner = 0;
    std::uint64_t bytes_left = 0;
    std::uint64_t queued = 0;  // ticks
    Frame frame;
  };

  std::uint64_t ns(std::uint64_t length) const {
    return hardware_ ? static_cast<std::uint64_t>(static_cast<double>(length) * ns_per_tick_)
                     : length;
  }
  void next_sample();
  bool begin_timing(std::uint64_t received_at_ns, std::size_t bytes);
  void end_route(std::uint64_t now);
  void end_here();
  void mark(std::uint64_t owner, std::size_t bytes);
  void look_for_sent(std::uint64_t owner, std::size_t bytes);
  void finish(const Mark& mark, std::uint64_t now);
  void record(const Frame& frame, Stage stage, std::uint64_t length);
  void count_relay(ByteSpan address);
  RelayTimes& relay_of(std::uint64_t key);

  const std::uint32_t sample_;
  const std::uint64_t stall_ns_;
  const bool hardware_;
  const double ns_per_tick_;
  const std::uint64_t seed_;
  Clock* clock_ = nullptr;
  std::uint64_t random_;
  std::uint64_t until_sample_ = 1;
  bool timing_ = false;
  std::uint64_t turn_now_ns_ = 0;
  std::uint64_t turn_ticks_ = 0;
  std::uint64_t turn_in_ = 0;
  std::uint64_t turn_out_ = 0;
  Frame frame_;
  std::size_t mark_count_ = 0;
  std::array<Mark, kMarksMax> marks_{};
  StageResults results_;
};

// Runs what handles one frame. Written so that nothing but a compare is there while clocks are off.
template <typename F>
decltype(auto) time_frame(StageClocks* clocks, std::uint64_t received_at_ns, std::size_t bytes,
                          F&& run) {
  if (clocks == nullptr) [[likely]]
    return run();
  struct End {
    StageClocks* clocks;
    ~End() {
      if (clocks != nullptr) clocks->frame_ends();
    }
  };
  const End end{clocks->frame_begins(received_at_ns, bytes) ? clocks : nullptr};
  return run();
}

// Runs what belongs to a stage of its own, not to `route`.
template <typename F>
decltype(auto) time_stage(StageClocks* clocks, Stage stage, F&& run) {
  if (clocks == nullptr) [[likely]]
    return run();
  struct End {
    StageClocks* clocks;
    Stage stage;
    std::uint64_t from;
    ~End() {
      if (clocks != nullptr) clocks->spent(stage, clocks->ticks() - from);
    }
  };
  StageClocks* const timing = clocks->timing() ? clocks : nullptr;
  const End end{timing, stage, timing != nullptr ? timing->ticks() : 0};
  return run();
}

}  // namespace weir
