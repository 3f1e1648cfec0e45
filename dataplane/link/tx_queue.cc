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

void TxQueue::push(TxItem* item) {
  item->next = nullptr;
  (tail != nullptr ? tail->next : head) = item;
  tail = item;
  bytes += item->bytes();
  ++item_count;
}

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
    for (Buffer* hold : done->hold) {
      if (hold != nullptr) buffers.unref(hold);
    }
    items.give_back(done);
  }
  head_sent = n;
  if (head != nullptr) return;
  tail = nullptr;
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
  while (item != nullptr) {
    const Run run = run_from(item);
    const std::size_t payload_pins = capacity(item->hold[1]);
    const bool payload_too = payload_pins > run.payload_bytes * kPinnedFactor;
    const bool heads_too =
        payload_too || capacity(item->hold[0]) + payload_pins > run.bytes * kPinnedFactor;
    for (; item != run.end; item = item->next) {
      settled = item;
      if (!heads_too || item->hold[0] == store) continue;
      const std::size_t size = item->bytes() - (payload_too ? 0 : item->size[1]);
      if (!copy(*item, payload_too, more, buffers)) return;
      counters.add(Counter::kWaitingCopies);
      counters.add(Counter::kWaitingCopyBytes, size);
    }
    more -= std::min(more, run.bytes);
  }
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
  consume(bytes, items, buffers);
  if (vectors != nullptr) buffers.unref(std::exchange(vectors, nullptr));
}

}  // namespace weir
