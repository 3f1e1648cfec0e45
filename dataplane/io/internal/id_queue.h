// First-in first-out queue of socket ids. The owner reserves one place per socket when its table
// grows, and a socket stands in a queue at most once, so push() never allocates.
#pragma once

#include <bit>
#include <cstddef>
#include <vector>

#include "base/check.h"
#include "dataplane/io/io.h"

namespace weir::io_internal {

class IdQueue {
 public:
  void reserve(std::size_t count) {
    if (count <= ring_.size()) return;
    std::vector<SocketId> larger(std::bit_ceil(count));
    const std::size_t held = size();
    for (std::size_t i = 0; i < held; ++i) larger[i] = ring_[(head_ + i) & (ring_.size() - 1)];
    ring_ = std::move(larger);
    head_ = 0;
    tail_ = held;
  }
  std::size_t size() const { return tail_ - head_; }
  bool empty() const { return head_ == tail_; }
  void push(SocketId id) {
    DCHECK(size() < ring_.size());
    ring_[tail_++ & (ring_.size() - 1)] = id;
  }
  SocketId pop() { return ring_[head_++ & (ring_.size() - 1)]; }

 private:
  std::vector<SocketId> ring_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace weir::io_internal
