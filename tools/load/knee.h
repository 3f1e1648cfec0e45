// Where a target begins to give way: the knee of a rate sweep.
//
// A step holds when the target did what was offered (at least 97 % of it) and its p99 is at most
// five times the p99 at light load (the smallest among the steps before, at least 0.1 ms, below
// which wake-ups of the machine decide). The knee is the last step before the first that does not
// hold: a later step that looks good again is chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::load {

inline constexpr double kKneeAchievedMin = 0.97;
inline constexpr double kKneeLatencyFactor = 5;
inline constexpr std::uint64_t kKneeLatencyFloorNs = 100'000;

struct SweepStep {
  double offered_per_s = 0;
  double achieved_per_s = 0;
  std::uint64_t p99_ns = 0;
  bool has_latency = true;  // false: our own loop was late, so p99 says nothing about the target
};

// Steps by ascending rate. The index of the knee; nullopt when not even the first step holds.
std::optional<std::size_t> find_knee(std::span<const SweepStep> steps);
// True when some step did not hold, so that going on tells nothing new.
bool knee_passed(std::span<const SweepStep> steps);

// The rates of a sweep: from, from * factor, .. up to `to` (which is the last one).
std::vector<double> sweep_rates(double from_per_s, double to_per_s, double factor);

}  // namespace weir::load
