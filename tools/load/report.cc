#include "tools/load/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace weir::load {
namespace {

using Json = nlohmann::json;

constexpr std::pair<const char*, double> kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1000; }

bool is_late(const Options& options, const StepResult& step) {
  return step.late_percent(options.lag_bound_ns) > StepResult::kLatePercentMax;
}

std::string refusal(const Options& options, const StepResult& step) {
  return fmt::format(
      "our own loop was late: {:.1f} % of sends left more than {:.0f} us after their time (p99 "
      "{:.0f} "
      "us, max {:.0f} us)",
      step.late_percent(options.lag_bound_ns), us(options.lag_bound_ns),
      us(step.stats.lag_ns.value_at(0.99)), us(step.stats.lag_ns.max()));
}

Json histogram_json(const Histogram& histogram) {
  if (histogram.count() == 0) return nullptr;
  Json json = {{"count", histogram.count()},
               {"min", us(histogram.min())},
               {"mean", histogram.mean() / 1000},
               {"max", us(histogram.max())}};
  for (const auto& [name, quantile] : kQuantiles) json[name] = us(histogram.value_at(quantile));
  return json;
}

std::string histogram_text(const Histogram& histogram) {
  std::string text;
  for (const auto& [name, quantile] : kQuantiles) {
    // A quantile of fewer records than it takes to know it says nothing.
    if (static_cast<double>(histogram.count()) * (1 - quantile) < 1) continue;
    text += fmt::format("{} {:.1f}  ", name, us(histogram.value_at(quantile)));
  }
  return text + fmt::format("max {:.1f}", us(histogram.max()));
}

Json peer_json(const std::optional<ProcessUse>& use) {
  if (!use) return nullptr;
  return {{"cpu_s", use->cpu_s},
          {"resident_bytes", use->resident_bytes},
          {"anonymous_bytes", use->anonymous_bytes}};
}

double peer_cpu_s(const StepResult& step) {
  if (!step.peer_before || !step.peer_after) return 0;
  return step.peer_after->cpu_s - step.peer_before->cpu_s;
}

Json step_json(const Options& options, const StepResult& step) {
  const Stats& stats = step.stats;
  const double seconds = step.seconds > 0 ? step.seconds : 1;
  const bool late = is_late(options, step);
  Json json = {{"offered_per_s", step.offered_per_s},
               {"seconds", step.seconds},
               {"sent", stats.sent},
               {"completed", stats.completed},
               {"unanswered", stats.sent - std::min(stats.sent, stats.completed)},
               {"held_back", stats.held_back},
               {"completed_per_s", step.achieved_per_s()},
               {"payload_bytes_per_s", static_cast<double>(stats.bytes_in_window) / seconds},
               {"latency_us", late ? Json(nullptr) : histogram_json(stats.latency_ns)},
               {"latency_refused", late ? Json(refusal(options, step)) : Json(nullptr)},
               {"own_lag_us", histogram_json(stats.lag_ns)},
               {"own_late_percent", step.late_percent(options.lag_bound_ns)},
               {"own_cpu_s", step.own_cpu_s},
               {"peer_before", peer_json(step.peer_before)},
               {"peer_after", peer_json(step.peer_after)},
               {"failures", stats.failures},
               {"figures", stats.figures}};
  if (step.peer_before && step.peer_after && stats.done_in_window != 0) {
    json["peer_cpu_us_per_completed"] =
        peer_cpu_s(step) * 1e6 / static_cast<double>(stats.done_in_window);
  }
  if (stats.bystander_sent != 0) {
    json["bystander"] = {{"sent", stats.bystander_sent},
                         {"answered", stats.bystander_ns.count()},
                         {"latency_us", histogram_json(stats.bystander_ns)}};
  }
  return json;
}

std::string schedule_text(const Options& options) {
  if (options.closed != 0) return fmt::format("closed loop, {} outstanding", options.closed);
  if (options.sweep) {
    return fmt::format("sweep {} to {} /s", with_commas(options.sweep->from_per_s),
                       with_commas(options.sweep->to_per_s));
  }
  return fmt::format("open loop, {} /s, {}", with_commas(options.rate_per_s),
                     options.poisson ? "Poisson" : "fixed");
}

void add_memory(const Options& options, const RunResult& result, std::string& text) {
  const auto& before = result.peer_before_set_up;
  const auto& after = result.peer_after_set_up;
  if (!before || !after || options.mode != ModeKind::kIdle) return;
  const double grown =
      static_cast<double>(after->resident_bytes) - static_cast<double>(before->resident_bytes);
  text += fmt::format(
      "  peer       resident {:.1f} MiB before, {:.1f} MiB set up: {:.0f} bytes per flow\n",
      static_cast<double>(before->resident_bytes) / 1048576,
      static_cast<double>(after->resident_bytes) / 1048576,
      result.flows == 0 ? 0 : grown / result.flows);
}

void add_step(const Options& options, const StepResult& step, std::string& text) {
  const Stats& stats = step.stats;
  const double seconds = step.seconds > 0 ? step.seconds : 1;
  const bool has_answers = !is_adversary(options.mode);
  if (stats.sent != 0 || stats.held_back != 0) {
    text += fmt::format("  sent       {:>14}\n", with_commas(stats.sent));
  }
  if (has_answers && stats.sent != 0) {
    text += fmt::format("  completed  {:>14}   {} /s\n", with_commas(stats.completed),
                        with_commas(step.achieved_per_s()));
  }
  if (has_answers && stats.sent > stats.completed) {
    text += fmt::format("  unanswered {:>14}\n", with_commas(stats.sent - stats.completed));
  }
  if (stats.held_back != 0) {
    text += fmt::format("  held back  {:>14}   the target had not taken what was sent before\n",
                        with_commas(stats.held_back));
  }
  if (stats.bytes_in_window != 0) {
    text += fmt::format("  payload    {:>14.3f}   Gbit/s\n",
                        static_cast<double>(stats.bytes_in_window) * 8 / 1e9 / seconds);
  }
  if (has_answers && is_late(options, step)) {
    text += fmt::format("  latency    refused: {}\n", refusal(options, step));
  } else if (stats.latency_ns.count() != 0) {
    text += fmt::format("  latency us {}\n", histogram_text(stats.latency_ns));
  }
  if (stats.lag_ns.count() != 0) {
    text += fmt::format("  own lag us {}  ({:.2f} % above {:.0f})\n", histogram_text(stats.lag_ns),
                        step.late_percent(options.lag_bound_ns), us(options.lag_bound_ns));
  }
  if (stats.bystander_sent != 0) {
    text += fmt::format("  bystander  {} of {} answered, us {}\n", stats.bystander_ns.count(),
                        stats.bystander_sent, histogram_text(stats.bystander_ns));
  }
  text += fmt::format("  own cpu    {:>14.2f}   cores\n", step.own_cpu_s / seconds);
  if (step.peer_before && step.peer_after) {
    text += fmt::format("  peer cpu   {:>14.2f}   cores", peer_cpu_s(step) / seconds);
    if (stats.done_in_window != 0) {
      text += fmt::format(", {:.3f} us per completed",
                          peer_cpu_s(step) * 1e6 / static_cast<double>(stats.done_in_window));
    }
    text += fmt::format("; resident {:.1f} MiB, then {:.1f}\n",
                        static_cast<double>(step.peer_before->resident_bytes) / 1048576,
                        static_cast<double>(step.peer_after->resident_bytes) / 1048576);
  }
  for (const auto& [name, value] : stats.figures) {
    text += fmt::format("  {:<26} {}\n", name, with_commas(value));
  }
  for (const auto& [why, times] : stats.failures) {
    text += fmt::format("  failed     {:>14}   {}\n", with_commas(times), why);
  }
}

}  // namespace

std::string with_commas(double value) {
  const std::string digits = fmt::format("{:.0f}", std::abs(value));
  std::string text;
  if (value <= -0.5) text.push_back('-');
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string step_line(const Options& options, const StepResult& step) {
  const Histogram& latency = step.stats.latency_ns;
  return fmt::format(
      "{:>12} /s offered  {:>12} /s done  {}", with_commas(step.offered_per_s),
      with_commas(step.achieved_per_s()),
      is_late(options, step)
          ? fmt::format("latency refused, {:.1f} % late", step.late_percent(options.lag_bound_ns))
          : fmt::format("p50 {:.1f} us  p99 {:.1f} us  p99.9 {:.1f} us", us(latency.value_at(0.5)),
                        us(latency.value_at(0.99)), us(latency.value_at(0.999))));
}

std::string report_text(const Options& options, const RunResult& result) {
  std::string text = fmt::format("{} {}: {} connections, {} flows, {} B, {}\n",
                                 mode_name(options.mode), options.target.text, options.connections,
                                 options.flows(), options.sizes_text, schedule_text(options));
  if (!result.error.empty()) return text + fmt::format("  error: {}\n", result.error);
  const Machine here = tools::machine();
  text += fmt::format("  {}, {} cores, {}; {} thread(s); set up in {:.2f} s{}\n", here.cpu,
                      here.cores, here.kernel, options.threads(), result.set_up_s,
                      result.interrupted ? "; interrupted: the result so far" : "");
  add_memory(options, result, text);
  if (options.sweep) {
    for (const StepResult& step : result.steps) text += "  " + step_line(options, step) + "\n";
    if (result.knee) {
      text +=
          fmt::format("  knee at {} /s\n", with_commas(result.steps[*result.knee].offered_per_s));
    } else {
      text += "  no knee: not even the first rate was kept up with\n";
    }
    return text;
  }
  for (const StepResult& step : result.steps) {
    text += fmt::format("  measured   {:>14.2f}   s\n", step.seconds);
    add_step(options, step, text);
  }
  return text;
}

std::string report_json(const Options& options, const RunResult& result) {
  const Machine here = tools::machine();
  Json json = {
      {"tool", "weir-load"},
      {"mode", mode_name(options.mode)},
      {"target", options.target.text},
      {"options",
       {{"schedule", options.closed != 0 ? "closed"
                     : options.poisson   ? "poisson"
                                         : "fixed"},
        {"rate_per_s", options.rate_per_s},
        {"outstanding", options.closed},
        {"sizes", options.sizes_text},
        {"connections", options.connections},
        {"flows", options.flows()},
        {"duration_s", options.duration_s},
        {"warmup_s", options.warmup_s},
        {"threads", options.threads()},
        {"lag_bound_us", us(options.lag_bound_ns)}}},
      {"machine", {{"cpu", here.cpu}, {"cores", here.cores}, {"kernel", here.kernel}}},
      {"set_up_s", result.set_up_s},
      {"peer_before_set_up", peer_json(result.peer_before_set_up)},
      {"peer_after_set_up", peer_json(result.peer_after_set_up)},
      {"interrupted", result.interrupted},
      {"error", result.error.empty() ? Json(nullptr) : Json(result.error)},
      {"steps", Json::array()},
      {"knee_per_s", result.knee ? Json(result.steps[*result.knee].offered_per_s) : Json(nullptr)}};
  for (const StepResult& step : result.steps) json["steps"].push_back(step_json(options, step));
  return json.dump(2) + "\n";
}

}  // namespace weir::load
