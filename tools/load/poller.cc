#include "tools/load/poller.h"

#include <sys/epoll.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

namespace weir::load {

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), receive_buffer_(kReceiveBytes) {
  CHECK(epoll_.get() >= 0);
}

void Poller::add(int fd, Pollable& pollable, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &pollable;
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
}

void Poller::change(int fd, Pollable& pollable, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &pollable;
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Poller::remove(int fd) { (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Poller::bury(std::unique_ptr<Pollable> pollable) {
  pollable->buried_ = true;
  graveyard_.push_back(std::move(pollable));
}

void Poller::flush() {
  // Flushing may close a connection, and its owner may then mark others: by index.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    dirty_[i]->dirty_ = false;
    if (!dirty_[i]->buried_) dirty_[i]->flush();
  }
  dirty_.clear();
}

void Poller::turn(std::uint64_t timeout_ns) {
  flush();
  epoll_event events[256];
  const timespec timeout = {static_cast<time_t>(timeout_ns / kNsPerSecond),
                            static_cast<long>(timeout_ns % kNsPerSecond)};
  const int n = ::epoll_pwait2(epoll_.get(), events, 256, &timeout, nullptr);
  for (int i = 0; i < n; ++i) {
    auto* pollable = static_cast<Pollable*>(events[i].data.ptr);
    if (!pollable->buried_) pollable->on_events(events[i].events);
  }
  flush();
  graveyard_.clear();
}

}  // namespace weir::load
