#include "tools/latency/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "tools/latency/units.h"

namespace weir::latency {
namespace {

// Fixed: the same two files always give the same answer.
constexpr std::uint64_t kSeed = 20261121;

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

// The spread of each quantile of one stage over redrawn blocks: its standard error, ns.
std::array<double, kQuantiles.size()> errors_of(const Recording& recording, std::size_t stage) {
  std::array<double, kQuantiles.size()> out{};
  struct Bucket {
    std::uint64_t low;
    std::uint64_t count;
  };
  std::vector<std::vector<Bucket>> blocks;
  for (const Stages& block : recording.blocks) {
    auto& buckets = blocks.emplace_back();
    block[stage].for_each([&buckets](std::uint64_t low, std::uint64_t, std::uint64_t count) {
      buckets.push_back({low, count});
    });
  }
  SeededRng rng(kSeed);
  std::array<std::vector<double>, kQuantiles.size()> drawn;
  StageHistogram together;
  for (int draw = 0; draw < kDraws; ++draw) {
    together.clear();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      for (const Bucket& bucket : blocks[rng.next_u64() % blocks.size()]) {
        together.restore(bucket.low, bucket.count);
      }
    }
    for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
      drawn[q].push_back(static_cast<double>(together.value_at(kQuantiles[q].value)));
    }
  }
  for (std::size_t q = 0; q < kQuantiles.size(); ++q) out[q] = deviation_of(drawn[q]);
  return out;
}

std::string machine_note(const Recording& before, const Recording& after) {
  std::string out;
  if (before.machine != after.machine) {
    out += fmt::format("  note: different machines: {} and {}\n", before.machine, after.machine);
  }
  if (before.shards.size() != after.shards.size()) {
    out += fmt::format("  note: {} shards before, {} after\n", before.shards.size(),
                       after.shards.size());
  }
  return out;
}

double frames_per_s(const Recording& recording) {
  return recording.seconds > 0 ? static_cast<double>(recording.frames()) / recording.seconds : 0;
}

// Frames per second, of the points: mean, and the error of it.
std::pair<double, double> rate_of(const Recording& recording) {
  std::vector<double> rates;
  for (const Point& point : recording.points) {
    if (point.seconds > 0) rates.push_back(static_cast<double>(point.frames) / point.seconds);
  }
  if (rates.size() < 2) return {frames_per_s(recording), 0};
  return {frames_per_s(recording),
          deviation_of(rates) / std::sqrt(static_cast<double>(rates.size()))};
}

std::string rate_line(const Recording& before, const Recording& after) {
  const auto [from, from_error] = rate_of(before);
  const auto [to, to_error] = rate_of(after);
  const double noise = kErrors * std::sqrt(from_error * from_error + to_error * to_error);
  const bool moved = std::abs(to - from) > noise && std::abs(to - from) > from * kResolution;
  return fmt::format("  frames/s {} -> {} ({})\n", rate_text(from), rate_text(to),
                     !moved      ? "within noise"
                     : to > from ? "more: latencies below are of another load"
                                 : "fewer: latencies below are of another load");
}

std::string counts_line(const char* what, std::uint64_t before, double before_s,
                        std::uint64_t after, double after_s) {
  if (before == 0 && after == 0) return {};
  const auto rate = [](std::uint64_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  };
  const double from = rate(before, before_s);
  const double to = rate(after, after_s);
  // Counts of rare events scatter like their square root.
  const double noise =
      kErrors * std::sqrt(rate(before, before_s * before_s) + rate(after, after_s * after_s));
  return fmt::format("  {}/s {} -> {} ({})\n", what, rate_text(from), rate_text(to),
                     std::abs(to - from) <= noise ? "within noise"
                     : to > from                  ? "MORE"
                                                  : "fewer");
}

const char* word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "SLOWER";
    case Verdict::kNoise:
      return "noise";
    case Verdict::kUnknown:
      break;
  }
  return "?";
}

}  // namespace

Comparison compare(const Recording& before, const Recording& after) {
  Comparison out;
  if (before.blocks.size() < kBlocksMin || after.blocks.size() < kBlocksMin) {
    out.unknown = fmt::format(
        "too short to know its noise: {} and {} intervals, at least {} are needed (record longer)",
        before.blocks.size(), after.blocks.size(), kBlocksMin);
  }
  const Stages was = before.together();
  const Stages is = after.together();
  for (std::size_t step = 0; step < kStages; ++step) {
    // The total first.
    const std::size_t i = step == 0 ? kStages - 1 : step - 1;
    if (was[i].count() == 0 || is[i].count() == 0) continue;
    std::array<double, kQuantiles.size()> was_error{};
    std::array<double, kQuantiles.size()> is_error{};
    if (out.unknown.empty()) {
      was_error = errors_of(before, i);
      is_error = errors_of(after, i);
    }
    for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
      const Quantile quantile = kQuantiles[q];
      if (!is_known(was[i].count(), quantile.value) || !is_known(is[i].count(), quantile.value)) {
        continue;
      }
      Change change{static_cast<Stage>(i),
                    quantile,
                    static_cast<double>(was[i].value_at(quantile.value)),
                    static_cast<double>(is[i].value_at(quantile.value)),
                    0,
                    Verdict::kUnknown};
      if (out.unknown.empty() && change.before_ns > 0) {
        const double error = std::hypot(was_error[q], is_error[q]);
        change.noise = std::max(kErrors * error / change.before_ns, kResolution);
        const double moved = change.relative();
        change.verdict = std::abs(moved) <= change.noise ? Verdict::kNoise
                         : moved > 0                     ? Verdict::kSlower
                                                         : Verdict::kFaster;
      }
      out.changes.push_back(change);
    }
  }
  return out;
}

std::string comparison_text(const Recording& before, const Recording& after,
                            const Comparison& comparison, bool& regressed) {
  std::string out =
      fmt::format("before: node {}, {}, {:.1f} s\nafter:  node {}, {}, {:.1f} s\n", before.node,
                  before.began, before.seconds, after.node, after.began, after.seconds);
  out += machine_note(before, after) + rate_line(before, after);
  out += counts_line("drops", before.dropped(), before.seconds, after.dropped(), after.seconds);
  out += counts_line("stalls", before.stalls_seen(), before.seconds, after.stalls_seen(),
                     after.seconds);
  if (!comparison.unknown.empty()) out += "  note: " + comparison.unknown + "\n";
  out += fmt::format("\n  {:<10}{:<8}{:>11}{:>11}{:>10}{:>10}\n", "stage", "", "before", "after",
                     "change", "noise");
  std::vector<std::string> slower;
  std::vector<std::string> faster;
  for (const Change& change : comparison.changes) {
    const std::string noise = change.verdict == Verdict::kUnknown
                                  ? std::string("?")
                                  : fmt::format("{:.1f} %", change.noise * 100);
    out += fmt::format(
        "  {:<10}{:<8}{:>11}{:>11}{:>10}{:>10}  {}\n", stage_name(change.stage),
        change.quantile.name, time_text(change.before_ns), time_text(change.after_ns),
        fmt::format("{:+.1f} %", change.relative() * 100), noise, word_of(change.verdict));
    const std::string name = fmt::format("{} {}", stage_name(change.stage), change.quantile.name);
    if (change.verdict == Verdict::kSlower) slower.push_back(name);
    if (change.verdict == Verdict::kFaster) faster.push_back(name);
  }
  if (comparison.changes.empty()) out += "  (too few frames were timed in one of them)\n";
  regressed = !slower.empty();
  const auto line = [&out](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) out += fmt::format("\n{}: {}", what, fmt::join(names, ", "));
  };
  line("slower beyond noise", slower);
  line("faster beyond noise", faster);
  if (slower.empty() && faster.empty()) {
    out += comparison.unknown.empty() ? "\nnothing moved beyond noise" : "\nnothing can be said";
  }
  return out + "\n";
}

}  // namespace weir::latency
