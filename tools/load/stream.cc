#include "tools/load/stream.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstring>

namespace weir::load {
namespace {

// What one stream sends or receives in one turn at most: others have their turn, too.
constexpr std::size_t kBytesPerTurnMax = 4 << 20;
// An echo whose reader is slow does not read on above this.
constexpr std::size_t kBacklogToStopAt = 4 << 20;

}  // namespace

Stream::~Stream() {
  if (fd_) poller_.remove(fd_.get());
}

void Stream::start(std::uint32_t events) {
  interest_ = events;
  poller_.add(fd_.get(), *this, events);
}

bool Stream::connect(const Endpoint& endpoint, std::uint32_t source) {
  fd_ = make_client_socket(endpoint, source);
  if (!fd_) return false;
  const int rc = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&endpoint.address),
                           endpoint.address_bytes);
  if (rc != 0 && errno != EINPROGRESS) {
    fd_.reset();
    return false;
  }
  state_ = State::kConnecting;
  start(EPOLLOUT);
  return true;
}

void Stream::adopt(UniqueFd fd) {
  fd_ = std::move(fd);
  state_ = State::kOpen;
  start(EPOLLIN);
}

void Stream::close(const char* why) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  poller_.remove(fd_.get());
  fd_.reset();
  out_.release();
  endless_ = {};
  wants_out_ = false;
  user_.stream_closed(*this, why);
}

void Stream::update_interest() {
  if (state_ != State::kOpen) return;
  const std::uint32_t wanted = (out_.size() < kBacklogToStopAt ? EPOLLIN : 0u) |
                               (wants_out_ || !endless_.empty() ? EPOLLOUT : 0u);
  if (wanted == interest_) return;
  interest_ = wanted;
  poller_.change(fd_.get(), *this, wanted);
}

void Stream::send_endlessly(ByteSpan block) {
  endless_ = block;
  update_interest();
}

void Stream::on_events(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t size = sizeof error;
    (void)::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return close(std::strerror(error));
    state_ = State::kOpen;
    update_interest();
    user_.stream_open(*this);
    return;
  }
  if (state_ == State::kOpen && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
  if (state_ == State::kOpen && (events & EPOLLOUT) != 0) {
    wants_out_ = false;
    flush();
  }
}

void Stream::receive() {
  const MutableByteSpan buffer = poller_.receive_buffer();
  for (std::size_t total = 0; total < kBytesPerTurnMax && state_ == State::kOpen;) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) return close("closed by the target");
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return close(std::strerror(errno));
    poller_.mark_arrival();
    total += static_cast<std::size_t>(n);
    user_.stream_bytes(*this, buffer.first(static_cast<std::size_t>(n)));
    if (static_cast<std::size_t>(n) < buffer.size()) return;
  }
}

void Stream::flush() {
  if (state_ != State::kOpen || wants_out_) return;
  std::size_t endless_bytes = 0;
  while (true) {
    const bool own = !out_.empty();
    const ByteSpan pending = own ? out_.pending() : endless_;
    if (pending.empty() || endless_bytes >= kBytesPerTurnMax) break;
    const ssize_t n = ::send(fd_.get(), pending.data(), pending.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      wants_out_ = true;
      break;
    }
    if (n < 0) return close(std::strerror(errno));
    if (own) {
      out_.consume(static_cast<std::size_t>(n));
    } else {
      endless_bytes += static_cast<std::size_t>(n);
    }
  }
  update_interest();
}

}  // namespace weir::load
