// Latency profiles as control leads them: sessions, readings, the lease; and their bodies.
#include "control/node/internal/latency.h"

#include <algorithm>
#include <deque>
#include <numeric>

#include "control/node/api/convert.h"
#include "control/node/node.h"
#include "tests/unit/control/node_world.h"

namespace weir::test {
namespace {

using control::kLatencyLeaseMs;

// A shard that does nothing but exchange its stage clocks.
struct ClockPort final : ShardPort {
  explicit ClockPort(Clock& clock_in) : clock(clock_in) {}
  void send(Command command) override {
    auto* set = std::get_if<SetStageClocks>(&command);
    if (set == nullptr) return;
    if (set->clocks) set->clocks->attach(clock, clock.now_ns(), counters, attached.get());
    if (attached) attached->hand_over(clock.now_ns(), counters);
    attached.swap(set->clocks);
    waiting.push_back(StageClocksBack{set->request, std::move(set->clocks)});
  }
  bool poll(Event& event) override {
    if (waiting.empty() || !answers) return false;
    event = std::move(waiting.front());
    waiting.pop_front();
    return true;
  }
  Clock& clock;
  Counters counters;
  StageClocksBox attached;
  std::deque<StageClocksBack> waiting;
  bool answers = true;
};

struct Profiled {
  Profiled() {
    NodeConfig config;
    config.identity = persona.id;
    node = std::make_unique<Node>(config, std::vector<ShardPort*>{&first, &second}, nullptr,
                                  persona.identities, resolver, clock, rng, nullptr);
    network.advance_to(kNsPerSecond);
  }
  void pass_ms(std::uint64_t ms) {
    network.advance_to(network.now_ns() + ms * kNsPerMs);
    node->step();
  }
  std::uint64_t start(LatencyRequest request = {}) {
    const auto session = node->start_latency(request);
    EXPECT_TRUE(session);
    node->step();
    return session ? session->id : 0;
  }
  // The frames that were sampled by each shard, or the error's code.
  Result<std::vector<std::uint64_t>> read(std::uint64_t session) {
    std::optional<Result<std::vector<std::uint64_t>>> out;
    node->read_latency(session, [&](Result<LatencyReading> reading) {
      if (!reading) {
        out = pass(reading);
        return;
      }
      std::vector<std::uint64_t> sampled;
      for (const StageResults* shard : reading->shards) sampled.push_back(shard->sampled);
      out = std::move(sampled);
    });
    node->step();
    return out.value_or(fail(Errc::kInternal, "no answer"));
  }
  // One frame that is timed, in virtual time.
  void frame(ClockPort& port, std::uint64_t wait_ms) {
    StageClocks* clocks = port.attached.get();
    ASSERT_NE(clocks, nullptr);
    time_frame(clocks, clock.now_ns(), 100, [&] {
      clocks->relayed(as_bytes("forward_to_\x01<b>"));
      clocks->queued(1, 10);
    });
    network.advance_to(network.now_ns() + wait_ms * kNsPerMs);
    clocks->sent(1, 10);
  }

  SimNetwork network{1, {}};
  SimClock clock{network};
  ClockPort first{clock};
  ClockPort second{clock};
  SeededRng rng{3};
  Persona persona{clock, 5};
  TableResolver resolver;
  std::unique_ptr<Node> node;
};

TEST(LatencyProfile, AReadingIsWhatHappenedSinceTheLast) {
  Profiled p;
  const std::uint64_t session = p.start({.sample = 1});
  p.frame(p.first, 1);
  p.frame(p.first, 1);
  p.frame(p.second, 1);
  EXPECT_EQ(p.read(session).value(), (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(p.read(session).value(), (std::vector<std::uint64_t>{0, 0}));
  p.frame(p.second, 1);
  EXPECT_EQ(p.read(session).value(), (std::vector<std::uint64_t>{0, 1}));
  EXPECT_TRUE(p.node->stop_latency(session));
  EXPECT_EQ(p.first.attached, nullptr);
  EXPECT_EQ(p.read(session).error().code, Errc::kNotFound);
  EXPECT_EQ(p.node->stop_latency(session).error().code, Errc::kNotFound);
}

TEST(LatencyProfile, ASessionThatNobodyReadsEndsByItself) {
  Profiled p;
  const std::uint64_t session = p.start();
  p.pass_ms(kLatencyLeaseMs - 1);
  EXPECT_TRUE(p.read(session));
  p.pass_ms(kLatencyLeaseMs - 1);
  EXPECT_NE(p.first.attached, nullptr);
  p.pass_ms(1);
  EXPECT_EQ(p.first.attached, nullptr);
  EXPECT_EQ(p.second.attached, nullptr);
  EXPECT_EQ(p.read(session).error().code, Errc::kNotFound);
  EXPECT_NE(p.start(), session);
}

TEST(LatencyProfile, ASecondProfilerIsRefusedOrTakesOver) {
  Profiled p;
  const std::uint64_t session = p.start();
  const auto refused = p.node->start_latency({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kAlreadyExists);
  EXPECT_TRUE(p.read(session));
  const std::uint64_t other = p.start({.take_over = true});
  EXPECT_EQ(p.read(session).error().code, Errc::kNotFound);
  EXPECT_TRUE(p.read(other));
  EXPECT_EQ(p.node->start_latency({.sample = 0, .take_over = true}).error().code, Errc::kInvalid);
  EXPECT_TRUE(p.read(other));
}

TEST(LatencyProfile, AShardThatDoesNotAnswerHoldsUpOnlyTheReading) {
  Profiled p;
  const std::uint64_t session = p.start();
  p.second.answers = false;
  std::vector<Errc> errors;
  const auto note = [&](const Result<LatencyReading>& reading) {
    errors.push_back(reading ? Errc::kInternal : reading.error().code);
  };
  p.node->read_latency(session, note);
  p.node->step();
  p.node->read_latency(session, note);
  EXPECT_EQ(errors, std::vector{Errc::kAlreadyExists});
  EXPECT_TRUE(p.node->stop_latency(session));
  EXPECT_EQ(errors, (std::vector{Errc::kAlreadyExists, Errc::kNotFound}));
  p.second.answers = true;
  p.node->step();
  EXPECT_TRUE(p.read(p.start()));
}

TEST(LatencyProfile, TimesAreVirtualInASimulatorAndNamesInABodyArePrintable) {
  Profiled p;
  const std::uint64_t session = p.start({.sample = 1});
  p.frame(p.first, 3);
  std::optional<api::LatencyReport> report;
  p.node->read_latency(session, [&](const Result<LatencyReading>& reading) {
    report = api::LatencyReport::decode(api::to_body(*reading).encode()).value();
  });
  p.node->step();
  ASSERT_TRUE(report);
  ASSERT_EQ(report->shards.size(), 2u);
  const api::LatencyShard& shard = report->shards[0];
  EXPECT_EQ(shard.until_ns - shard.from_ns, 3 * kNsPerMs);
  ASSERT_EQ(shard.stages.size(), kStages);
  const api::LatencyHistogram& total = shard.stages.back();
  EXPECT_EQ(total.name, "total");
  EXPECT_EQ(total.sum, 3 * kNsPerMs);
  EXPECT_EQ(total.max, 3 * kNsPerMs);
  ASSERT_EQ(total.buckets.size(), 2u);
  EXPECT_EQ(total.buckets[1], 1u);
  ASSERT_EQ(shard.mixes.size(), 1u);
  EXPECT_EQ(shard.mixes[0].sum_ns.back(), 3 * kNsPerMs);
  ASSERT_EQ(shard.relays.size(), 1u);
  EXPECT_EQ(shard.relays[0].name, "forward_to_\\x01<b>");
  EXPECT_EQ(shard.relays[0].bytes, 100u);
}

}  // namespace
}  // namespace weir::test
