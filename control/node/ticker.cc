#include "control/node/ticker.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"

namespace weir {

Ticker::Ticker() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  CHECK(fd_ >= 0);
}

Ticker::~Ticker() { ::close(fd_); }

void Ticker::arm(std::uint32_t period_ms) {
  if (armed_) return;
  armed_ = true;
  itimerspec spec{};
  spec.it_value.tv_sec = period_ms / 1000;
  spec.it_value.tv_nsec = static_cast<long>(period_ms % 1000) * 1'000'000;
  spec.it_interval = spec.it_value;
  CHECK(::timerfd_settime(fd_, 0, &spec, nullptr) == 0);
}

void Ticker::disarm() {
  if (!armed_) return;
  armed_ = false;
  const itimerspec spec{};
  CHECK(::timerfd_settime(fd_, 0, &spec, nullptr) == 0);
}

std::uint64_t Ticker::take() {
  std::uint64_t periods = 0;
  return ::read(fd_, &periods, sizeof periods) == sizeof periods ? periods : 0;
}

}  // namespace weir
