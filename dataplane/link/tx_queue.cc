#include "dataplane/link/tx_queue.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir {

TxItem* TxItemPool::take() {
  if (free_ == nullptr) {
    chunks_.push_back(std::make_unique<TxItem[]>(kChunk));
    for (std::size_t i = 0; i < kChunk; ++i) give_back(&chunks_.back()[i]);
  }
  TxItem* item = free_;
  free_ = item->next;
  *item = TxItem{};
  return item;
}

void TxItemPool::attach(TxItem& item, const CrossCredit& credit) {
  if (free_credits_.empty()) {
    credits_.emplace_back();
    free_credits_.push_back(static_cast<std::uint32_t>(credits_.size()));
  }
  item.credit = free_credits_.back();
  free_credits_.pop_back();
  credits_[item.credit - 1] = credit;
}

void TxItemPool::release_credit(std::uint32_t number) {
  due_.push_back(credits_[number - 1]);
  free_credits_.push_back(number);
}

// --- lanes
// ------------------------------------------------------------------------------------------

// Another flow's than what came last, or there are lanes.
std::size_t TxQueue::push_other(TxItem* item, LaneKey key, std::size_t mixed_bytes,
                                BufferPool& buffers) {
  const std::size_t size = item->bytes();
  bytes += size;
  ++item_count;
  if (lane_hold == nullptr && (bytes <= mixed_bytes || !split(size, buffers))) {
    append(item);
    fixed = item;
    lane = key;
    return bytes;
  }
  TxLanes& all = *lanes();
  if (key == kControlLane) {
    append(item);
    fixed = item;
    return bytes - all.bytes();
  }
  const std::size_t before = bytes - size - all.bytes();
  all.push(key, item);
  // As if all lanes were as long as this one.
  return std::min(bytes, before + all.bytes_of(key) * all.filled());
}

// What stands behind `fixed` moves to its lane. `more`: counted in `bytes`, and in no row yet.
// False: no buffer for lanes.
bool TxQueue::split(std::size_t more, BufferPool& buffers) {
  lane_hold = buffers.take(BufferClass::kSmall);
  if (lane_hold == nullptr) return false;
  static_assert(sizeof(TxLanes) <= kBufferBytes[static_cast<int>(BufferClass::kSmall)]);
  std::construct_at(lanes());
  if (fixed == nullptr && head_sent != 0) fixed = head;
  if (lane == kControlLane) fixed = tail;
  std::size_t fixed_bytes = 0;
  bool settled_is_fixed = settled == nullptr;
  if (fixed != nullptr) {
    for (TxItem* item = head;; item = item->next) {
      fixed_bytes += item->bytes();
      settled_is_fixed = settled_is_fixed || item == settled;
      if (item == fixed) break;
    }
    fixed_bytes -= head_sent;
  }
  if (fixed == tail) return true;
  const TxList row{fixed != nullptr ? fixed->next : head, tail,
                   settled_is_fixed ? nullptr : settled, bytes - more - fixed_bytes};
  if (!settled_is_fixed) settled = fixed;
  (fixed != nullptr ? fixed->next : head) = nullptr;
  tail = fixed;
  lanes()->push(lane, row);
  return true;
}

void TxQueue::move_from_lanes(std::size_t kept, BufferPool& buffers) {
  TxLanes& all = *lanes();
  const std::size_t most = blocked ? kept * kMovedKept : kMovedBytes;
  while (bytes - all.bytes() < most) {
    TxItem* item = all.next();
    if (item == nullptr) break;
    append(item);
    // As what is gathered: it leaves next, and is not looked at again.
    settled = item;
  }
  fixed = tail;
  if (all.filled() <= 1) leave_lanes(buffers);
}

// One flow or none is left: its row stands behind `fixed` again.
void TxQueue::leave_lanes(BufferPool& buffers) {
  TxList row;
  if (lanes()->filled() != 0) {
    if (!lanes()->take_only(lane, row)) return;
    (tail != nullptr ? tail->next : head) = row.head;
    tail = row.tail;
    if (row.settled != nullptr) settled = row.settled;
  }
  buffers.unref(std::exchange(lane_hold, nullptr));
}

// --- what leaves
// ------------------------------------------------------------------------------------------

std::size_t TxQueue::gather(iovec* out, std::size_t limit, std::size_t& total) {
  std::size_t count = 0;
  std::size_t skip = head_sent;
  bool behind_settled = settled == nullptr;
  total = 0;
  for (TxItem* item = head; item != nullptr && count < limit; item = item->next) {
    if (behind_settled) settled = item;
    if (item == settled) behind_settled = true;
    for (int i = 0; i < 3; ++i) {
      if (item->size[i] <= skip) {
        skip -= item->size[i];
        continue;
      }
      if (count == limit) return count;
      out[count].iov_base = const_cast<std::uint8_t*>(item->data[i]) + skip;
      out[count].iov_len = item->size[i] - skip;
      total += out[count].iov_len;
      ++count;
      skip = 0;
    }
  }
  return count;
}

void TxQueue::keep(std::size_t n) {
  blocked = true;
  n += head_sent;
  bool past_fixed = fixed == nullptr;
  for (TxItem* item = head; item != nullptr; item = item->next) {
    const std::size_t size = item->bytes();
    if (n <= size) {
      if (past_fixed || item == fixed) fixed = item;
      return;
    }
    n -= size;
    past_fixed = past_fixed || item == fixed;
  }
}

void TxQueue::consume(std::size_t n, TxItemPool& items, BufferPool& buffers) {
  DCHECK(n <= bytes);
  bytes -= n;
  sent_bytes += n;
  n += head_sent;
  while (head != nullptr) {
    const std::size_t size = head->bytes();
    if (n < size) break;
    n -= size;
    TxItem* done = head;
    head = done->next;
    --item_count;
    if (done == settled) settled = nullptr;
    if (done == fixed) fixed = nullptr;
    for (Buffer* hold : done->hold) {
      if (hold != nullptr) buffers.unref(hold);
    }
    items.give_back(done);
  }
  head_sent = static_cast<std::uint32_t>(n);
  if (head != nullptr) return;
  tail = nullptr;
  if (item_count != 0) return;
  blocked = false;
  if (store != nullptr) buffers.unref(std::exchange(store, nullptr));
}

namespace {

std::size_t capacity(const Buffer* buffer) { return buffer != nullptr ? buffer->capacity : 0; }

// Items behind each other that lie in the same buffers.
struct Run {
  TxItem* end = nullptr;
  std::size_t bytes = 0;
  std::size_t payload_bytes = 0;
};

Run run_from(TxItem* first) {
  Run run;
  for (run.end = first; run.end != nullptr && run.end->hold[0] == first->hold[0] &&
                        run.end->hold[1] == first->hold[1];
       run.end = run.end->next) {
    run.bytes += run.end->bytes();
    run.payload_bytes += run.end->size[1];
  }
  return run;
}

}  // namespace

void TxQueue::settle(BufferPool& buffers, Counters& counters) {
  TxItem* item = settled != nullptr ? settled->next : head;
  // A part of the first one may be gone already; it is not moved.
  if (item != nullptr && item == head && head_sent != 0) item = item->next;
  std::size_t more = bytes;
  bool has_room = settle_row(item, settled, more, buffers, counters);
  if (lane_hold == nullptr) return;
  lanes()->for_each([&](TxList& row) {
    TxItem* from = row.settled != nullptr ? row.settled->next : row.head;
    has_room = has_room && settle_row(from, row.settled, more, buffers, counters);
  });
}

// `done`: up to here. False: no buffer.
bool TxQueue::settle_row(TxItem* item, TxItem*& done, std::size_t& more, BufferPool& buffers,
                         Counters& counters) {
  while (item != nullptr) {
    const Run run = run_from(item);
    const std::size_t payload_pins = capacity(item->hold[1]);
    const bool payload_too = payload_pins > run.payload_bytes * kPinnedFactor;
    const bool heads_too =
        payload_too || capacity(item->hold[0]) + payload_pins > run.bytes * kPinnedFactor;
    for (; item != run.end; item = item->next) {
      done = item;
      if (!heads_too || item->hold[0] == store) continue;
      const std::size_t size = item->bytes() - (payload_too ? 0 : item->size[1]);
      if (!copy(*item, payload_too, more, buffers)) return false;
      counters.add(Counter::kWaitingCopies);
      counters.add(Counter::kWaitingCopyBytes, size);
    }
    more -= std::min(more, run.bytes);
  }
  return true;
}

// Head, payload if asked for and tail go to `store`, which is made for `more` bytes where it must
// be made. False: no buffer.
bool TxQueue::copy(TxItem& item, bool with_payload, std::size_t more, BufferPool& buffers) {
  const std::size_t need = item.bytes() - (with_payload ? 0 : item.size[1]);
  if (store == nullptr || store->capacity - store_used < need) {
    Buffer* larger = buffers.take_at_least(std::max(need, std::min(more, kStoreBytes)));
    if (larger == nullptr) return false;
    if (store != nullptr) buffers.unref(store);
    store = larger;
    store_used = 0;
  }
  for (int i = 0; i < 3; ++i) {
    if (item.size[i] == 0 || (i == 1 && !with_payload)) continue;
    std::memcpy(store->data + store_used, item.data[i], item.size[i]);
    item.data[i] = store->data + store_used;
    store_used += item.size[i];
  }
  if (with_payload) {
    // One run of bytes now.
    for (int i = 2; i > 0; --i) {
      item.size[0] += item.size[i];
      item.size[i] = 0;
    }
    item.data[0] = store->data + store_used - item.size[0];
    if (item.hold[1] != nullptr) buffers.unref(std::exchange(item.hold[1], nullptr));
  }
  if (item.hold[0] != nullptr) buffers.unref(item.hold[0]);
  BufferPool::ref(store);
  item.hold[0] = store;
  return true;
}

void TxQueue::clear(TxItemPool& items, BufferPool& buffers) {
  if (lane_hold != nullptr) {
    while (TxItem* item = lanes()->next()) append(item);
    buffers.unref(std::exchange(lane_hold, nullptr));
  }
  consume(bytes, items, buffers);
  if (vectors != nullptr) buffers.unref(std::exchange(vectors, nullptr));
}

}  // namespace weir
