// Stage clocks in a shard: what they find, that they cost no allocation, and that they come back.
#include "dataplane/telemetry/stage_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "allocation_counter.h"
#include "shard_far_end.h"

namespace weir {
namespace {
using namespace test;

StageClocksBox make_clocks(std::uint32_t sample, std::uint64_t stall_ns = kNsPerSecond) {
  StageSettings settings;
  settings.sample = sample;
  settings.stall_ns = stall_ns;
  return StageClocksBox(new StageClocks(settings));
}

const StageHistogram& of(const StageClocks& clocks, Stage stage) {
  return clocks.results().stage_ns[static_cast<std::size_t>(stage)];
}

// A relay between two channels: every stage but `ring`.
struct Relayed {
  RelayedPair pair;
  FarEnd owner = install(pair.shard, 1, pair.owner_link, 11);
  FarEnd asker = install(pair.shard, 2, pair.asker_link, 22);
  Relayed() {
    AddWorker relay;
    relay.address = "forward_to_bob";
    relay.kind = WorkerKind::kRelay;
    relay.forward = route({channel_address(1, "ec")});
    relay.forward_flow = 0xff000101;
    relay.allowed = {kListener, kChannelListener};
    pair.shard.send(std::move(relay));
    pair.shard.step();
  }
  StageClocksBox exchange(StageClocksBox clocks) {
    SetStageClocks command;
    command.request = 9;
    command.clocks = std::move(clocks);
    pair.shard.send(std::move(command));
    auto back = pair.shard.take<StageClocksBack>();
    EXPECT_EQ(back.request, 9u);
    return std::move(back.clocks);
  }
  void send(int frames) {
    const Bytes payload(200, 7);
    for (int i = 0; i < frames; ++i) {
      pair.asker.write_frame(route({channel_address(2, "de")}), {},
                             asker.seal(route({"forward_to_bob", "svc"}), route({"cli"}), payload));
    }
    for (int i = 0; i < frames; ++i) EXPECT_FALSE(pair.owner.read_frame().empty());
  }
};

TEST(StageClocks, EveryStageOfARelayedFrameIsTimedAndTheStagesMakeUpTheTotal) {
  Relayed t;
  EXPECT_EQ(t.exchange(make_clocks(1)), nullptr);
  t.send(50);
  const StageClocksBox clocks = t.exchange(nullptr);
  ASSERT_NE(clocks, nullptr);
  const StageResults& results = clocks->results();
  EXPECT_EQ(results.frames, 50u);
  EXPECT_EQ(results.sampled, 50u);
  EXPECT_EQ(results.ended_here, 0u);
  EXPECT_EQ(results.unfinished, 0u);
  EXPECT_LT(results.from_ns, results.until_ns);
  EXPECT_GE(results.busy_ns, 1u);
  EXPECT_EQ(results.counters.get(Counter::kFramesOpened), 50u);
  for (const Stage stage :
       {Stage::kReceive, Stage::kOpen, Stage::kRoute, Stage::kSeal, Stage::kSend, Stage::kTotal}) {
    EXPECT_EQ(of(*clocks, stage).count(), 50u) << stage_name(stage);
  }
  EXPECT_EQ(of(*clocks, Stage::kRing).count(), 0u);
  double parts = 0;
  for (std::size_t i = 0; i + 1 < kStages; ++i) parts += results.stage_ns[i].sum();
  EXPECT_DOUBLE_EQ(parts, of(*clocks, Stage::kTotal).sum());
  std::uint64_t frames = 0;
  for (const StageResults::Mix& mix : results.mixes) {
    frames += mix.frames;
    const auto& sums = mix.sum_ns;
    EXPECT_EQ(std::accumulate(sums.begin(), sums.end() - 1, std::uint64_t{0}), sums.back());
  }
  EXPECT_EQ(frames, 50u);
  ASSERT_EQ(results.relay_count, 1u);
  const RelayTimes& relay = results.relays[0];
  EXPECT_EQ(std::string(relay.name.data(), relay.name_bytes), "forward_to_bob");
  EXPECT_EQ(relay.frames, 50u);
  EXPECT_GT(relay.bytes, 50u * 200);
  EXPECT_EQ(relay.total_ns.count(), 50u);
}

TEST(StageClocks, OneInNIsTimedOnAverageAndNothingAfterTheEnd) {
  Relayed t;
  t.exchange(make_clocks(8));
  for (int i = 0; i < 20; ++i) t.send(40);
  StageClocksBox clocks = t.exchange(nullptr);
  EXPECT_EQ(clocks->results().frames, 800u);
  EXPECT_NEAR(static_cast<double>(clocks->results().sampled), 100, 40);
  t.send(10);
  EXPECT_EQ(clocks->results().frames, 800u);
  EXPECT_EQ(t.pair.shard.shard.stages, nullptr);
}

TEST(StageClocks, AFrameThatWaitsInAQueueIsTimedAcrossAnExchange) {
  Relayed t;
  t.exchange(make_clocks(1));
  // The owner does not read: its queue fills up and keeps what was timed.
  const Bytes payload(60'000, 7);
  int sent = 0;
  while (sent < 400 && !t.pair.shard.shard.links.at(t.pair.owner_link.link.index).tx.in_flight) {
    t.pair.asker.write_frame(route({channel_address(2, "de")}), {},
                             t.asker.seal(route({"forward_to_bob"}), route({"c"}), payload));
    t.pair.shard.step(0);
    ++sent;
  }
  ASSERT_LT(sent, 400);
  for (int i = 0; i < 20; ++i) t.pair.shard.step(0);
  const StageClocksBox first = t.exchange(make_clocks(1));
  const std::uint64_t done = of(*first, Stage::kTotal).count();
  EXPECT_LT(done, static_cast<std::uint64_t>(sent));
  for (int i = 0; i < sent; ++i) EXPECT_FALSE(t.pair.owner.read_frame().empty());
  const StageClocksBox second = t.exchange(nullptr);
  EXPECT_EQ(done + of(*second, Stage::kTotal).count(), static_cast<std::uint64_t>(sent));
  EXPECT_GT(of(*second, Stage::kSend).max(), of(*first, Stage::kSend).min());
}

TEST(StageClocks, AFrameThatIsDroppedCountsAsEndedHereAndHasNoTotal) {
  Relayed t;
  t.exchange(make_clocks(1));
  t.pair.asker.write_frame(route({"nobody"}), {}, Bytes(10, 1));
  for (int i = 0; i < 20; ++i) t.pair.shard.step();
  const StageClocksBox clocks = t.exchange(nullptr);
  EXPECT_EQ(clocks->results().ended_here, 1u);
  EXPECT_EQ(of(*clocks, Stage::kTotal).count(), 0u);
  EXPECT_EQ(clocks->results().counters.dropped(DropReason::kUnknownAddress), 1u);
}

TEST(StageClocks, LongTurnsAreKeptAsStallsAndTheirNumberIsBounded) {
  Relayed t;
  t.exchange(make_clocks(64, 0));  // every turn is one
  for (int i = 0; i < 400; ++i) t.pair.shard.step(0);
  t.send(5);
  const StageClocksBox clocks = t.exchange(nullptr);
  EXPECT_EQ(clocks->results().stall_count, kStallsMax);
  EXPECT_GT(clocks->results().stalls_seen, kStallsMax);
  EXPECT_EQ(clocks->results().turn_ns.count(), clocks->results().stalls_seen);
  EXPECT_GE(clocks->results().stalls[0].at_ns, clocks->results().from_ns);
}

TEST(StageClocks, TheShardAllocatesNothingForThem) {
  Relayed t;
  t.exchange(make_clocks(1));
  t.send(40);
  std::vector<StageClocksBox> fresh;
  for (int i = 0; i < 5; ++i) fresh.push_back(make_clocks(1));
  long cheapest = 1'000'000;
  Bytes payload(200, 7);
  for (StageClocksBox& next : fresh) {
    for (int i = 0; i < 40; ++i) {
      t.pair.asker.write_frame(
          route({channel_address(2, "de")}), {},
          t.asker.seal(route({"forward_to_bob", "svc"}), route({"cli"}), payload));
    }
    SetStageClocks command;
    command.clocks = std::move(next);
    t.pair.shard.send(std::move(command));
    long allocations = 0;
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t deadline = t.pair.shard.clock.now_ns() + kNsPerMs;
      const long before = allocation_count;
      t.pair.shard.shard.step(deadline);
      allocations += allocation_count - before;
    }
    cheapest = std::min(cheapest, allocations);
    t.pair.shard.step();
    for (int i = 0; i < 40; ++i) EXPECT_FALSE(t.pair.owner.read_frame().empty());
  }
  EXPECT_EQ(cheapest, 0);
}

TEST(StageClocks, MoreRelaysThanSlotsAreCountedTogether) {
  const StageClocksBox clocks = make_clocks(1);
  SystemClock clock;
  const Counters counters;
  clocks->attach(clock, clock.now_ns(), counters, nullptr);
  for (std::size_t i = 0; i < kRelaySlots + 50; ++i) {
    time_frame(clocks.get(), clock.now_ns(), 10, [&] {
      clocks->relayed(as_bytes("forward_to_" + std::to_string(i)));
      clocks->queued(1, 10);
    });
    clocks->sent(1, 10);
  }
  const StageResults& results = clocks->results();
  EXPECT_EQ(results.relay_count, kRelaySlots);
  EXPECT_EQ(results.relays[0].frames, 1u);
  EXPECT_EQ(results.relays[kRelaySlots].frames, 50u);
  EXPECT_EQ(results.relays[kRelaySlots].total_ns.count(), 50u);
  EXPECT_EQ(results.relays[kRelaySlots].name_bytes, 0u);
  clocks->results().clear();
  EXPECT_EQ(results.relay_count, 0u);
  EXPECT_EQ(results.relays[3].frames, 0u);
}

TEST(StageClocks, TicksOfTheCpuAreNanosecondsWhenTheyAreRecorded) {
  if (!hardware_ticks_are_steady()) GTEST_SKIP() << "this CPU has no steady tick counter";
  SystemClock clock;
  const std::uint64_t ns = clock.now_ns();
  const std::uint64_t ticks = hardware_ticks();
  while (clock.now_ns() < ns + 20 * kNsPerMs) {
  }
  StageSettings settings;
  settings.sample = 1;
  const double passed_ns = static_cast<double>(clock.now_ns() - ns);
  settings.ticks = {true, passed_ns / static_cast<double>(hardware_ticks() - ticks)};
  StageClocks clocks(settings);
  const Counters counters;
  clocks.attach(clock, clock.now_ns(), counters, nullptr);
  const std::uint64_t from = clock.now_ns();
  time_frame(&clocks, from, 10, [&] { clocks.queued(1, 10); });
  while (clock.now_ns() < from + 5 * kNsPerMs) {
  }
  clocks.sent(1, 10);
  const double until = static_cast<double>(clock.now_ns() - from);
  EXPECT_GE(of(clocks, Stage::kSend).max(), 4'900'000u);
  EXPECT_LE(static_cast<double>(of(clocks, Stage::kTotal).max()), until * 1.01);
}

}  // namespace
}  // namespace weir
