// Time comes from outside, so that the simulator can run everything in virtual time.
#pragma once

#include <cstdint>

namespace weir {

inline constexpr std::uint64_t kNsPerMs = 1'000'000;
inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic, arbitrary origin, never goes back.
  virtual std::uint64_t now_ns() = 0;
  // Seconds since 1970-01-01 UTC; may jump.
  virtual std::uint64_t unix_seconds() = 0;
  // CPU time of the calling thread, for those who charge for work; only differences mean something.
  // In virtual time work takes none, unless a clock says so.
  virtual std::uint64_t thread_cpu_ns() { return now_ns(); }
};

class SystemClock final : public Clock {
 public:
  std::uint64_t now_ns() override;
  std::uint64_t unix_seconds() override;
  std::uint64_t thread_cpu_ns() override;
};

}  // namespace weir
