// Who is read next: deficit round robin by cost over the sources of a shard (connections and
// application sockets), newcomers first.
//
// A source that has something to do gets `quantum` of cost per round; what it overdraws (a large
// frame is handled whole) is taken off its next rounds. One that comes from rest is served before
// those that have more than they may do at once, so that a request does not wait for a round of
// bulk; having been served it stands once behind them, so that many such cannot shut bulk out.
//
// A source stands in the order at most once; one that has ended is skipped when its turn comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/link/tx_queue.h"

namespace weir {

class TurnOrder {
 public:
  explicit TurnOrder(std::int64_t quantum) : quantum_(quantum) {}

  // What a source is charged for a message beside its bytes: a small message costs about as much
  // time as this many bytes of a large one.
  static constexpr std::int64_t kMessageCost = 1536;

  void add(Source& source) {
    if (source.ready) return;
    source.ready = true;
    if (source.deficit == 0) source.deficit = quantum_;
    (source.deficit > 0 ? fresh_ : rest_).push(owner_of(source));
  }
  bool empty() const { return fresh_.empty() && rest_.empty(); }

  // The next one; `find` gives the Source of a name, or nullptr when it has ended. nullptr: nobody.
  // done() must follow.
  template <typename Find>
  Source* next(Find&& find) {
    while (!empty()) {
      was_fresh_ = !fresh_.empty();
      Source* source = find((was_fresh_ ? fresh_ : rest_).pop());
      if (source == nullptr) continue;
      if (source->deficit > 0) return source;
      next_round(*source);
    }
    return nullptr;
  }
  // It was served, and may have ended meanwhile (nullptr). `more`: it used up what it had.
  void done(Source* source, bool more) {
    if (source == nullptr) return;
    if (more) return next_round(*source);
    if (was_fresh_ && !rest_.empty()) return rest_.push(owner_of(*source));
    source->ready = false;
    // Thrift is not rewarded, except when it was held up.
    if (source->deficit > 0 && !source->must_wait()) source->deficit = 0;
  }

 private:
  void next_round(Source& source) {
    source.deficit += quantum_;
    rest_.push(owner_of(source));
  }
  // Grows to what was ever needed, then never again.
  class Queue {
   public:
    bool empty() const { return head_ == tail_; }
    void push(const TxOwner& name) {
      if (tail_ - head_ == ring_.size()) grow();
      ring_[tail_++ & (ring_.size() - 1)] = name;
    }
    TxOwner pop() { return ring_[head_++ & (ring_.size() - 1)]; }

   private:
    void grow() {
      std::vector<TxOwner> larger(ring_.size() * 2);
      for (std::size_t i = head_; i < tail_; ++i) larger[i - head_] = ring_[i & (ring_.size() - 1)];
      tail_ -= head_;
      head_ = 0;
      ring_ = std::move(larger);
    }
    std::vector<TxOwner> ring_ = std::vector<TxOwner>(64);
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
  };

  const std::int64_t quantum_;
  Queue fresh_;
  Queue rest_;
  bool was_fresh_ = false;
};

}  // namespace weir
