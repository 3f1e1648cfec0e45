// What moved between two recordings, and whether by more than noise.
//
// Noise is what each recording does by itself: its blocks are drawn again with replacement
// (a block bootstrap), kDraws times, and the spread of a percentile over the draws is its standard
// error. A change counts when it is above kErrors of the two errors together and above what the
// histograms can resolve. Noise between runs (another placement in memory, another neighbour on the
// machine) is not in it: two recordings of the same thing show that.
#pragma once

#include <string>
#include <vector>

#include "tools/latency/analysis.h"
#include "tools/latency/recording.h"

namespace weir::latency {

inline constexpr int kDraws = 200;
// Of some 30 comparisons none should be wrong by chance.
inline constexpr double kErrors = 4;
inline constexpr double kResolution = 0.02;  // two buckets of 0.8 %
inline constexpr std::size_t kBlocksMin = 8;

enum class Verdict : std::uint8_t { kNoise, kFaster, kSlower, kUnknown };

struct Change {
  Stage stage = Stage::kTotal;
  Quantile quantile{};
  double before_ns = 0;
  double after_ns = 0;
  double noise = 0;  // of the change, relative to before
  Verdict verdict = Verdict::kUnknown;
  double relative() const { return before_ns > 0 ? after_ns / before_ns - 1 : 0; }
};

struct Comparison {
  std::vector<Change> changes;  // what is known in both, total first
  std::string unknown;          // why nothing can be said; empty: it can
};

Comparison compare(const Recording& before, const Recording& after);
// `regressed`: something got slower beyond noise.
std::string comparison_text(const Recording& before, const Recording& after,
                            const Comparison& comparison, bool& regressed);

}  // namespace weir::latency
