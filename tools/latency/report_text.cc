#include "tools/latency/report_text.h"

#include <fmt/format.h>

#include "tools/latency/analysis.h"
#include "tools/latency/units.h"

namespace weir::latency {
namespace {

constexpr std::size_t kRowsMax = 10;

double per_second(const Recording& recording, std::uint64_t count) {
  return recording.seconds > 0 ? static_cast<double>(count) / recording.seconds : 0;
}

std::string head(const Recording& recording) {
  std::string out =
      fmt::format("latency of node {}, {}, {:.1f} s, one frame in {} timed by {}\n", recording.node,
                  recording.began, recording.seconds, recording.sample,
                  recording.hardware_ticks ? "the CPU's ticks" : "the clock");
  out += fmt::format("  {}\n", recording.machine);
  out += fmt::format(
      "  {} frames, {}/s; {} dropped; {} stalls of {} or more\n", count_text(recording.frames()),
      rate_text(per_second(recording, recording.frames())), count_text(recording.dropped()),
      count_text(recording.stalls_seen()), time_text(recording.stall_ns));
  for (const std::string& warning : warnings(recording)) out += "  note: " + warning + "\n";
  return out;
}

std::string histogram_row(const std::string& name, const StageHistogram& histogram) {
  std::string out = fmt::format("  {:<12}{:>12}", name, count_text(histogram.count()));
  for (const Quantile& q : kQuantiles) {
    out += fmt::format("{:>11}",
                       quantile_text(histogram.count(), q.value, histogram.value_at(q.value)));
  }
  return out + fmt::format("{:>11}\n", time_text(histogram.max()));
}

std::string stages_table(const Recording& recording) {
  std::string out = fmt::format("\n  {:<12}{:>12}", "stage", "timed");
  for (const Quantile& q : kQuantiles) out += fmt::format("{:>11}", q.name);
  out += fmt::format("{:>11}\n", "max");
  const Stages all = recording.together();
  for (std::size_t i = 0; i < kStages; ++i) {
    if (all[i].count() == 0) continue;
    out += histogram_row(stage_name(static_cast<Stage>(i)), all[i]);
  }
  return out;
}

std::string breakdown(const Recording& recording) {
  const std::vector<Composition> found = compositions(recording);
  if (found.empty()) return {};
  std::string out = "\n  what frames about each percentile were made of (mean)\n  ";
  out += fmt::format("{:<10}{:>10}", "", "total");
  for (std::size_t i = 0; i + 1 < kStages; ++i) {
    out += fmt::format("{:>16}", stage_name(static_cast<Stage>(i)));
  }
  for (const Composition& each : found) {
    const double total = each.mean_ns[index(Stage::kTotal)];
    out += fmt::format("\n  {:<10}{:>10}", each.quantile.name, time_text(total));
    for (std::size_t i = 0; i + 1 < kStages; ++i) {
      const double share = total > 0 ? each.mean_ns[i] / total * 100 : 0;
      out += fmt::format("{:>16}", fmt::format("{} {:>3.0f} %", time_text(each.mean_ns[i]), share));
    }
  }
  return out + "\n";
}

std::string shards_table(const Recording& recording) {
  std::string out =
      fmt::format("\n  {:<12}{:>12}{:>8}{:>11}{:>11}{:>11}{:>11}{:>9}\n", "shard", "frames/s",
                  "busy", "total p50", "p99", "turn p99", "longest", "stalls");
  for (std::size_t i = 0; i < recording.shards.size(); ++i) {
    const ShardPart& shard = recording.shards[i];
    const StageHistogram& total = shard.stages[index(Stage::kTotal)];
    const double busy = per_second(recording, shard.busy_ns) / 1e9;
    out += fmt::format("  {:<12}{:>12}{:>8}{:>11}{:>11}{:>11}{:>11}{:>9}\n", i,
                       rate_text(per_second(recording, shard.frames)),
                       fmt::format("{:.0f} %", busy * 100),
                       quantile_text(total.count(), 0.5, total.value_at(0.5)),
                       quantile_text(total.count(), 0.99, total.value_at(0.99)),
                       quantile_text(shard.turns.count(), 0.99, shard.turns.value_at(0.99)),
                       time_text(shard.turns.max()), count_text(shard.stalls_seen));
  }
  return out;
}

std::string relays_table(const Recording& recording) {
  const auto rows = busiest_relays(recording, kRowsMax);
  if (rows.empty()) return {};
  std::string out = fmt::format("\n  {:<36}{:>12}{:>14}{:>11}{:>11}\n", "relay (busiest first)",
                                "~frames/s", "~bytes/s", "total p50", "p99");
  for (const RelayRow& row : rows) {
    const RelayPart& part = *row.part;
    const auto scaled = [&](std::uint64_t n) {
      return rate_text(per_second(recording, n * recording.sample));
    };
    std::string name = row.name;
    if (name.size() > 34) name = name.substr(0, 31) + "...";
    out += fmt::format("  {:<36}{:>12}{:>14}{:>11}{:>11}\n", name, scaled(part.frames),
                       scaled(part.bytes),
                       quantile_text(part.total.count(), 0.5, part.total.value_at(0.5)),
                       quantile_text(part.total.count(), 0.99, part.total.value_at(0.99)));
  }
  if (recording.relays.size() > rows.size()) {
    out += fmt::format("  ({} more)\n", recording.relays.size() - rows.size());
  }
  return out;
}

std::string drops_table(const Recording& recording) {
  std::string out;
  for (const auto& [name, drop] : drops_by_count(recording)) {
    if (out.empty()) out = fmt::format("\n  {:<28}{:>12}\n", "dropped", "frames");
    out += fmt::format("  {:<28}{:>12}  {}\n", name, count_text(drop.count), drop.words);
  }
  return out;
}

std::string stalls_table(const Recording& recording) {
  std::string out;
  for (const StallPoint& stall : longest_stalls(recording, kRowsMax)) {
    if (out.empty()) out = "\n  longest stalls\n";
    out += fmt::format("    at {:>8.3f} s  shard {}  {:>9}  {} frames\n", stall.at_s, stall.shard,
                       time_text(stall.length_ns), count_text(stall.frames));
  }
  return out;
}

}  // namespace

std::string report_text(const Recording& recording) {
  return head(recording) + stages_table(recording) + breakdown(recording) +
         shards_table(recording) + relays_table(recording) + drops_table(recording) +
         stalls_table(recording);
}

}  // namespace weir::latency
