// One thread's event loop: epoll over non-blocking sockets. What wants to send marks itself dirty
// and is flushed once per turn, so that everything due in one turn leaves in one call per socket.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace weir::load {

// Something with a socket. Lives at a fixed place until it is handed to Poller::bury.
class Pollable {
 public:
  Pollable() = default;
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;
  virtual ~Pollable() = default;
  virtual void on_events(std::uint32_t events) = 0;
  virtual void flush() {}

 private:
  friend class Poller;
  bool dirty_ = false;
  bool buried_ = false;
};

// The clock of all stamps: CLOCK_MONOTONIC, ns.
std::uint64_t now_ns();

class Poller {
 public:
  // What one receive takes at most: large, because bytes per call decide what bulk costs.
  static constexpr std::size_t kReceiveBytes = 1 << 20;

  Poller();

  void add(int fd, Pollable& pollable, std::uint32_t events);
  void change(int fd, Pollable& pollable, std::uint32_t events);
  void remove(int fd);
  void mark_dirty(Pollable& pollable) {
    if (pollable.dirty_) return;
    pollable.dirty_ = true;
    dirty_.push_back(&pollable);
  }
  // Deleted at the end of this turn: events of it that are already here are skipped.
  void bury(std::unique_ptr<Pollable> pollable);

  void flush();
  // Flushes, waits at most timeout_ns (0: looks only), handles what came, flushes again, deletes
  // the buried.
  void turn(std::uint64_t timeout_ns);

  // Shared by all receives of this thread; valid until the next receive.
  MutableByteSpan receive_buffer() { return receive_buffer_; }
  // When the bytes that are being handled came out of the kernel: one look at the clock per
  // receive, not per message.
  std::uint64_t arrival_ns() const { return arrival_ns_; }
  void mark_arrival() { arrival_ns_ = now_ns(); }

 private:
  UniqueFd epoll_;
  Bytes receive_buffer_;
  std::uint64_t arrival_ns_ = 0;
  std::vector<Pollable*> dirty_;
  std::vector<std::unique_ptr<Pollable>> graveyard_;
};

}  // namespace weir::load
