#include "tools/common/process.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace weir::tools {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number behind `key` in a file of "Key:  number kB" lines.
std::uint64_t field(const std::string& text, std::string_view key) {
  std::size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  at = text.find_first_of("0123456789", at + key.size());
  if (at == std::string::npos) return 0;
  std::uint64_t value = 0;
  (void)std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

}  // namespace

std::optional<ProcessUse> process_use(std::uint32_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string status = read_file(folder + "/status");
  if (status.empty()) return std::nullopt;
  ProcessUse use;
  use.resident_bytes = field(status, "VmRSS:") * 1024;
  use.anonymous_bytes = field(status, "RssAnon:") * 1024;
  // schedstat counts in ns; /proc/PID/stat only in hundredths of a second.
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", error)) {
    std::istringstream text(read_file(task.path() / "schedstat"));
    double on_cpu_ns = 0;
    if (text >> on_cpu_ns) use.cpu_s += on_cpu_ns / 1e9;
  }
  return use;
}

double own_cpu_s() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

Machine machine() {
  Machine found;
  found.cores = std::thread::hardware_concurrency();
  utsname name{};
  if (::uname(&name) == 0) found.kernel = std::string(name.sysname) + " " + name.release;
  const std::string info = read_file("/proc/cpuinfo");
  const std::size_t at = info.find("model name");
  if (at != std::string::npos) {
    const std::size_t colon = info.find(": ", at);
    const std::size_t end = info.find('\n', at);
    if (colon != std::string::npos && colon < end) {
      found.cpu = info.substr(colon + 2, end - colon - 2);
    }
  }
  return found;
}

std::uint64_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

}  // namespace weir::tools
