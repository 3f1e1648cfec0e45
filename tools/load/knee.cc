#include "tools/load/knee.h"

#include <algorithm>

namespace weir::load {
namespace {

// How many steps from the first on hold.
std::size_t holding(std::span<const SweepStep> steps) {
  std::uint64_t light_ns = ~std::uint64_t{0};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const SweepStep& step = steps[i];
    if (step.achieved_per_s < kKneeAchievedMin * step.offered_per_s) return i;
    if (!step.has_latency) continue;
    if (light_ns != ~std::uint64_t{0}) {
      const auto base = static_cast<double>(std::max(light_ns, kKneeLatencyFloorNs));
      if (static_cast<double>(step.p99_ns) > kKneeLatencyFactor * base) return i;
    }
    light_ns = std::min(light_ns, step.p99_ns);
  }
  return steps.size();
}

}  // namespace

std::optional<std::size_t> find_knee(std::span<const SweepStep> steps) {
  const std::size_t good = holding(steps);
  if (good == 0) return std::nullopt;
  return good - 1;
}

bool knee_passed(std::span<const SweepStep> steps) { return holding(steps) < steps.size(); }

std::vector<double> sweep_rates(double from_per_s, double to_per_s, double factor) {
  std::vector<double> rates;
  for (double rate = from_per_s; rate < to_per_s; rate *= factor) rates.push_back(rate);
  rates.push_back(to_per_s);
  return rates;
}

}  // namespace weir::load
