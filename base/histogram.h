// A histogram of durations or sizes with a fixed relative error: log-linear, like HdrHistogram.
//
// With a precision of P bits, values below 2^(P+1) have a bucket each; above, every power of two is
// cut into 2^P equal buckets, so that a value read back is at most 2^-P above the one recorded.
// Values from 2^40 on (18 minutes in ns) count in the last bucket; min, max and sum stay exact.
//
//   Histogram = BasicHistogram<10>   0.1 % (three significant digits), 248 KiB
//   BasicHistogram<7>                0.8 %, 34 KiB
//   BasicHistogram<5>                3 %, 9 KiB
//
// Memory: kBuckets * 8 bytes, allocated once by the constructor. record() is a shift, an add and
// three compares: no allocation, no lock. One writer; whoever reads while it writes sees some value
// of each bucket, so copy or merge at a quiet moment. Other precisions: one line in histogram.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace weir {

template <unsigned kPrecision>
class BasicHistogram {
 public:
  static constexpr unsigned kPrecisionBits = kPrecision;
  static constexpr unsigned kValueBits = 40;
  static constexpr std::size_t kBuckets = std::size_t{kValueBits - kPrecisionBits + 1}
                                          << kPrecisionBits;

  BasicHistogram() : counts_(kBuckets) {}

  void record(std::uint64_t value, std::uint64_t times = 1) {
    counts_[bucket_of(value)] += times;
    count_ += times;
    sum_ += static_cast<double>(value) * static_cast<double>(times);
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }
  void merge(const BasicHistogram& other);
  void clear();
  // Puts one together again from what for_each() gave: its buckets, then what was exact.
  void restore(std::uint64_t low, std::uint64_t times) { record(low, times); }
  void restore_exact(double sum, std::uint64_t min, std::uint64_t max) {
    sum_ = sum;
    min_ = min;
    max_ = max;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  double sum() const { return sum_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  // The smallest value that at least `quantile` (0 to 1) of all records do not exceed, rounded up
  // to the end of its bucket but never above max(). 0 when nothing was recorded.
  std::uint64_t value_at(double quantile) const;
  // How many records are certainly above `value`: those in later buckets than its own.
  std::uint64_t count_above(std::uint64_t value) const;

  // fn(low, high, count) for each bucket that is not empty, ascending; both ends inclusive. For
  // plots and for storing.
  template <typename Fn>
  void for_each(Fn&& fn) const {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (counts_[i] != 0) fn(bucket_low(i), bucket_high(i), counts_[i]);
    }
  }

  static constexpr std::size_t bucket_of(std::uint64_t value) {
    if (value >> kValueBits != 0) return kBuckets - 1;
    if (value >> (kPrecisionBits + 1) == 0) return static_cast<std::size_t>(value);
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kPrecisionBits;
    return (std::size_t{shift} << kPrecisionBits) + static_cast<std::size_t>(value >> shift);
  }
  static constexpr std::uint64_t bucket_low(std::size_t bucket) {
    if (bucket >> (kPrecisionBits + 1) == 0) return bucket;
    const std::size_t shift = (bucket >> kPrecisionBits) - 1;
    return (bucket - (shift << kPrecisionBits)) << shift;
  }
  static constexpr std::uint64_t bucket_high(std::size_t bucket) {
    return bucket + 1 == kBuckets ? (std::uint64_t{1} << kValueBits) - 1
                                  : bucket_low(bucket + 1) - 1;
  }

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::uint64_t min_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_ = 0;
};

using Histogram = BasicHistogram<10>;

}  // namespace weir
