// The lanes of one connection: what waits for it, by flow, while several flows wait and it takes
// less than they bring. Deficit round robin by bytes, newcomers first: a small frame that comes to
// a backlog leaves after what stands in the queue's fixed order and a quantum of each newcomer.
//
// Lives in a small buffer of the pool that the queue takes when it needs lanes and gives back when
// one flow is left: an idle or uncontended connection has none. At most kLanes flows have a lane of
// their own; those beyond share the last, in order, until it is empty. Every operation takes the
// same time however many lanes there are. Items keep their references and credit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/link/lane_key.h"

namespace weir {

struct TxItem;

// Items in a row. `settled`: up to here (TxQueue::settle), nullptr: none.
struct TxList {
  TxItem* head = nullptr;
  TxItem* tail = nullptr;
  TxItem* settled = nullptr;
  std::size_t bytes = 0;
};

class TxLanes {
 public:
  TxLanes();

  void push(LaneKey key, TxItem* item);
  // A row of a flow that has no lane yet and was served before: no newcomer.
  void push(LaneKey key, const TxList& items);
  // The next one, taken out; nullptr: none is left.
  TxItem* next();
  std::size_t bytes() const { return bytes_; }
  std::size_t bytes_of(LaneKey key) const;
  unsigned filled() const { return filled_; }  // lanes with something in them
  // The one lane with anything in it is one flow's: all of it, taken out. False: it is not.
  bool take_only(LaneKey& key, TxList& items);
  // Everything that waits, lane by lane.
  template <typename F>
  void for_each(F&& visit) {
    for (Lane& lane : lanes_) {
      if (lane.items.head != nullptr) visit(lane.items);
    }
  }

  static constexpr std::int32_t kQuantumBytes = 16 << 10;
  static constexpr unsigned kLanes = 64;  // with its own flow each

 private:
  static constexpr std::uint8_t kNone = 0xff;
  static constexpr std::uint8_t kShared = kLanes;
  static constexpr std::size_t kBuckets = 64;
  struct Lane {
    TxList items;
    std::int64_t deficit = 0;
    LaneKey key = 0;
    bool listed = false;             // in fresh_ or rest_
    std::uint8_t next = kNone;       // in fresh_ or rest_, or among the free ones
    std::uint8_t in_bucket = kNone;  // next one of the same bucket
  };
  struct Order {
    std::uint8_t first = kNone;
    std::uint8_t last = kNone;
  };

  static std::size_t bucket_of(LaneKey key) { return (key * 0x9e3779b1u) >> 26; }
  std::uint8_t find(LaneKey key) const;
  Lane& lane_for(LaneKey key, Order& order);
  void append(Order& order, std::uint8_t index);
  std::uint8_t pop(Order& order);
  void release(std::uint8_t index);

  Lane lanes_[kLanes + 1];
  std::uint8_t buckets_[kBuckets];
  std::uint8_t free_ = 0;
  Order fresh_;
  Order rest_;
  unsigned filled_ = 0;
  std::size_t bytes_ = 0;
};
static_assert(sizeof(TxLanes) <= 4096, "a small buffer");

}  // namespace weir
