#include "tools/load/connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "tools/load/socket.h"
#include "tools/load/tunnel.h"

namespace weir::load {
namespace {

// Frames above this are received into a buffer of their own size.
constexpr std::size_t kLargeFrameBytes = Poller::kReceiveBytes / 4;
// Receives of one connection in one turn, so that one cannot keep the others waiting.
constexpr int kReceivesMax = 4;
// Addresses need no scratch when they are canonical, and those of all known nodes are.
constexpr std::size_t kScratchBytes = 16 << 10;

}  // namespace

Connection::~Connection() {
  if (fd_) poller_.remove(fd_.get());
  for (Tunnel* tunnel : slots_) {
    if (tunnel != nullptr) tunnel->connection_deleted();
  }
}

bool Connection::open() {
  error_.clear();
  version_seen_ = false;
  reading_ = true;
  fd_ = make_client_socket(endpoint_, source_);
  if (!fd_) {
    error_ = std::strerror(errno);
    return false;
  }
  const int rc = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&endpoint_.address),
                           endpoint_.address_bytes);
  if (rc != 0 && errno != EINPROGRESS) {
    error_ = std::strerror(errno);
    fd_.reset();
    return false;
  }
  state_ = State::kConnecting;
  interest_ = EPOLLOUT;
  poller_.add(fd_.get(), *this, interest_);
  return true;
}

void Connection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return close(std::strerror(error));
  state_ = State::kOpen;
  const std::uint8_t version = wire::kTcpVersion;
  out_.append({&version, 1});
  wants_out_ = false;
  update_interest();
  poller_.mark_dirty(*this);
  // By index: a tunnel that starts may attach another.
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] != nullptr) slots_[i]->connection_open();
  }
}

void Connection::close(const char* why) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  error_ = why;
  poller_.remove(fd_.get());
  fd_.reset();
  out_.release();
  partial_ = {};
  large_bytes_ = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] != nullptr) slots_[i]->connection_lost(error_.c_str());
  }
  if (on_closed) on_closed();
}

void Connection::update_interest() {
  if (state_ != State::kOpen) return;
  const std::uint32_t wanted = (reading_ ? EPOLLIN : 0u) | (wants_out_ ? EPOLLOUT : 0u);
  if (wanted == interest_) return;
  interest_ = wanted;
  poller_.change(fd_.get(), *this, interest_);
}

void Connection::set_reading(bool reading) {
  reading_ = reading;
  update_interest();
}

bool Connection::read_and_forget(std::size_t bytes) {
  if (state_ != State::kOpen) return false;
  const MutableByteSpan buffer = poller_.receive_buffer();
  const ssize_t n = ::recv(fd_.get(), buffer.data(), std::min(bytes, buffer.size()), 0);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  close(n == 0 ? "closed by the target" : std::strerror(errno));
  return false;
}

void Connection::on_events(std::uint32_t events) {
  if (state_ == State::kConnecting) return connected();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && reading_) receive();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !reading_ && state_ == State::kOpen) {
    return close("reset by the target");
  }
  if ((events & EPOLLOUT) != 0 && state_ == State::kOpen) {
    wants_out_ = false;
    flush();
  }
}

void Connection::flush() {
  if (state_ != State::kOpen || wants_out_) return;
  while (!out_.empty()) {
    const ByteSpan pending = out_.pending();
    const ssize_t n = ::send(fd_.get(), pending.data(), pending.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      wants_out_ = true;
      break;
    }
    if (n < 0) return close(std::strerror(errno));
    out_.consume(static_cast<std::size_t>(n));
  }
  update_interest();
}

void Connection::trim() {
  if (out_.empty()) out_.release();
  if (partial_.empty()) partial_ = {};
}

void Connection::receive() {
  for (int i = 0; i < kReceivesMax && state_ == State::kOpen; ++i) {
    if (large_bytes_ != 0) {
      if (!receive_large()) return;
      continue;
    }
    const MutableByteSpan buffer = poller_.receive_buffer();
    const std::size_t old = partial_.size();
    if (old != 0) std::memcpy(buffer.data(), partial_.data(), old);
    partial_.clear();
    const ssize_t n = ::recv(fd_.get(), buffer.data() + old, buffer.size() - old, 0);
    if (n <= 0) {
      partial_.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(old));
      if (n == 0) return close("closed by the target");
      if (errno == EAGAIN || errno == EINTR) return;
      return close(std::strerror(errno));
    }
    poller_.mark_arrival();
    const MutableByteSpan got = buffer.first(old + static_cast<std::size_t>(n));
    const std::size_t used = take_frames(got);
    if (state_ != State::kOpen) return;
    partial_.assign(got.begin() + static_cast<std::ptrdiff_t>(used), got.end());
    if (partial_.size() >= wire::kFramePrefixBytes) {
      const std::size_t whole = wire::kFramePrefixBytes + load_be32(partial_.data());
      if (whole > kLargeFrameBytes) {
        large_bytes_ = whole;
        large_filled_ = partial_.size();
        partial_.resize(whole);
      }
    }
    // A short read: nothing more is there.
    if (got.size() < buffer.size()) return;
  }
}

// False when the socket has no more for now, or is gone.
bool Connection::receive_large() {
  const ssize_t n =
      ::recv(fd_.get(), partial_.data() + large_filled_, large_bytes_ - large_filled_, 0);
  if (n == 0) {
    close("closed by the target");
    return false;
  }
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) close(std::strerror(errno));
    return false;
  }
  poller_.mark_arrival();
  large_filled_ += static_cast<std::size_t>(n);
  if (large_filled_ < large_bytes_) return true;
  large_bytes_ = 0;
  Bytes frame;
  frame.swap(partial_);
  take_body(MutableByteSpan(frame).subspan(wire::kFramePrefixBytes));
  return state_ == State::kOpen;
}

std::size_t Connection::take_frames(MutableByteSpan bytes) {
  std::size_t at = 0;
  if (!version_seen_) {
    if (bytes[0] != wire::kTcpVersion) {
      close("the target does not speak this protocol (first byte)");
      return 0;
    }
    version_seen_ = true;
    at = 1;
  }
  while (bytes.size() - at >= wire::kFramePrefixBytes) {
    const std::size_t size = load_be32(bytes.data() + at);
    if (size == 0 || size > wire::kMaxFrameBytes) {
      close("the target sent a frame of a forbidden length");
      return 0;
    }
    if (bytes.size() - at - wire::kFramePrefixBytes < size) break;
    take_body(bytes.subspan(at + wire::kFramePrefixBytes, size));
    if (state_ != State::kOpen) return 0;
    at += wire::kFramePrefixBytes + size;
  }
  return at;
}

void Connection::take_body(MutableByteSpan body) {
  std::uint8_t scratch[kScratchBytes];
  wire::MessageView message;
  if (wire::parse_message(body, scratch, message) != wire::ParseResult::kOk) {
    return close("the target sent a malformed frame");
  }
  if (!message.onward.empty()) {
    const ByteSpan to = message.onward.front().value;
    std::uint32_t slot = 0;
    if (slot_of(to, slot) && slot < slots_.size() && slots_[slot] != nullptr &&
        slots_[slot]->receive(to, message.ret, message.payload)) {
      return;
    }
  }
  if (on_stray) on_stray(body);
}

std::uint32_t Connection::attach(Tunnel& tunnel) {
  if (!free_slots_.empty()) {
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = &tunnel;
    return slot;
  }
  slots_.push_back(&tunnel);
  return static_cast<std::uint32_t>(slots_.size() - 1);
}

void Connection::detach(std::uint32_t slot) {
  slots_[slot] = nullptr;
  free_slots_.push_back(slot);
}

}  // namespace weir::load
