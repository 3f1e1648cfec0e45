#include "dataplane/link/tx_queue.h"

#include <memory>
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

void TxQueue::push(TxItem* item) {
  item->next = nullptr;
  (tail != nullptr ? tail->next : head) = item;
  tail = item;
  bytes += std::size_t{item->size[0]} + item->size[1] + item->size[2];
}

std::size_t TxQueue::gather(iovec* out, std::size_t limit, std::size_t& total) const {
  std::size_t count = 0;
  std::size_t skip = head_sent;
  total = 0;
  for (const TxItem* item = head; item != nullptr; item = item->next) {
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
    const std::size_t size = std::size_t{head->size[0]} + head->size[1] + head->size[2];
    if (n < size) break;
    n -= size;
    TxItem* done = head;
    head = done->next;
    for (Buffer* hold : done->hold) {
      if (hold != nullptr) buffers.unref(hold);
    }
    items.give_back(done);
  }
  if (head == nullptr) tail = nullptr;
  head_sent = n;
}

void TxQueue::clear(TxItemPool& items, BufferPool& buffers) {
  consume(bytes, items, buffers);
  if (vectors != nullptr) {
    buffers.unref(vectors);
    vectors = nullptr;
  }
}

}  // namespace weir
