#include "tools/latency/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/latency/analysis.h"
#include "tools/latency/html.h"
#include "tools/latency/units.h"

namespace weir::latency {
namespace {

constexpr std::size_t kRowsMax = 30;
constexpr int kTotalColour = 6;

int colour_of(std::size_t stage) {
  return stage == index(Stage::kTotal) ? kTotalColour : static_cast<int>(stage);
}

double per_second(const Recording& recording, std::uint64_t count) {
  return recording.seconds > 0 ? static_cast<double>(count) / recording.seconds : 0;
}

std::string quantile_cell(const StageHistogram& histogram, double quantile) {
  return quantile_text(histogram.count(), quantile, histogram.value_at(quantile));
}

std::string head(const Recording& recording, const Stages& all) {
  const StageHistogram& total = all[index(Stage::kTotal)];
  std::string out = fmt::format(
      "<h1>Latency of node {}</h1>\n<p>{} for {:.1f} s, one frame in {} timed by {}; "
      "{}</p>\n",
      escaped(recording.node), escaped(recording.began), recording.seconds, recording.sample,
      recording.hardware_ticks ? "the CPU's ticks" : "the clock", escaped(recording.machine));
  for (const std::string& warning : warnings(recording)) {
    out += "<p class=\"note\">" + escaped(warning) + "</p>\n";
  }
  out += "<div class=\"tiles\">";
  const auto tile = [&out](const std::string& value, const char* what) {
    out += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escaped(value), what);
  };
  tile(rate_text(per_second(recording, recording.frames())), "frames/s");
  tile(quantile_cell(total, 0.5), "total p50");
  tile(quantile_cell(total, 0.99), "total p99");
  tile(quantile_cell(total, 0.999), "total p99.9");
  tile(time_text(total.max()), "slowest timed");
  tile(count_text(recording.dropped()), "dropped");
  tile(count_text(recording.stalls_seen()), "stalls");
  return out + "</div>\n";
}

// x = -log10(1 - quantile): 0 at p0, 1 at p90, 2 at p99.
std::string curves(const Stages& all) {
  LineChart chart;
  chart.label = "time of each stage by percentile";
  double min_ns = 1e12;
  double max_ns = 1;
  double right = 1;
  for (std::size_t i = 0; i < kStages; ++i) {
    const StageHistogram& histogram = all[i];
    if (histogram.count() == 0) continue;
    Series series{stage_name(static_cast<Stage>(i)), colour_of(i), {}};
    const double last = std::log10(static_cast<double>(histogram.count()) / kRecordsAboveMin);
    for (double x = 0; x <= std::max(last, 0.3); x += 0.05) {
      const double ns =
          std::max(1.0, static_cast<double>(histogram.value_at(1 - std::pow(10, -x))));
      series.points.emplace_back(x, log_time(ns));
      min_ns = std::min(min_ns, ns);
      max_ns = std::max(max_ns, ns);
      right = std::max(right, x);
    }
    chart.series.push_back(std::move(series));
  }
  if (chart.series.empty()) return {};
  chart.y = log_time_axis(min_ns, max_ns);
  chart.x = {0, right, {{0, "p0"}, {std::log10(2), "p50"}}};
  constexpr const char* kNames[] = {"p90", "p99", "p99.9", "p99.99", "p99.999", "p99.9999"};
  for (std::size_t i = 0; i < std::size(kNames) && static_cast<double>(i + 1) <= right; ++i) {
    chart.x.ticks.push_back({static_cast<double>(i + 1), kNames[i]});
  }
  chart.height = 340;
  return "<h2>Percentiles</h2>\n<p>How long frames spent in each stage: at most so long for that "
         "share of them.</p>\n" +
         line_chart(chart);
}

std::string breakdown(const Recording& recording) {
  std::vector<Bar> bars;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head_row = {"frames about", "total"};
  for (std::size_t i = 0; i + 1 < kStages; ++i) {
    head_row.emplace_back(stage_name(static_cast<Stage>(i)));
  }
  for (const Composition& each : compositions(recording)) {
    const std::string total = time_text(each.mean_ns[index(Stage::kTotal)]);
    Bar bar{each.quantile.name, total, {}};
    std::vector<std::string> row = {each.quantile.name, total};
    for (std::size_t i = 0; i + 1 < kStages; ++i) {
      const std::string name = stage_name(static_cast<Stage>(i));
      row.push_back(time_text(each.mean_ns[i]));
      if (each.mean_ns[i] <= 0) continue;
      bar.parts.push_back({name, colour_of(i), each.mean_ns[i], name + " " + row.back()});
    }
    bars.push_back(std::move(bar));
    rows.push_back(std::move(row));
  }
  if (bars.empty()) return {};
  return "<h2>What slow frames are made of</h2>\n<p>Means of the stages over frames whose total is "
         "about that percentile. Receive is waiting for their turn behind what came with them, "
         "send is waiting for the kernel to take them.</p>\n" +
         stacked_bars(bars) + table(head_row, rows);
}

Axis seconds_axis(double seconds) {
  Axis axis{0, std::max(seconds, 0.001), {}};
  // 1, 2 or 5 of some power of ten: five to ten ticks.
  double step = std::pow(10, std::floor(std::log10(axis.to)));
  for (const double finer : {2.0, 2.5, 2.0}) {
    if (axis.to / step < 5) step /= finer;
  }
  for (double at = 0; at <= axis.to * 1.0001; at += step) {
    axis.ticks.push_back({at, fmt::format("{:g} s", at)});
  }
  return axis;
}

std::string timeline(const Recording& recording) {
  if (recording.points.size() < 2) return {};
  LineChart chart;
  chart.label = "total over time";
  chart.x = seconds_axis(recording.seconds);
  Series median{"total p50", 0, {}}, high{"total p99", 1, {}}, top{"slowest timed", 5, {}};
  Series rate{"frames/s", 2, {}};
  double min_ns = 1e12, max_ns = 1000, max_rate = 1;
  for (const Point& point : recording.points) {
    const double at = point.at_s + point.seconds / 2;
    const double per_s = point.seconds > 0 ? static_cast<double>(point.frames) / point.seconds : 0;
    rate.points.emplace_back(at, per_s);
    max_rate = std::max(max_rate, per_s);
    if (point.max_ns == 0) continue;
    median.points.emplace_back(at, log_time(static_cast<double>(point.p50_ns)));
    high.points.emplace_back(at, log_time(static_cast<double>(point.p99_ns)));
    top.points.emplace_back(at, log_time(static_cast<double>(point.max_ns)));
    min_ns = std::min(min_ns, static_cast<double>(point.p50_ns));
    max_ns = std::max(max_ns, static_cast<double>(point.max_ns));
  }
  for (const StallPoint& stall : recording.stalls) {
    max_ns = std::max(max_ns, static_cast<double>(stall.length_ns));
  }
  chart.y = log_time_axis(std::min(min_ns, max_ns), max_ns);
  for (const StallPoint& stall : recording.stalls) {
    const double height = (log_time(static_cast<double>(stall.length_ns)) - chart.y.from) /
                          (chart.y.to - chart.y.from);
    chart.markers.push_back(
        {stall.at_s, height,
         fmt::format("stall of {} at {:.3f} s: shard {}, {} frames", time_text(stall.length_ns),
                     stall.at_s, stall.shard, count_text(stall.frames))});
  }
  chart.series = {std::move(median), std::move(high), std::move(top)};
  LineChart rates;
  rates.label = "frames per second over time";
  rates.x = chart.x;
  rates.y = {0, max_rate * 1.05, {{0, "0"}, {max_rate, rate_text(max_rate) + "/s"}}};
  rates.series = {std::move(rate)};
  rates.height = 150;
  return fmt::format(
             "<h2>Timeline</h2>\n<p>Red: stalls, turns of a shard of {} or more, as high as they "
             "were long.</p>\n",
             time_text(recording.stall_ns)) +
         line_chart(chart) + line_chart(rates);
}

std::string stages_table(const Stages& all) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < kStages; ++i) {
    if (all[i].count() == 0) continue;
    std::vector<std::string> row = {stage_name(static_cast<Stage>(i)), count_text(all[i].count())};
    for (const Quantile& q : kQuantiles) row.push_back(quantile_cell(all[i], q.value));
    row.push_back(time_text(all[i].max()));
    rows.push_back(std::move(row));
  }
  return "<h2>Stages</h2>\n" + table({"stage", "timed", "p50", "p90", "p99", "p99.9", "max"}, rows);
}

std::string shards_table(const Recording& recording) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < recording.shards.size(); ++i) {
    const ShardPart& shard = recording.shards[i];
    const StageHistogram& total = shard.stages[index(Stage::kTotal)];
    rows.push_back({std::to_string(i), rate_text(per_second(recording, shard.frames)),
                    fmt::format("{:.0f} %", per_second(recording, shard.busy_ns) / 1e7),
                    quantile_cell(total, 0.5), quantile_cell(total, 0.99),
                    quantile_cell(shard.turns, 0.5), quantile_cell(shard.turns, 0.99),
                    time_text(shard.turns.max()), count_text(shard.stalls_seen)});
  }
  return "<h2>Shards</h2>\n" + table({"shard", "frames/s", "busy", "total p50", "total p99",
                                      "turn p50", "turn p99", "longest turn", "stalls"},
                                     rows);
}

std::string relays_table(const Recording& recording) {
  std::vector<std::vector<std::string>> rows;
  for (const RelayRow& row : busiest_relays(recording, kRowsMax)) {
    const RelayPart& part = *row.part;
    rows.push_back({row.name, rate_text(per_second(recording, part.frames * recording.sample)),
                    rate_text(per_second(recording, part.bytes * recording.sample)),
                    quantile_text(part.total.count(), 0.5, part.total.value_at(0.5)),
                    quantile_text(part.total.count(), 0.99, part.total.value_at(0.99)),
                    time_text(part.total.max())});
  }
  if (rows.empty()) return {};
  return fmt::format("<h2>Relays</h2>\n<p>The busiest of {}; rates from what was timed.</p>\n",
                     recording.relays.size()) +
         table({"relay", "frames/s", "bytes/s", "total p50", "total p99", "max"}, rows);
}

std::string drops_table(const Recording& recording) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, drop] : drops_by_count(recording)) {
    rows.push_back({drop.words + " (" + name + ")", count_text(drop.count),
                    rate_text(per_second(recording, drop.count))});
  }
  if (rows.empty()) return "<h2>Drops</h2>\n<p>Nothing was dropped.</p>\n";
  return "<h2>Drops</h2>\n" + table({"reason", "count", "per second"}, rows);
}

std::string stalls_table(const Recording& recording) {
  std::vector<std::vector<std::string>> rows;
  for (const StallPoint& stall : longest_stalls(recording, kRowsMax)) {
    rows.push_back({fmt::format("{:.3f} s", stall.at_s), std::to_string(stall.shard),
                    time_text(stall.length_ns), count_text(stall.frames)});
  }
  if (rows.empty()) return {};
  return "<h2>Longest stalls</h2>\n" + table({"at", "shard", "length", "frames"}, rows);
}

}  // namespace

std::string report_html(const Recording& recording) {
  const Stages all = recording.together();
  return page("Latency of node " + recording.node,
              head(recording, all) + curves(all) + breakdown(recording) + timeline(recording) +
                  stages_table(all) + shards_table(recording) + relays_table(recording) +
                  drops_table(recording) + stalls_table(recording));
}

}  // namespace weir::latency
