// One-shot timers of a shard: a binary heap, for rare events only (connect, Pong, linger). Nothing
// per frame sets one. Cancelled by generation: whoever is gone is not found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace weir {

struct Timer {
  enum class Kind : std::uint8_t { kDial, kLinger, kPong };
  std::uint64_t at_ns = 0;
  Kind kind = Kind::kDial;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
};

class Timers {
 public:
  Timers() { heap_.reserve(1024); }
  void set(Timer timer) {
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  std::uint64_t next_ns() const { return heap_.empty() ? ~std::uint64_t{0} : heap_.front().at_ns; }
  bool pop_due(std::uint64_t now_ns, Timer& out) {
    if (heap_.empty() || heap_.front().at_ns > now_ns) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    out = heap_.back();
    heap_.pop_back();
    return true;
  }

 private:
  static bool later(const Timer& a, const Timer& b) { return a.at_ns > b.at_ns; }
  std::vector<Timer> heap_;
};

}  // namespace weir
