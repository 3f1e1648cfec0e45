#include "control/store/process.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace weir {
namespace {

struct Stat {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

// /proc/<pid>/stat: "pid (name) state ppid .."; the name may contain anything, so count from the
// last parenthesis. Field 22 is the 20th after it.
std::optional<Stat> read_stat(std::int64_t pid) {
  if (pid <= 0) return std::nullopt;
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return std::nullopt;
  char text[2048];
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[size] = '\0';
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] != ' ') return std::nullopt;
  at += 2;
  Stat stat;
  stat.state = *at;
  for (int field = 3; field < 22; ++field) {
    at = std::strchr(at, ' ');
    if (at == nullptr) return std::nullopt;
    ++at;
  }
  stat.start_ticks = std::strtoull(at, nullptr, 10);
  return stat;
}

}  // namespace

std::optional<std::uint64_t> process_start_ticks(std::int64_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return std::nullopt;
  return stat->start_ticks;
}

ProcessStatus process_status(std::int64_t pid, std::uint64_t start_ticks) {
  const auto stat = read_stat(pid);
  if (!stat || (start_ticks != 0 && stat->start_ticks != start_ticks)) {
    return ProcessStatus::kStopped;
  }
  return stat->state == 'Z' || stat->state == 'X' ? ProcessStatus::kZombie
                                                  : ProcessStatus::kRunning;
}

}  // namespace weir
