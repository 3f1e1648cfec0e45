#include "tools/load/schedule.h"

#include <cmath>

namespace weir::load {

Schedule::Schedule(std::uint64_t start_ns, double rate_per_s, bool poisson, std::uint64_t seed)
    : start_ns_(start_ns), interval_ns_(1e9 / rate_per_s), poisson_(poisson), rng_(seed) {
  if (poisson_) offset_ns_ = gap_ns();
  due_ns_ = start_ns_ + static_cast<std::uint64_t>(offset_ns_);
}

// Exponential with mean interval_ns_; the uniform number is never 0.
double Schedule::gap_ns() {
  const double uniform = (static_cast<double>(rng_.next() >> 11) + 1) * 0x1p-53;
  return -std::log(uniform) * interval_ns_;
}

void Schedule::advance() {
  ++number_;
  // The fixed one multiplies, so that a million messages later it has not drifted.
  offset_ns_ = poisson_ ? offset_ns_ + gap_ns() : static_cast<double>(number_) * interval_ns_;
  due_ns_ = start_ns_ + static_cast<std::uint64_t>(offset_ns_);
}

}  // namespace weir::load
