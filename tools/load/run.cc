#include "tools/load/run.h"

#include <fmt/core.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "tools/load/poller.h"
#include "tools/load/report.h"
#include "tools/load/worker.h"

namespace weir::load {
namespace {

std::atomic<std::uint64_t> cut_ns{~std::uint64_t{0}};

void interrupt(int) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  cut_ns.store(static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
                   static_cast<std::uint64_t>(now.tv_nsec),
               std::memory_order_relaxed);
}

bool interrupted() { return cut_ns.load(std::memory_order_relaxed) != ~std::uint64_t{0}; }

void install_interrupt() {
  cut_ns.store(~std::uint64_t{0});
  struct sigaction action{};
  action.sa_handler = interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

std::uint64_t ns_of(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

using Workers = std::vector<std::unique_ptr<Worker>>;

// One line per second on stderr.
class Progress {
 public:
  Progress(const Options& options, const Workers& workers)
      : enabled_(options.progress), workers_(workers) {}

  void look(const char* what) {
    const std::uint64_t now = now_ns();
    if (!enabled_ || now < next_ns_) return;
    std::uint64_t sent = 0;
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    std::uint64_t up = 0;
    for (const auto& worker : workers_) {
      sent += worker->meter().live_sent();
      done += worker->meter().live_done();
      failed += worker->meter().live_failed();
      up += worker->set_up_count();
    }
    const double seconds = static_cast<double>(now - last_ns_) / 1e9;
    fmt::print(stderr, "{:8} {:>8} up  sent {:>12} /s  done {:>12} /s  failed {}\n", what,
               with_commas(up), with_commas(static_cast<double>(sent - sent_) / seconds),
               with_commas(static_cast<double>(done - done_) / seconds), with_commas(failed));
    sent_ = sent;
    done_ = done;
    last_ns_ = now;
    next_ns_ = now + kNsPerSecond;
  }

 private:
  bool enabled_;
  const Workers& workers_;
  std::uint64_t last_ns_ = now_ns();
  std::uint64_t next_ns_ = now_ns() + kNsPerSecond;
  std::uint64_t sent_ = 0;
  std::uint64_t done_ = 0;
};

void rest() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

// Empty, or why it failed.
std::string wait_for_set_up(const Options& options, const Workers& workers, Progress& progress) {
  // Handshakes and identities take time: what is asked for may take longer than one answer.
  const std::uint64_t budget =
      ns_of(options.timeout_s) +
      (std::uint64_t{options.flows()} + std::uint64_t{options.prepare}) * 5 * kNsPerMs;
  const std::uint64_t deadline = now_ns() + budget;
  while (true) {
    std::size_t ready = 0;
    for (const auto& worker : workers) {
      if (worker->set_up_state() == Worker::SetUp::kBroken) return worker->broken();
      ready += worker->set_up_state() == Worker::SetUp::kReady;
    }
    if (ready == workers.size()) return {};
    if (interrupted()) return "interrupted while setting up";
    if (now_ns() > deadline) {
      std::uint64_t up = 0;
      for (const auto& worker : workers) up += worker->set_up_count();
      return fmt::format("the target did not answer while setting up: {} of {} flows are up",
                         with_commas(up), with_commas(std::uint64_t{options.flows()}));
    }
    progress.look("set up");
    rest();
  }
}

std::optional<ProcessUse> peer(const Options& options) {
  return options.pid == 0 ? std::nullopt : tools::process_use(options.pid);
}

void sleep_until(std::uint64_t at_ns, Progress& progress, const char* what) {
  while (now_ns() < at_ns && !interrupted()) {
    progress.look(what);
    rest();
  }
}

StepResult measure(const Options& options, double rate_per_s, const Workers& workers,
                   double warmup_s, Progress& progress) {
  Phase phase;
  phase.start_ns = now_ns() + 20 * kNsPerMs;
  phase.measure_ns = phase.start_ns + ns_of(warmup_s);
  phase.end_ns = phase.measure_ns + ns_of(options.duration_s);
  phase.grace_ns = kNsPerSecond;
  const auto threads = static_cast<std::uint32_t>(workers.size());
  for (std::uint32_t i = 0; i < threads; ++i) {
    Phase part = phase;
    part.rate_per_s = rate_per_s / threads;
    part.closed = share_of(options.closed, i, threads);
    workers[i]->post(part);
  }
  StepResult step;
  step.offered_per_s = options.closed == 0 ? rate_per_s : 0;
  sleep_until(phase.measure_ns, progress, "warm-up");
  const double own_before = tools::own_cpu_s();
  step.peer_before = peer(options);
  sleep_until(phase.end_ns, progress, "measure");
  step.peer_after = peer(options);
  step.own_cpu_s = tools::own_cpu_s() - own_before;
  const std::uint64_t end_ns = std::min(phase.end_ns, cut_ns.load());
  if (end_ns > phase.measure_ns) {
    step.seconds = static_cast<double>(end_ns - phase.measure_ns) / 1e9;
  }
  for (const auto& worker : workers) {
    std::optional<Stats> stats;
    while (!(stats = worker->take())) rest();
    step.stats.merge(*stats);
  }
  return step;
}

void measure_all(const Options& options, const Workers& workers, Progress& progress,
                 RunResult& result) {
  if (!options.sweep) {
    result.steps.push_back(
        measure(options, options.rate_per_s, workers, options.warmup_s, progress));
    return;
  }
  std::vector<SweepStep> sweep;
  const SweepOptions& wanted = *options.sweep;
  for (const double rate : sweep_rates(wanted.from_per_s, wanted.to_per_s, wanted.factor)) {
    // The first step warms up; later ones only let the rate settle.
    const double warmup_s = sweep.empty() ? options.warmup_s : std::min(0.2, options.warmup_s);
    result.steps.push_back(measure(options, rate, workers, warmup_s, progress));
    if (interrupted()) break;
    const StepResult& step = result.steps.back();
    sweep.push_back({rate, step.achieved_per_s(), step.stats.latency_ns.value_at(0.99),
                     step.late_percent(options.lag_bound_ns) <= StepResult::kLatePercentMax});
    if (options.progress) fmt::print(stderr, "{}\n", step_line(options, step));
    if (knee_passed(sweep)) break;
  }
  result.knee = find_knee(sweep);
}

}  // namespace

double StepResult::late_percent(std::uint64_t bound_ns) const {
  if (stats.lag_ns.count() == 0) return 0;
  return 100 * static_cast<double>(stats.lag_ns.count_above(bound_ns)) /
         static_cast<double>(stats.lag_ns.count());
}

RunResult run(const Options& options) {
  install_interrupt();
  tools::raise_file_limit();
  RunResult result;
  result.flows = options.flows();
  result.peer_before_set_up = peer(options);
  const std::uint64_t started_ns = now_ns();
  Workers workers;
  for (std::uint32_t i = 0; i < options.threads(); ++i) {
    workers.push_back(std::make_unique<Worker>(options, i, cut_ns));
  }
  Progress progress(options, workers);
  result.error = wait_for_set_up(options, workers, progress);
  result.set_up_s = static_cast<double>(now_ns() - started_ns) / 1e9;
  result.peer_after_set_up = peer(options);
  if (result.error.empty()) measure_all(options, workers, progress, result);
  result.interrupted = interrupted();
  return result;
}

}  // namespace weir::load
