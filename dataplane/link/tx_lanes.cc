#include "dataplane/link/tx_lanes.h"

#include <algorithm>
#include <type_traits>

#include "base/check.h"
#include "dataplane/link/tx_queue.h"

namespace weir {

static_assert(std::is_trivially_destructible_v<TxLanes>);

TxLanes::TxLanes() {
  std::fill(std::begin(buckets_), std::end(buckets_), kNone);
  for (std::uint8_t i = 0; i + 1u < kLanes; ++i) lanes_[i].next = static_cast<std::uint8_t>(i + 1);
}

std::uint8_t TxLanes::find(LaneKey key) const {
  std::uint8_t at = buckets_[bucket_of(key)];
  while (at != kNone && lanes_[at].key != key) at = lanes_[at].in_bucket;
  return at;
}

void TxLanes::append(Order& order, std::uint8_t index) {
  lanes_[index].next = kNone;
  (order.last != kNone ? lanes_[order.last].next : order.first) = index;
  order.last = index;
}

std::uint8_t TxLanes::pop(Order& order) {
  const std::uint8_t index = order.first;
  order.first = lanes_[index].next;
  if (order.first == kNone) order.last = kNone;
  return index;
}

// A flow that did not find a lane of its own waits in the shared one, and all that comes after it
// must, until that is empty.
TxLanes::Lane& TxLanes::lane_for(LaneKey key, Order& order) {
  std::uint8_t index = find(key);
  if (index == kNone) {
    index = kShared;
    if (free_ != kNone && lanes_[kShared].items.head == nullptr) {
      index = free_;
      free_ = lanes_[index].next;
      Lane& lane = lanes_[index];
      lane.key = key;
      std::uint8_t& bucket = buckets_[bucket_of(key)];
      lane.in_bucket = bucket;
      bucket = index;
    }
  }
  Lane& lane = lanes_[index];
  if (!lane.listed) {
    lane.listed = true;
    lane.deficit = kQuantumBytes;
    append(order, index);
  }
  return lane;
}

void TxLanes::push(LaneKey key, TxItem* item) {
  TxList& items = lane_for(key, fresh_).items;
  item->next = nullptr;
  if (items.tail != nullptr) {
    items.tail->next = item;
  } else {
    items.head = item;
    ++filled_;
  }
  items.tail = item;
  items.bytes += item->bytes();
  bytes_ += item->bytes();
}

void TxLanes::push(LaneKey key, const TxList& items) {
  TxList& lane = lane_for(key, rest_).items;
  DCHECK(lane.head == nullptr && items.head != nullptr);
  lane = items;
  bytes_ += items.bytes;
  ++filled_;
}

void TxLanes::release(std::uint8_t index) {
  Lane& lane = lanes_[index];
  lane.listed = false;
  if (index == kShared) return;
  std::uint8_t* at = &buckets_[bucket_of(lane.key)];
  while (*at != index) at = &lanes_[*at].in_bucket;
  *at = lane.in_bucket;
  lane.next = free_;
  free_ = index;
}

TxItem* TxLanes::next() {
  if (filled_ == 0) return nullptr;
  for (;;) {
    const bool is_fresh = fresh_.first != kNone;
    Order& order = is_fresh ? fresh_ : rest_;
    const std::uint8_t index = order.first;
    Lane& lane = lanes_[index];
    TxList& items = lane.items;
    if (items.head != nullptr && lane.deficit > 0) {
      TxItem* item = items.head;
      const std::size_t size = item->bytes();
      items.head = item->next;
      if (items.settled == item) items.settled = nullptr;
      if (items.head == nullptr) {
        items.tail = nullptr;
        --filled_;
      }
      items.bytes -= size;
      bytes_ -= size;
      lane.deficit -= static_cast<std::int64_t>(size);
      return item;
    }
    pop(order);
    // One that was served as a newcomer stands once behind the others, even with nothing left: many
    // such must not shut them out.
    if (items.head == nullptr && !(is_fresh && rest_.first != kNone)) {
      release(index);
      continue;
    }
    lane.deficit = std::min<std::int64_t>(lane.deficit + kQuantumBytes, kQuantumBytes);
    append(rest_, index);
  }
}

std::size_t TxLanes::bytes_of(LaneKey key) const {
  const std::uint8_t index = find(key);
  return lanes_[index != kNone ? index : kShared].items.bytes;
}

bool TxLanes::take_only(LaneKey& key, TxList& items) {
  if (filled_ != 1) return false;
  for (const Order& order : {fresh_, rest_}) {
    for (std::uint8_t at = order.first; at != kNone; at = lanes_[at].next) {
      Lane& lane = lanes_[at];
      if (lane.items.head == nullptr) continue;
      if (at == kShared) return false;
      key = lane.key;
      items = lane.items;
      lane.items = {};
      filled_ = 0;
      bytes_ = 0;
      return true;
    }
  }
  return false;
}

}  // namespace weir
