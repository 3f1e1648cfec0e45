#include "control/node/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"

namespace weir {
namespace {

std::uint64_t pack(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

int wait_ms(std::uint64_t deadline_ns, std::uint64_t now_ns) {
  if (deadline_ns == EpollLoop::kForever) return -1;
  if (deadline_ns <= now_ns) return 0;
  // Rounded up: waking a little early would spin.
  const std::uint64_t ms = (deadline_ns - now_ns + kNsPerMs - 1) / kNsPerMs;
  return static_cast<int>(std::min<std::uint64_t>(ms, 3'600'000));
}

}  // namespace

EpollLoop::EpollLoop(Clock& clock) : clock_(clock) {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  watch(wake_fd_, EPOLLIN, [this](std::uint32_t) {
    std::uint64_t count = 0;
    (void)!::read(wake_fd_, &count, sizeof count);
  });
}

EpollLoop::~EpollLoop() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void EpollLoop::watch(int fd, std::uint32_t events, Ready ready) {
  Watched& entry = watched_[fd];
  const bool is_new = entry.generation == 0;
  if (is_new) entry.generation = next_generation_++;
  entry.ready = std::make_shared<Ready>(std::move(ready));
  epoll_event event{};
  event.events = events;
  event.data.u64 = pack(fd, entry.generation);
  CHECK(::epoll_ctl(epoll_fd_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0);
}

void EpollLoop::unwatch(int fd) {
  if (watched_.erase(fd) == 0) return;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollLoop::run_once(std::uint64_t deadline_ns) {
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()),
                                 wait_ms(deadline_ns, clock_.now_ns()));
  CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const int fd = static_cast<int>(event.data.u64 & 0xffffffff);
    const auto found = watched_.find(fd);
    if (found == watched_.end() || pack(fd, found->second.generation) != event.data.u64) continue;
    // Kept alive here: it may unwatch itself.
    const std::shared_ptr<Ready> ready = found->second.ready;
    (*ready)(event.events);
  }
}

void EpollLoop::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

}  // namespace weir
