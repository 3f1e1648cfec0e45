#include "base/clock.h"

#include <ctime>

namespace weir {
std::uint64_t SystemClock::now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(t.tv_nsec);
}
std::uint64_t SystemClock::thread_cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(t.tv_nsec);
}
std::uint64_t SystemClock::unix_seconds() { return static_cast<std::uint64_t>(std::time(nullptr)); }
}  // namespace weir
