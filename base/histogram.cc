#include "base/histogram.h"

#include <algorithm>
#include <cmath>

namespace weir {

template <unsigned kPrecision>
void BasicHistogram<kPrecision>::merge(const BasicHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

template <unsigned kPrecision>
void BasicHistogram<kPrecision>::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  sum_ = 0;
  min_ = std::numeric_limits<std::uint64_t>::max();
  max_ = 0;
}

template <unsigned kPrecision>
std::uint64_t BasicHistogram<kPrecision>::value_at(double quantile) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::clamp(static_cast<std::uint64_t>(wanted), std::uint64_t{1}, count_);
  if (rank == count_) return max_;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(bucket_high(i), max_);
  }
  return max_;
}

template <unsigned kPrecision>
std::uint64_t BasicHistogram<kPrecision>::count_above(std::uint64_t value) const {
  std::uint64_t above = 0;
  for (std::size_t i = bucket_of(value) + 1; i < kBuckets; ++i) above += counts_[i];
  return above;
}

template class BasicHistogram<10>;
template class BasicHistogram<7>;
template class BasicHistogram<5>;

}  // namespace weir
