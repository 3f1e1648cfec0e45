// The parts of weir-latency that decide what its figures mean: blocks, files, compositions, noise.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "tools/latency/analysis.h"
#include "tools/latency/compare.h"
#include "tools/latency/html.h"
#include "tools/latency/report_html.h"
#include "tools/latency/report_text.h"

namespace weir::latency {
namespace {

api::LatencyHistogram body_of(const char* name, const StageHistogram& histogram) {
  api::LatencyHistogram out{
      name, static_cast<std::uint64_t>(histogram.sum()), histogram.min(), histogram.max(), {}};
  histogram.for_each([&out](std::uint64_t low, std::uint64_t, std::uint64_t count) {
    out.buckets.push_back(low);
    out.buckets.push_back(count);
  });
  return out;
}

// One interval of a quarter second: `frames` totals around `mean_ns`, of which a fifth is `seal`.
api::LatencyReport interval(std::size_t number, double mean_ns, int frames, SeededRng& rng) {
  StageHistogram total;
  StageHistogram seal;
  api::LatencyShard shard;
  shard.from_ns = 1'000'000'000 + number * 250'000'000;
  shard.until_ns = shard.from_ns + 250'000'000;
  api::LatencyMix mix;
  mix.sum_ns.resize(kStages);
  for (int i = 0; i < frames; ++i) {
    const double u = static_cast<double>(rng.next_u64() % 1'000'000) / 1e6;
    const double ns = mean_ns * (0.5 + u);
    total.record(static_cast<std::uint64_t>(ns));
    seal.record(static_cast<std::uint64_t>(ns / 5));
    mix.low_ns = static_cast<std::uint64_t>(mean_ns);
    ++mix.frames;
    mix.sum_ns[index(Stage::kSeal)] += static_cast<std::uint64_t>(ns / 5);
    mix.sum_ns[index(Stage::kTotal)] += static_cast<std::uint64_t>(ns);
  }
  shard.frames = static_cast<std::uint64_t>(frames) * 64;
  shard.sampled = static_cast<std::uint64_t>(frames);
  shard.busy_ns = 100'000'000;
  shard.stages = {body_of("total", total), body_of("seal", seal), body_of("unheard_of", seal)};
  shard.mixes = {mix};
  shard.drops = {{"no_such", "no <such> worker", 10 + number}};
  shard.relays = {{"k1", "forward_to_<b>&\"", 7, 700, body_of("", total)}};
  shard.stalls = {{shard.from_ns + 5'000'000, 3'000'000, 17}};
  shard.stalls_seen = 1;
  return {{std::move(shard)}};
}

Recording recorded(double mean_ns, std::size_t intervals, std::uint64_t seed, double wobble = 0) {
  Recording out;
  out.node = "n<1>";
  out.began = "2026-11-21T00:00:00Z";
  out.sample = 64;
  out.stall_ns = 1'000'000;
  Recorder recorder(out);
  SeededRng rng(seed);
  for (std::size_t i = 0; i < intervals; ++i) {
    const double u = static_cast<double>(rng.next_u64() % 1000) / 1000 - 0.5;
    EXPECT_TRUE(recorder.add(interval(i, mean_ns * (1 + wobble * u), 200, rng)));
  }
  return out;
}

const Change* change_of(const Comparison& comparison, Stage stage, const std::string& quantile) {
  for (const Change& change : comparison.changes) {
    if (change.stage == stage && quantile == change.quantile.name) return &change;
  }
  return nullptr;
}

TEST(LatencyRecording, HoldsAsMuchAfterAnHourAsAfterAMinute) {
  const Recording out = recorded(10'000, kPointsMax + 100, 1);
  EXPECT_LE(out.points.size(), kPointsMax);
  EXPECT_LE(out.blocks.size(), kBlocksMax);
  EXPECT_GE(out.blocks.size(), kBlocksMax / 2);
  EXPECT_EQ(out.stalls.size(), kStallsKept);
  EXPECT_EQ(out.stalls_seen(), kPointsMax + 100);
  std::uint64_t frames = 0;
  for (const Point& point : out.points) frames += point.frames;
  EXPECT_EQ(frames, out.frames());
  std::uint64_t timed = 0;
  for (const Stages& block : out.blocks) timed += block[index(Stage::kTotal)].count();
  EXPECT_EQ(timed, out.together()[index(Stage::kTotal)].count());
  EXPECT_NEAR(out.seconds, 0.25 * (kPointsMax + 100), 1e-6);
}

TEST(LatencyRecording, CountsDropsFromItsFirstReadingOn) {
  const Recording out = recorded(10'000, 11, 1);
  ASSERT_EQ(out.drops.size(), 1u);
  EXPECT_EQ(out.drops.at("no_such").count, 10u);
}

TEST(LatencyRecording, RefusesWhatANodeCannotHaveSaid) {
  SeededRng rng(1);
  Recording out;
  Recorder recorder(out);
  EXPECT_FALSE(recorder.add({}));
  EXPECT_TRUE(recorder.add(interval(0, 1000, 5, rng)));
  auto two = interval(1, 1000, 5, rng);
  two.shards.push_back(two.shards[0]);
  EXPECT_FALSE(recorder.add(two));
  auto odd = interval(1, 1000, 5, rng);
  odd.shards[0].stages[0].buckets.push_back(3);
  EXPECT_FALSE(recorder.add(odd));
  auto huge = interval(1, 1000, 5, rng);
  huge.shards[0].stages[0].buckets[1] = ~std::uint64_t{0};
  EXPECT_FALSE(recorder.add(huge));
  auto mix = interval(1, 1000, 5, rng);
  mix.shards[0].mixes[0].sum_ns.pop_back();
  EXPECT_FALSE(recorder.add(mix));
}

TEST(LatencyFile, ComesBackAsItWas) {
  const Recording out = recorded(10'000, 20, 1);
  const std::string text = to_file_text(out);
  const auto back = from_file_text(text);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(to_file_text(*back), text);
  EXPECT_EQ(report_text(*back), report_text(out));
  EXPECT_EQ(report_html(*back), report_html(out));
}

TEST(LatencyFile, ABrokenOneIsRefusedWithAReason) {
  const std::string good = to_file_text(recorded(10'000, 3, 1));
  const auto with = [&good](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const std::string cases[] = {"",
                               "{}",
                               "[1,2]",
                               "null",
                               good.substr(0, good.size() / 2),
                               std::string(100'000, '['),
                               with("weir-latency", "other"),
                               with("\"version\":1", "\"version\":2"),
                               with("\"sample\":64", "\"sample\":-64"),
                               with("\"sample\":64", "\"sample\":\"64\""),
                               with("\"seconds\":0.75", "\"seconds\":1e999"),
                               with("\"shards\":[", "\"shards\":[7,"),
                               with("\"buckets\":[", "\"buckets\":[1,"),
                               with("\"buckets\":[", "\"buckets\":[1,18446744073709551615,"),
                               with("\"points\":[[", "\"points\":[[1,"),
                               with("\"relays\":[", "\"relays\":["),
                               with("\"mixes\":[{", "\"mixes\":[3,{")};
  for (const std::string& text : cases) {
    const auto read = from_file_text(text);
    if (text == good) {
      EXPECT_TRUE(read);
      continue;
    }
    ASSERT_FALSE(read) << text.substr(0, 200);
    EXPECT_FALSE(read.error().text().empty());
  }
  EXPECT_FALSE(read_recording("/nonexistent/file"));
  EXPECT_FALSE(read_recording("/"));
}

TEST(LatencyReport, StagesOfACompositionAreThoseOfItsFrames) {
  const Recording out = recorded(10'000, 20, 1);
  const auto found = composition(out, kQuantiles[0]);
  ASSERT_TRUE(found);
  const double total = found->mean_ns[index(Stage::kTotal)];
  EXPECT_NEAR(total, 10'000, 500);
  EXPECT_NEAR(found->mean_ns[index(Stage::kSeal)] / total, 0.2, 0.01);
  EXPECT_FALSE(composition(Recording{}, kQuantiles[0]));
}

TEST(LatencyReport, NamesOfPeersAreEscapedInAPageThatFetchesNothing) {
  const std::string page = report_html(recorded(10'000, 20, 1));
  EXPECT_EQ(page.find("forward_to_<b>"), std::string::npos);
  EXPECT_NE(page.find("forward_to_&lt;b&gt;&amp;&quot;"), std::string::npos);
  EXPECT_EQ(page.find("n<1>"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_EQ(escaped("a\x01<>&\"'"), "a?&lt;&gt;&amp;&quot;&#39;");
}

TEST(LatencyReport, OfNothingSaysSo) {
  Recording empty;
  empty.shards.resize(1);
  EXPECT_NE(report_text(empty).find("no frame passed"), std::string::npos);
  EXPECT_NE(report_html(empty).find("no frame passed"), std::string::npos);
}

TEST(LatencyCompare, AChangeBeyondNoiseIsFound) {
  const Recording before = recorded(10'000, 40, 1, 0.1);
  const Recording after = recorded(12'000, 40, 2, 0.1);
  const Comparison found = compare(before, after);
  for (const Stage stage : {Stage::kTotal, Stage::kSeal}) {
    const Change* change = change_of(found, stage, "p50");
    ASSERT_NE(change, nullptr);
    EXPECT_EQ(change->verdict, Verdict::kSlower);
    EXPECT_NEAR(change->relative(), 0.2, 0.06);
  }
  EXPECT_EQ(found.changes.front().stage, Stage::kTotal);
  EXPECT_EQ(change_of(compare(after, before), Stage::kTotal, "p50")->verdict, Verdict::kFaster);
  bool regressed = false;
  const std::string text = comparison_text(before, after, found, regressed);
  EXPECT_TRUE(regressed);
  EXPECT_NE(text.find("slower beyond noise: total p50"), std::string::npos) << text;
}

TEST(LatencyCompare, NoiseIsNotReported) {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Recording before = recorded(10'000, 40, seed, 0.4);
    const Recording after = recorded(10'000, 40, seed + 100, 0.4);
    for (const Change& change : compare(before, after).changes) {
      wrong += change.verdict != Verdict::kNoise ? 1 : 0;
    }
  }
  EXPECT_EQ(wrong, 0);  // of 80
}

TEST(LatencyCompare, WhatWobblesNeedsALargerChange) {
  const auto noise_of = [](double wobble) {
    const Recording a = recorded(10'000, 40, 1, wobble);
    const Recording b = recorded(10'000, 40, 2, wobble);
    return change_of(compare(a, b), Stage::kTotal, "p50")->noise;
  };
  EXPECT_GT(noise_of(0.8), 2 * noise_of(0.05));
}

TEST(LatencyCompare, TooShortARecordingSaysSoInsteadOfGuessing) {
  const Recording before = recorded(10'000, 3, 1);
  const Recording after = recorded(20'000, 40, 2);
  const Comparison found = compare(before, after);
  EXPECT_FALSE(found.unknown.empty());
  for (const Change& change : found.changes) EXPECT_EQ(change.verdict, Verdict::kUnknown);
  bool regressed = true;
  const std::string text = comparison_text(before, after, found, regressed);
  EXPECT_FALSE(regressed);
  EXPECT_NE(text.find("nothing can be said"), std::string::npos);
}

}  // namespace
}  // namespace weir::latency
