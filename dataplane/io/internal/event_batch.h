// The caller's span of events, being filled by one reap().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/io/io.h"

namespace weir::io_internal {

// As a deadline.
inline constexpr std::uint64_t kForever = ~std::uint64_t{0};

class EventBatch {
 public:
  explicit EventBatch(std::span<IoEvent> events) : events_(events) {}
  bool full() const { return count_ == events_.size(); }
  std::size_t room() const { return events_.size() - count_; }
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }

  // Precondition: !full().
  IoEvent& add(IoEventKind kind, std::int32_t result, std::uint64_t user) {
    IoEvent& event = events_[count_++];
    event.kind = kind;
    event.result = result;
    event.user = user;
    event.buffer = nullptr;
    return event;
  }

 private:
  std::span<IoEvent> events_;
  std::size_t count_ = 0;
};

}  // namespace weir::io_internal
