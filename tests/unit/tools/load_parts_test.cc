// The parts of weir-load that decide what its figures mean: schedule, size mix, knee.
#include <gtest/gtest.h>

#include <cmath>

#include "tools/load/knee.h"
#include "tools/load/schedule.h"
#include "tools/load/size_mix.h"

namespace weir::load {
namespace {

TEST(Schedule, AFixedOneDoesNotDriftOverMillionsOfMessages) {
  Schedule schedule(1000, 3e6, false, 1);
  EXPECT_EQ(schedule.due_ns(), 1000u);
  for (int i = 0; i < 30'000'000; ++i) schedule.advance();
  EXPECT_NEAR(static_cast<double>(schedule.due_ns()), 1000 + 10e9, 2);
}

TEST(Schedule, APoissonOneHasTheRateAskedForAndTheSpreadOfItsKind) {
  Schedule schedule(0, 1e6, true, 42);
  const int n = 200'000;
  double sum_of_squares = 0;
  std::uint64_t last = schedule.due_ns();
  for (int i = 0; i < n; ++i) {
    schedule.advance();
    ASSERT_GE(schedule.due_ns(), last);
    const auto gap = static_cast<double>(schedule.due_ns() - last);
    sum_of_squares += gap * gap;
    last = schedule.due_ns();
  }
  EXPECT_NEAR(static_cast<double>(last) / n, 1000, 10);
  EXPECT_NEAR(sum_of_squares / n, 2e6, 5e4);  // the second moment of an exponential: 2 * mean^2
}

TEST(Schedule, TheSameSeedIsTheSameScheduleAndNoScheduleIsNeverDue) {
  Schedule a(5, 1000, true, 9);
  Schedule b(5, 1000, true, 9);
  for (int i = 0; i < 100; ++i, a.advance(), b.advance()) ASSERT_EQ(a.due_ns(), b.due_ns());
  EXPECT_EQ(Schedule{}.due_ns(), ~std::uint64_t{0});
}

TEST(SizeMix, OneSizeWithOrWithoutUnitIsDrawnAlways) {
  SeededRng rng(1);
  const auto mix = SizeMix::parse("48KiB");
  ASSERT_TRUE(mix);
  EXPECT_EQ(mix->draw(rng), 48u * 1024);
  EXPECT_EQ(SizeMix::parse("2k")->max_bytes(), 2000u);
  EXPECT_EQ(SizeMix::parse("1MiB")->max_bytes(), 1u << 20);
  EXPECT_EQ(SizeMix::parse("64:100%")->max_bytes(), 64u);
}

TEST(SizeMix, SharesAreWhatIsDrawn) {
  SeededRng rng(1);
  const auto mix = SizeMix::parse("64:90%, 1400:9.5%,16KiB:0.5%");
  ASSERT_TRUE(mix);
  EXPECT_EQ(mix->min_bytes(), 64u);
  EXPECT_EQ(mix->max_bytes(), 16u * 1024);
  EXPECT_NEAR(mix->mean_bytes(), 64 * 0.9 + 1400 * 0.095 + 16384 * 0.005, 1e-6);
  int small = 0;
  int large = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::size_t size = mix->draw(rng);
    small += size == 64;
    large += size == 16384;
  }
  EXPECT_NEAR(small, 90'000, 500);
  EXPECT_NEAR(large, 500, 100);
}

TEST(SizeMix, WhatIsNoDistributionIsRefused) {
  for (const char* text : {"",
                           ",",
                           "0",
                           "-1",
                           "x",
                           "64x",
                           "64KB",
                           "64:90%",
                           "64:90%,1400:20%",
                           "64,1400",
                           "64:,1:100%",
                           "64:50,1400:50",
                           "64:0%,1:100%",
                           "64:101%",
                           "64:50%,1400",
                           "64:nan%",
                           "64:100%,",
                           "1:-1%",
                           "99999999999999999999",
                           "2000000000",
                           "64 :100 %x"}) {
    EXPECT_FALSE(SizeMix::parse(text)) << text;
  }
}

SweepStep step(double offered, double achieved, double p99_us) {
  return {offered, achieved, static_cast<std::uint64_t>(p99_us * 1000), true};
}

TEST(Knee, TheLastRateThatTheTargetKeepsUpWithIsTheKnee) {
  const SweepStep steps[] = {step(1000, 1000, 80), step(2000, 2000, 90), step(4000, 3990, 200),
                             step(8000, 5100, 90'000)};
  EXPECT_EQ(find_knee(steps), 2u);
  EXPECT_TRUE(knee_passed(steps));
  EXPECT_FALSE(knee_passed(std::span(steps).first(3)));
}

TEST(Knee, AQueueThatGrowsIsAKneeEvenWhileEverythingIsAnswered) {
  const SweepStep steps[] = {step(1000, 1000, 150), step(2000, 2000, 160), step(4000, 4000, 900)};
  EXPECT_EQ(find_knee(steps), 1u);
}

TEST(Knee, NoiseBelowATenthOfAMillisecondIsNoKnee) {
  const SweepStep steps[] = {step(1000, 1000, 20), step(2000, 2000, 450), step(4000, 4000, 60)};
  EXPECT_EQ(find_knee(steps), 2u);
}

TEST(Knee, AStepThatLooksGoodAfterABadOneIsChance) {
  const SweepStep steps[] = {step(1000, 1000, 80), step(2000, 1500, 80), step(4000, 4000, 80)};
  EXPECT_EQ(find_knee(steps), 0u);
}

TEST(Knee, ATargetThatNeverKeepsUpHasNone) {
  const SweepStep steps[] = {step(1000, 10, 80)};
  EXPECT_EQ(find_knee(steps), std::nullopt);
  EXPECT_EQ(find_knee({}), std::nullopt);
}

TEST(Knee, OurOwnLatenessIsNotChargedToTheTarget) {
  SweepStep late = step(2000, 2000, 90'000);
  late.has_latency = false;
  const SweepStep steps[] = {step(1000, 1000, 80), late, step(4000, 4000, 90)};
  EXPECT_EQ(find_knee(steps), 2u);
}

TEST(Knee, ASweepEndsExactlyAtItsLastRate) {
  const std::vector<double> rates = sweep_rates(1000, 10'000, 2);
  EXPECT_EQ(rates, (std::vector<double>{1000, 2000, 4000, 8000, 10'000}));
}

}  // namespace
}  // namespace weir::load
