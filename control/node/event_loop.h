// What the control thread waits for: a few descriptors and a deadline. Components register what
// they own; the loop calls them back on the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <unordered_map>

#include "base/clock.h"

namespace weir {

class EventLoop {
 public:
  // `events`: what happened, as in epoll(7).
  using Ready = std::function<void(std::uint32_t events)>;

  virtual ~EventLoop() = default;
  // Level-triggered. `events`: EPOLLIN, EPOLLOUT, ... (0: only errors). For a descriptor that is
  // watched already both are replaced. The descriptor stays its owner's, who unwatches it before
  // closing it.
  virtual void watch(int fd, std::uint32_t events, Ready ready) = 0;
  // After this, `ready` is not called again, not even for what happened already. Unknown: ignored.
  virtual void unwatch(int fd) = 0;
};

// The production loop. Everything on one thread, except wake().
class EpollLoop final : public EventLoop {
 public:
  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

  explicit EpollLoop(Clock& clock);
  ~EpollLoop() override;
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;

  void watch(int fd, std::uint32_t events, Ready ready) override;
  void unwatch(int fd) override;

  // Waits until something is ready, wake() was called or `deadline_ns` (of the clock, kForever:
  // none) has passed, and dispatches. A deadline in the past only dispatches what is ready now.
  void run_once(std::uint64_t deadline_ns);
  // From any thread and from a signal handler: the run_once that runs now, or the next, returns.
  void wake();
  // For those who wake by writing 8 bytes to a descriptor themselves (shards, resolver threads).
  int wake_fd() const { return wake_fd_; }

 private:
  struct Watched {
    std::uint32_t generation = 0;  // a descriptor's number is reused within a batch of events
    std::shared_ptr<Ready> ready;
  };

  Clock& clock_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::uint32_t next_generation_ = 1;
  std::unordered_map<int, Watched> watched_;
};

}  // namespace weir
