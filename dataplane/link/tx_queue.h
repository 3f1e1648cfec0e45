// Bytes waiting for one socket, as references to where they lie: one vectored send per wake-up.
// Sources that filled it above the high-water mark wait in `waiters` until it is below the low one.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/io/io.h"
#include "dataplane/shard/buffer_pool.h"

namespace weir {

// What is read to produce messages: a transport connection or an application socket.
struct Source {
  enum class Kind : std::uint8_t { kLink, kStream };
  Kind kind = Kind::kLink;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
  bool waiting = false;  // in some queue's waiters
  Source* next_waiter = nullptr;
};

struct TxItem {
  const std::uint8_t* data[3] = {};
  std::uint32_t size[3] = {};
  Buffer* hold[2] = {};  // one reference each
  TxItem* next = nullptr;
};

// Items of a shard; grows by chunks when queues are longer than ever before.
class TxItemPool {
 public:
  TxItem* take();
  void give_back(TxItem* item) {
    item->next = free_;
    free_ = item;
  }

 private:
  static constexpr std::size_t kChunk = 512;
  TxItem* free_ = nullptr;
  std::vector<std::unique_ptr<TxItem[]>> chunks_;
};

struct TxOwner {
  enum class Kind : std::uint8_t { kLink, kStream };
  Kind kind = Kind::kLink;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
};

struct TxQueue {
  TxItem* head = nullptr;
  TxItem* tail = nullptr;
  std::size_t bytes = 0;
  std::size_t head_sent = 0;  // bytes of `head` that are gone
  bool in_flight = false;     // a send() is pending; `vectors` is in use
  bool dirty = false;         // in the shard's list for this wake-up
  bool end_after = false;     // shut the sending direction down when empty
  bool ended = false;
  Buffer* vectors = nullptr;  // small buffer with the iovecs of the pending send
  Source* waiters = nullptr;
  std::uint64_t stuck_since_ns = 0;  // 0: not waiting
  std::uint64_t sent_bytes = 0;

  bool empty() const { return head == nullptr; }
  void push(TxItem* item);
  // Fills vectors from the head; returns how many and their bytes.
  std::size_t gather(iovec* out, std::size_t limit, std::size_t& total) const;
  // `n` bytes are gone: returns finished items to the pool and drops their references.
  void consume(std::size_t n, TxItemPool& items, BufferPool& buffers);
  void clear(TxItemPool& items, BufferPool& buffers);
};

}  // namespace weir
