#include "tools/latency/record.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "base/clock.h"
#include "control/node/api/api_client.h"
#include "tools/common/node_finder.h"
#include "tools/common/process.h"
#include "tools/latency/units.h"

namespace weir::latency {
namespace {

constexpr const char* kPath = "/node/latency";
constexpr std::uint64_t kTimeoutMs = 20'000;  // below the node's lease

volatile sig_atomic_t stop_signal = 0;

extern "C" void on_stop(int number) { stop_signal = number; }

// A second Ctrl-C ends the program as usual.
void catch_stop_signals() {
  struct sigaction action{};
  action.sa_handler = on_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

// The session in the node; ended when this goes.
class Session {
 public:
  static Result<Session> start(const NodeRecord& node, const Options& options) {
    const api::StartLatency body{options.sample, options.stall_us * 1000, options.take_over};
    auto answer = api::call(node.api_socket, wire::Method::kPost, kPath, body.encode(), kTimeoutMs);
    if (!answer) return explained(node, answer.error());
    auto started = api::LatencyStarted::decode(*answer);
    if (!started) return pass(started);
    return Session(node.api_socket, *started);
  }
  Session(Session&& other) noexcept
      : socket_(std::exchange(other.socket_, {})), started_(other.started_) {}
  Session& operator=(Session&&) = delete;
  ~Session() {
    // Also when reading failed: the node may only have been slow.
    if (!socket_.empty()) {
      (void)api::call(socket_, wire::Method::kDelete, kPath, id(), kTimeoutMs);
    }
  }

  const api::LatencyStarted& started() const { return started_; }
  Result<api::LatencyReport> read() const {
    return api::call<api::LatencyReport>(socket_, wire::Method::kGet, kPath, id(), kTimeoutMs);
  }

 private:
  Session(std::string socket, const api::LatencyStarted& started)
      : socket_(std::move(socket)), started_(started) {}
  Bytes id() const { return api::LatencySessionId{started_.session}.encode(); }

  // What to do about it.
  static std::unexpected<Error> explained(const NodeRecord& node, const Error& error) {
    if (error.code == Errc::kAlreadyExists) {
      return fail(Errc::kAlreadyExists, "refused (--take-over ends the other profiler)",
                  error.detail);
    }
    if (error.code == Errc::kInvalid &&
        error.detail.find("Invalid endpoint") != std::string::npos) {
      return fail(Errc::kUnsupported,
                  "the node knows no latency profiles: stop it, and start it with this version",
                  node.name);
    }
    return std::unexpected(error);
  }

  std::string socket_;
  api::LatencyStarted started_;
};

std::string utc_text(std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm day{};
  ::gmtime_r(&seconds, &day);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &day)};
}

std::string machine_text() {
  const tools::Machine machine = tools::machine();
  return fmt::format("{}, {} cores, {}", machine.cpu, machine.cores, machine.kernel);
}

// Until then, or until a signal.
void wait_until(Clock& clock, std::uint64_t at_ns) {
  while (stop_signal == 0) {
    const std::uint64_t now = clock.now_ns();
    if (now >= at_ns) return;
    // poll() ends at a signal; one that comes just before it costs a slice.
    const std::uint64_t left_ms = (at_ns - now) / kNsPerMs + 1;
    ::poll(nullptr, 0, static_cast<int>(std::min<std::uint64_t>(left_ms, 100)));
  }
}

void show_progress(const Recording& recording, const Point& last) {
  std::fputs(
      fmt::format("{:6.1f} s  {:>11} frames/s  total p50 {:>8}  p99 {:>8}  busy {:>3.0f} %  "
                  "stalls {}  dropped {}\n",
                  recording.seconds,
                  rate_text(last.seconds > 0 ? static_cast<double>(last.frames) / last.seconds : 0),
                  time_text(last.p50_ns), time_text(last.p99_ns), last.busy * 100,
                  recording.stalls_seen(), recording.dropped())
          .c_str(),
      stderr);
}

void run(const Options& options, const Session& session, Recording& recording) {
  SystemClock clock;
  Recorder recorder(recording);
  const std::uint64_t began = clock.now_ns();
  const auto length_ns = static_cast<std::uint64_t>(options.seconds * 1e9);
  std::uint64_t next = began;
  std::uint64_t next_line = began + kNsPerSecond;
  while (true) {
    next = std::min(next + options.interval_ms * kNsPerMs, began + length_ns);
    wait_until(clock, next);
    const auto report = session.read();
    if (!report) {
      recording.note = "it ended early: " + report.error().text();
      return;
    }
    if (const Status added = recorder.add(*report); !added) {
      recording.note = "it ended early: " + added.error().text();
      return;
    }
    const std::uint64_t now = clock.now_ns();
    if (!options.quiet && now >= next_line) {
      show_progress(recording, recorder.last());
      next_line += kNsPerSecond;
    }
    if (stop_signal != 0) {
      recording.note =
          fmt::format("it was ended by a signal before {:g} s were over", options.seconds);
      return;
    }
    if (now >= began + length_ns) return;
    next = std::max(next, now - std::min(now, options.interval_ms * kNsPerMs));
  }
}

}  // namespace

Result<Recording> record(const Options& options) {
  auto node = tools::find_running_node(options.at, process_environment());
  if (!node) return pass(node);
  catch_stop_signals();
  auto session = Session::start(*node, options);
  if (!session) return pass(session);
  if (!options.quiet) {
    std::fputs(fmt::format("attached to node {} ({} shards); {:g} s, Ctrl-C ends it earlier\n",
                           node->name, session->started().shards, options.seconds)
                   .c_str(),
               stderr);
  }
  Recording recording;
  recording.node = node->name;
  recording.began = utc_text(SystemClock().unix_seconds());
  recording.machine = machine_text();
  recording.sample = options.sample;
  recording.stall_ns = options.stall_us * 1000;
  recording.hardware_ticks = session->started().hardware_ticks;
  run(options, *session, recording);
  if (recording.shards.empty()) return fail(Errc::kIo, "nothing was read", recording.note);
  return recording;
}

}  // namespace weir::latency
