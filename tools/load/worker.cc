#include "tools/load/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace weir::load {
namespace {

// Messages between two looks at the sockets: enough for one large send, few enough that answers are
// not kept waiting.
constexpr int kSendBatchMax = 64;
// The longest sleep: commands of the main thread are seen this late.
constexpr std::uint64_t kSleepMaxNs = 5 * kNsPerMs;

void pin_to(int core) {
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  (void)::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

std::uint64_t until(std::uint64_t at_ns) {
  const std::uint64_t now = now_ns();
  return at_ns <= now ? 0 : std::min(at_ns - now, kSleepMaxNs);
}

}  // namespace

Worker::Worker(const Options& options, std::uint32_t thread,
               const std::atomic<std::uint64_t>& cut_ns)
    : options_(options), thread_number_(thread), cut_ns_(cut_ns), thread_([this] { run(); }) {}

Worker::~Worker() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

std::string Worker::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void Worker::post(const Phase& phase) {
  const std::lock_guard lock(mutex_);
  posted_ = phase;
}

std::optional<Stats> Worker::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(result_, std::nullopt);
}

void Worker::run() {
  pin_to(options_.cores[thread_number_]);
  // Sleeps end when they should: the default slack is 50 us.
  (void)::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  Poller poller;
  Party party(options_.identity, options_.member);
  SeededRng rng(options_.seed * 1000 + thread_number_);
  const std::unique_ptr<Mode> mode =
      make_mode({options_, poller, party, meter_, rng, thread_number_});
  poller_ = &poller;
  if (!set_up(*mode)) return;
  while (!stop_.load(std::memory_order_relaxed)) {
    std::optional<Phase> phase;
    {
      const std::lock_guard lock(mutex_);
      phase = std::exchange(posted_, std::nullopt);
    }
    if (phase) {
      run_phase(*mode, *phase);
    } else {
      poller.turn(until(mode->tick(now_ns())));
    }
  }
}

bool Worker::set_up(Mode& mode) {
  std::string why;
  if (Status status = mode.start(); !status) why = status.error().text();
  while (why.empty() && !mode.ready() && !stop_.load(std::memory_order_relaxed)) {
    poller_->turn(until(mode.tick(now_ns())));
    set_up_count_.store(mode.set_up(), std::memory_order_relaxed);
    why = mode.broken();
  }
  if (!why.empty()) {
    const std::lock_guard lock(mutex_);
    broken_ = why;
  }
  set_up_count_.store(mode.set_up(), std::memory_order_relaxed);
  set_up_state_.store(why.empty() ? SetUp::kReady : SetUp::kBroken, std::memory_order_release);
  return why.empty();
}

void Worker::run_phase(Mode& mode, const Phase& phase) {
  Schedule schedule;
  if (phase.closed == 0 && phase.rate_per_s > 0) {
    const std::uint64_t seed = options_.seed + 7919 * thread_number_ + 104729 * phases_run_;
    schedule = Schedule(phase.start_ns, phase.rate_per_s, options_.poisson, seed);
  }
  ++phases_run_;
  meter_.begin({phase.measure_ns, phase.end_ns});
  mode.phase_begins();
  last_done_ns_ = phase.start_ns;
  while (!stop_.load(std::memory_order_relaxed)) {
    const std::uint64_t end_ns = std::min(phase.end_ns, cut_ns_.load(std::memory_order_relaxed));
    meter_.cut(end_ns);
    const std::uint64_t now = now_ns();
    std::uint64_t next_ns = std::max(now, end_ns) + kSleepMaxNs;
    if (now >= end_ns) {
      if (mode.outstanding() == 0 || now >= end_ns + phase.grace_ns) break;
    } else if (phase.closed != 0) {
      next_ns = std::max(now, phase.start_ns);
      if (now >= phase.start_ns && !send_closed(mode, phase, end_ns)) next_ns = end_ns;
    } else {
      next_ns = std::min(end_ns, send_due(mode, schedule, end_ns));
    }
    poller_->turn(until(std::min(next_ns, mode.tick(now))));
  }
  mode.finish(meter_.stats());
  const std::lock_guard lock(mutex_);
  result_ = meter_.stats();
  meter_.begin({});  // what comes late is nobody's
}

std::uint64_t Worker::send_due(Mode& mode, Schedule& schedule, std::uint64_t end_ns) {
  std::uint64_t now = now_ns();
  for (int i = 0; i < kSendBatchMax; ++i) {
    const std::uint64_t due = schedule.due_ns();
    if (due > now || due >= end_ns) return due;
    // The lag of this message, by a clock that is at most a few messages old.
    if (i % 8 == 7) now = now_ns();
    meter_.lag(due, now - due);
    if (!mode.operate(due)) meter_.held_back(due);
    schedule.advance();
  }
  return now;
}

bool Worker::send_closed(Mode& mode, const Phase& phase, std::uint64_t end_ns) {
  const std::uint64_t now = now_ns();
  int sent = 0;
  while (sent < kSendBatchMax && mode.outstanding() < phase.closed && now < end_ns &&
         mode.operate(now)) {
    ++sent;
  }
  const std::uint64_t done = meter_.live_done();
  if (done != last_done_) {
    last_done_ = done;
    last_done_ns_ = now;
  } else if (now - last_done_ns_ > static_cast<std::uint64_t>(options_.timeout_s * 1e9)) {
    meter_.failed("nothing was answered within the timeout");
    mode.forget_outstanding();
    last_done_ns_ = now;
  }
  return sent == kSendBatchMax;
}

}  // namespace weir::load
