// How another thread wakes a shard for one atomic operation, and for a system call only if the
// shard really sleeps. The shard announces its sleep; the first wake() of that sleep writes the
// eventfd.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "base/check.h"

namespace weir::io_internal {

class WakeGate {
 public:
  WakeGate() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CHECK(descriptor_ >= 0); }
  ~WakeGate() { ::close(descriptor_); }
  WakeGate(const WakeGate&) = delete;
  WakeGate& operator=(const WakeGate&) = delete;

  // Readable after a wake() that met a sleeper. An edge-triggered watcher need not read it.
  int descriptor() const { return descriptor_; }

  // Any thread. What was written before is seen by the shard after its reap().
  void wake() {
    if (state_.exchange(kWoken, std::memory_order_seq_cst) != kAsleep) return;
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then it is readable anyway.
    [[maybe_unused]] const ssize_t n = write(descriptor_, &one, sizeof one);
  }

  // The shard. False: somebody woke it already, so it must not block now.
  bool begin_sleep() {
    int expected = kAwake;
    return state_.compare_exchange_strong(expected, kAsleep, std::memory_order_seq_cst);
  }
  // The shard, after sleeping or instead of it. True if it was woken since the last call.
  bool end_sleep() {
    if (state_.load(std::memory_order_relaxed) == kAwake) return false;
    return state_.exchange(kAwake, std::memory_order_seq_cst) == kWoken;
  }

 private:
  enum : int { kAwake, kAsleep, kWoken };
  const int descriptor_;
  std::atomic<int> state_{kAwake};
};

}  // namespace weir::io_internal
