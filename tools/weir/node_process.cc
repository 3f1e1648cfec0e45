#include "tools/weir/node_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr int kChildPipeFd = 3;
constexpr char kReady[] = "ready\n";
constexpr std::uint64_t kStopPatienceMs = 5'000;

std::string own_path() {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) give_up("Cannot find this program's own path", "is /proc mounted?");
  path.resize(static_cast<std::size_t>(size));
  return path;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become_node(const char* path, char* const* argv, int pipe_fd) {
  ::setsid();
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd >= 0) ::dup2(null_fd, STDIN_FILENO);
  // dup2 onto itself would leave close-on-exec set.
  if (pipe_fd == kChildPipeFd) {
    ::fcntl(kChildPipeFd, F_SETFD, 0);
  } else {
    ::dup2(pipe_fd, kChildPipeFd);
  }
  ::syscall(SYS_close_range, kChildPipeFd + 1, ~0U, 0);
  ::umask(077);
  ::execv(path, argv);
  ::_exit(127);
}

pid_t fork_node(const BackgroundStart& start, int pipe_fd) {
  const std::string path = own_path();
  std::vector<std::string> words = {path};
  words.insert(words.end(), start.words.begin(), start.words.end());
  // The node's name stays the last word, as everybody who reads `ps` expects.
  words.insert(words.end() - 1, {"--child-process", std::to_string(kChildPipeFd)});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // The child inherits it; relative homes would mean another directory after a chdir.
  ::setenv("WEIR_HOME", start.home.c_str(), 1);
  const pid_t pid = ::fork();
  if (pid < 0) give_up(fmt::format("Cannot start a process: {}", std::strerror(errno)));
  if (pid == 0) become_node(path.c_str(), argv.data(), pipe_fd);
  return pid;
}

// True: "ready" came. False: the pipe ended, or the time did.
bool wait_for_ready(int fd, std::uint64_t timeout_ms, bool& timed_out) {
  SystemClock clock;
  const std::uint64_t deadline_ns = clock.now_ns() + timeout_ms * kNsPerMs;
  std::string said;
  while (said != kReady) {
    const std::uint64_t now_ns = clock.now_ns();
    if (now_ns >= deadline_ns) return !(timed_out = true);
    pollfd poller{fd, POLLIN, 0};
    const std::uint64_t left_ms = (deadline_ns - now_ns) / kNsPerMs + 1;
    if (::poll(&poller, 1, static_cast<int>(std::min<std::uint64_t>(left_ms, 60'000))) <= 0) {
      continue;
    }
    char text[sizeof kReady];
    const ssize_t got = ::read(fd, text, sizeof kReady - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    said.append(text, static_cast<std::size_t>(got));
    if (said.size() > sizeof kReady) return false;
  }
  return true;
}

[[noreturn]] void report_child_failure(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    give_up(Failure{{}, {}, {}, {}, WEXITSTATUS(status)});  // the child has said why
  }
  if (WIFSIGNALED(status)) {
    give_up(fmt::format("The node's process was killed by signal {} before it was ready",
                        WTERMSIG(status)));
  }
  give_up("The node's process ended before it was ready");
}

int pidfd_open(std::int64_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
}

bool wait_for_end(int pidfd, std::uint64_t timeout_ms) {
  pollfd poller{pidfd, POLLIN, 0};
  SystemClock clock;
  const std::uint64_t deadline_ns = clock.now_ns() + timeout_ms * kNsPerMs;
  while (true) {
    const std::uint64_t now_ns = clock.now_ns();
    const std::uint64_t left_ms = now_ns >= deadline_ns ? 0 : (deadline_ns - now_ns) / kNsPerMs;
    const int ready = ::poll(&poller, 1, static_cast<int>(left_ms));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

void start_in_background(const BackgroundStart& start) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    give_up(fmt::format("Cannot make a pipe: {}", std::strerror(errno)));
  }
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t pid = fork_node(start, writing.get());
  writing.reset();
  bool timed_out = false;
  if (wait_for_ready(reading.get(), start.timeout_ms, timed_out)) return;
  if (timed_out) {
    ::kill(pid, SIGKILL);  // our child and not yet waited for: the pid is still its own
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    give_up(fmt::format("The node was not ready after {} ms and was stopped", start.timeout_ms),
            "WEIR_DEFAULT_TIMEOUT sets how long to wait");
  }
  report_child_failure(pid);
}

void prepare_node_process() {
  ::umask(077);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

Status report_ready(int pipe_fd) {
  const UniqueFd pipe(pipe_fd);
  constexpr std::size_t kSize = sizeof kReady - 1;
  while (true) {
    const ssize_t written = ::write(pipe.get(), kReady, kSize);
    if (written == static_cast<ssize_t>(kSize)) return {};
    if (written < 0 && errno == EINTR) continue;
    return fail(Errc::kIo, "the command that started this node has gone");
  }
}

Status redirect_to_log(const std::string& path) {
  const UniqueFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!log) return fail(Errc::kIo, "cannot open the log", path);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
  if (null) ::dup2(null.get(), STDIN_FILENO);
  return {};
}

std::string log_file_path(const std::string& node_directory, std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm day{};
  ::gmtime_r(&seconds, &day);
  return fmt::format("{}/stdout.{:04}-{:02}-{:02}.log", node_directory, day.tm_year + 1900,
                     day.tm_mon + 1, day.tm_mday);
}

ProcessStatus node_status(const NodeRecord& node) {
  if (node.pid <= 0) return ProcessStatus::kStopped;
  return process_status(node.pid, node.pid_start_ticks);
}

namespace {

// Where the kernel has no pidfd (before 5.3, some sandboxes): the start time is compared before
// every signal, which leaves a window of microseconds.
bool stop_by_pid(std::int64_t pid, std::uint64_t start_ticks) {
  SystemClock clock;
  const auto runs = [&] { return process_status(pid, start_ticks) == ProcessStatus::kRunning; };
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (!runs()) return true;
    if (::kill(static_cast<pid_t>(pid), signal) != 0) return errno == ESRCH;
    const std::uint64_t deadline_ns = clock.now_ns() + kStopPatienceMs * kNsPerMs;
    while (runs() && clock.now_ns() < deadline_ns) ::poll(nullptr, 0, 20);
  }
  return !runs();
}

}  // namespace

bool stop_process(std::int64_t pid, std::uint64_t start_ticks) {
  if (pid <= 0) return true;
  const UniqueFd process(pidfd_open(pid));
  if (!process) return errno == ESRCH || stop_by_pid(pid, start_ticks);
  // The descriptor names one process for ever; only now is it worth comparing.
  if (process_status(pid, start_ticks) != ProcessStatus::kRunning) return true;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0 &&
        errno != ESRCH) {
      return false;
    }
    if (wait_for_end(process.get(), kStopPatienceMs)) return true;
  }
  return false;
}

}  // namespace weir::cli
