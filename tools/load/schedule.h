// When messages are meant to leave: fixed intervals or a Poisson process, decided before anything
// is sent. Latency is measured from these times, so a target that stalls is charged for every
// message that it kept waiting (no coordinated omission).
#pragma once

#include <cstdint>

#include "base/rng.h"

namespace weir::load {

class Schedule {
 public:
  Schedule() = default;  // never due
  // `rate_per_s` > 0. The fixed schedule's first message is due at start_ns, the Poisson one's
  // after a random gap.
  Schedule(std::uint64_t start_ns, double rate_per_s, bool poisson, std::uint64_t seed);

  // The time of the next message; UINT64_MAX when there is none.
  std::uint64_t due_ns() const { return due_ns_; }
  void advance();

 private:
  double gap_ns();

  std::uint64_t start_ns_ = 0;
  std::uint64_t due_ns_ = ~std::uint64_t{0};
  double interval_ns_ = 0;
  double offset_ns_ = 0;      // of due_ns_ from start_ns_, unrounded
  std::uint64_t number_ = 0;  // of the message that is due
  bool poisson_ = false;
  SeededRng rng_{0};
};

}  // namespace weir::load
