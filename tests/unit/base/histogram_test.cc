#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace weir {
namespace {

TEST(Histogram, EveryValueLiesInItsBucketAndBucketsLeaveNoGap) {
  for (std::size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    ASSERT_EQ(Histogram::bucket_high(i) + 1, Histogram::bucket_low(i + 1)) << i;
    ASSERT_EQ(Histogram::bucket_of(Histogram::bucket_low(i)), i);
    ASSERT_EQ(Histogram::bucket_of(Histogram::bucket_high(i)), i);
  }
  EXPECT_EQ(Histogram::bucket_of((std::uint64_t{1} << 40) - 1), Histogram::kBuckets - 1);
}

TEST(Histogram, ThreeDigitsSurviveAtEveryMagnitude) {
  SeededRng rng(7);
  for (int bits = 1; bits < 40; ++bits) {
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t value = rng.below(std::uint64_t{1} << bits);
      const std::uint64_t high = Histogram::bucket_high(Histogram::bucket_of(value));
      ASSERT_GE(high, value);
      ASSERT_LE(static_cast<double>(high - value), 0.001 * static_cast<double>(value));
    }
  }
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValues) {
  SeededRng rng(3);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(rng.below(1 << 20) * rng.below(1000));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank =
        std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(quantile * 10'000)));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.value_at(quantile)), exact, exact * 0.001 + 1);
  }
  EXPECT_EQ(histogram.value_at(1.0), values.back());
  EXPECT_EQ(histogram.min(), values.front());
}

TEST(Histogram, AnEmptyOneSaysZeroAndNotTheLargestNumber) {
  const Histogram histogram;
  EXPECT_EQ(histogram.value_at(0.99), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.mean(), 0.0);
}

TEST(Histogram, OneRareStallIsSeenAtTheEndAndNowhereElse) {
  Histogram histogram;
  histogram.record(50, 999'999);
  histogram.record(900'000'000);
  EXPECT_EQ(histogram.value_at(0.999), 50u);
  EXPECT_EQ(histogram.value_at(0.999999), 50u);
  EXPECT_EQ(histogram.value_at(1), 900'000'000u);
  EXPECT_EQ(histogram.count_above(50), 1u);
}

TEST(Histogram, WhatIsAboveTheLastBucketIsCountedAndItsMaximumIsExact) {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.max(), ~std::uint64_t{0});
}

TEST(Histogram, TwoThreadsMergedAreOneThreadThatSawBoth) {
  Histogram both, first, second;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    (i % 3 == 0 ? first : second).record(i * i);
    both.record(i * i);
  }
  first.merge(second);
  EXPECT_EQ(first.count(), both.count());
  EXPECT_EQ(first.mean(), both.mean());
  for (int i = 0; i <= 100; ++i) EXPECT_EQ(first.value_at(i / 100.0), both.value_at(i / 100.0));
  Histogram again;
  first.for_each([&](auto low, auto, auto count) { again.record(low, count); });
  EXPECT_EQ(again.count(), both.count());
  first.clear();
  EXPECT_EQ(first.count(), 0u);
}

template <unsigned kPrecision>
void expect_error_below(double relative) {
  using H = BasicHistogram<kPrecision>;
  for (std::uint64_t value = 1; value < std::uint64_t{1} << 39; value = value * 9 / 8 + 1) {
    H histogram;
    histogram.record(value);
    histogram.record(value * 2);  // else max() would make it exact
    const auto read = static_cast<double>(histogram.value_at(0.5));
    EXPECT_GE(read, static_cast<double>(value));
    EXPECT_LE(read, static_cast<double>(value) * (1 + relative)) << kPrecision;
    EXPECT_EQ(H::bucket_of(H::bucket_low(H::bucket_of(value))), H::bucket_of(value));
  }
}

TEST(Histogram, SmallerOnesHaveTheErrorTheySay) {
  expect_error_below<10>(0.001);
  expect_error_below<7>(0.008);
  expect_error_below<5>(0.032);
  EXPECT_LE(BasicHistogram<7>::kBuckets * 8, 35u << 10);
}

TEST(Histogram, IsPutTogetherAgainFromItsBuckets) {
  BasicHistogram<7> original;
  for (std::uint64_t i = 1; i < 3000; ++i) original.record(i * i);
  BasicHistogram<7> copy;
  original.for_each(
      [&copy](std::uint64_t low, std::uint64_t, std::uint64_t count) { copy.restore(low, count); });
  copy.restore_exact(original.sum(), original.min(), original.max());
  for (const double q : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(copy.value_at(q), original.value_at(q));
  EXPECT_EQ(copy.mean(), original.mean());
  EXPECT_EQ(copy.count(), original.count());
}

}  // namespace
}  // namespace weir
