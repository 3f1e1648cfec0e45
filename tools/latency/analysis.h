// What a report says about a recording, as numbers: shared by text, HTML and comparison.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/latency/recording.h"

namespace weir::latency {

struct Quantile {
  const char* name;
  double value;
};
inline constexpr std::array<Quantile, 4> kQuantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

// A quantile is known when at least this many records lie above it.
inline constexpr double kRecordsAboveMin = 5;
bool is_known(std::uint64_t count, double quantile);
// "12.3 us", or "-" where too few were timed.
std::string quantile_text(std::uint64_t count, double quantile, std::uint64_t value_ns);

// What frames whose total is about the quantile were made of: means over the nearest frames, at
// least kMixFramesMin of them where there are as many. By stage without the total, ns.
inline constexpr std::uint64_t kMixFramesMin = 20;
struct Composition {
  Quantile quantile;
  std::uint64_t frames = 0;
  std::array<double, kStages> mean_ns{};  // with the total
};
std::optional<Composition> composition(const Recording& recording, Quantile quantile);
std::vector<Composition> compositions(const Recording& recording);  // p50, p99, p99.9

// Frames by the busiest first; at most `max`, then how many there are besides.
struct RelayRow {
  std::string name;
  const RelayPart* part;
};
std::vector<RelayRow> busiest_relays(const Recording& recording, std::size_t max);
std::vector<StallPoint> longest_stalls(const Recording& recording, std::size_t max);
std::vector<std::pair<std::string, DropSum>> drops_by_count(const Recording& recording);

// One sentence each about what makes the figures worth less: few samples, frames not seen to their
// end, a recording cut short.
std::vector<std::string> warnings(const Recording& recording);

}  // namespace weir::latency
