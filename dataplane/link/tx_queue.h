// Bytes waiting for one socket, as references to where they lie: one vectored send per wake-up.
// Sources that filled it above the high-water mark wait in `waiters` until it is below the low one.
//
// First in, first out, as long as little waits or one flow's frames only. Else what is not in
// flight stands in lanes by flow (tx_lanes.h) and moves to the row in their turn, a bounded part at
// a time. What is in flight, or was partly sent, or stands in the row behind others' frames stays
// where it is: `fixed` says how far.
//
// What still waits when its turn ends must not pin much more memory than it has bytes: settle()
// copies it together where it lies scattered (docs/design/ARCHITECTURE.md, "Back-pressure").
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/contract.h"
#include "dataplane/io/io.h"
#include "dataplane/link/lane_key.h"
#include "dataplane/link/tx_lanes.h"
#include "dataplane/shard/buffer_pool.h"
#include "dataplane/telemetry/counters.h"

namespace weir {

// What is read to produce messages: a transport connection or an application socket.
struct Source {
  enum class Kind : std::uint8_t { kLink, kStream };
  Kind kind = Kind::kLink;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
  bool waiting = false;           // in some queue's waiters
  bool waits_for_credit = false;  // too much of it is with other shards
  bool waits_for_keys = false;    // too much of it is parked behind a handshake
  bool ready = false;             // stands in the shard's TurnOrder
  std::uint32_t crossing_bytes = 0;
  std::int64_t deficit = 0;  // cost that it may still cause; below 0: more than its share was done
  Source* next_waiter = nullptr;

  bool must_wait() const { return waiting || waits_for_credit || waits_for_keys; }
};

// Bytes of a source that are with another shard; given back when they have left it. `bytes` 0:
// none.
struct CrossCredit {
  ShardId shard = 0;
  Source::Kind kind = Source::Kind::kLink;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
  std::uint32_t bytes = 0;
};

struct TxItem {
  const std::uint8_t* data[3] = {};
  std::uint32_t size[3] = {};
  std::uint32_t credit = 0;  // number in the TxItemPool; 0 = none
  Buffer* hold[2] = {};      // one reference each
  TxItem* next = nullptr;

  std::size_t bytes() const { return std::size_t{size[0]} + size[1] + size[2]; }
};
static_assert(sizeof(TxItem) == 64);

// Items of a shard; grows by chunks when queues are longer than ever before.
class TxItemPool {
 public:
  TxItem* take();
  // The item has left: its credit is due.
  void give_back(TxItem* item) {
    if (item->credit != 0) release_credit(item->credit);
    item->next = free_;
    free_ = item;
  }
  void attach(TxItem& item, const CrossCredit& credit);
  // Credits of what has left since the last call; the caller empties it.
  std::vector<CrossCredit>& due() { return due_; }

 private:
  void release_credit(std::uint32_t number);

  static constexpr std::size_t kChunk = 512;
  TxItem* free_ = nullptr;
  std::vector<std::unique_ptr<TxItem[]>> chunks_;
  std::vector<CrossCredit> credits_;
  std::vector<std::uint32_t> free_credits_;
  std::vector<CrossCredit> due_;
};

struct TxOwner {
  enum class Kind : std::uint8_t { kLink, kStream };
  Kind kind = Kind::kLink;
  std::uint32_t object = 0;
  std::uint32_t generation = 0;
};

inline TxOwner owner_of(const Source& source) {
  return {source.kind == Source::Kind::kLink ? TxOwner::Kind::kLink : TxOwner::Kind::kStream,
          source.object, source.generation};
}

struct TxQueue {
  TxItem* head = nullptr;
  TxItem* tail = nullptr;
  std::size_t bytes = 0;         // lanes included
  std::uint32_t item_count = 0;  // lanes included
  std::uint32_t head_sent = 0;   // bytes of `head` that are gone
  bool in_flight = false;        // a send() is pending; `vectors` is in use
  bool dirty = false;            // in the shard's list for this wake-up
  bool unsettled = false;        // in the shard's list of queues to settle
  bool end_after = false;        // shut the sending direction down when empty
  bool ended = false;
  bool blocked = false;  // the socket refused something since the queue was last empty
  bool unsent_limited = false;
  LaneKey lane = 0;             // of all that stands behind `fixed`
  TxItem* fixed = nullptr;      // up to here the order is settled; nullptr: nowhere
  Buffer* lane_hold = nullptr;  // a TxLanes lies in it; nullptr: no lanes
  Buffer* vectors = nullptr;    // small buffer with the iovecs of the pending send
  TxItem* settled = nullptr;    // up to here: in flight, or settled
  Buffer* store = nullptr;      // where settle() copies to, filled from the left
  Source* waiters = nullptr;
  std::uint64_t stuck_since_ns = 0;  // 0: not waiting
  std::uint64_t sent_bytes = 0;
  std::uint32_t store_used = 0;

  bool empty() const { return item_count == 0; }
  void push(TxItem* item) {
    append(item);
    bytes += item->bytes();
    ++item_count;
  }
  // The same for a connection; several flows' frames stand in one row up to `mixed_bytes`. Returns
  // how many bytes have left when this one has, as far as is known now.
  std::size_t push(TxItem* item, LaneKey key, std::size_t mixed_bytes, BufferPool& buffers) {
    if (lane_hold == nullptr && (key == lane || head == nullptr)) [[likely]] {
      lane = key;
      push(item);
      return bytes;
    }
    return push_other(item, key, mixed_bytes, buffers);
  }
  // At most `each` waits in its lane, or less where many share `all`. False without lanes.
  bool is_light(LaneKey key, std::size_t each, std::size_t all) const {
    return lane_hold != nullptr &&
           lanes()->bytes_of(key) <= std::min(each, all / std::max(lanes()->filled(), 1u));
  }
  bool has_lanes() const { return lane_hold != nullptr; }
  // Moves what is to leave next from the lanes to the row. `kept`: what the socket keeps of it.
  void move_from_lanes(std::size_t kept, BufferPool& buffers);
  // Fills vectors from the head; returns how many and their bytes.
  std::size_t gather(iovec* out, std::size_t limit, std::size_t& total);
  // The first `n` bytes (of what gather() gave) are in flight: nothing goes before them.
  void keep(std::size_t n);
  // `n` bytes are gone: returns finished items to the pool and drops their references.
  void consume(std::size_t n, TxItemPool& items, BufferPool& buffers);
  void clear(TxItemPool& items, BufferPool& buffers);
  // The turn ends and this waits on: what pins more than kPinnedFactor times its bytes is copied
  // together. Looks at each item once. Without a buffer it stays where it is (bytes are bounded).
  void settle(BufferPool& buffers, Counters& counters);

 private:
  static constexpr std::size_t kPinnedFactor = 4;
  static constexpr std::size_t kStoreBytes = 65536;
  // What moves from the lanes at a time: all that one send takes while the socket takes it, else
  // so many times what it keeps, because a newcomer waits behind it.
  static constexpr std::size_t kMovedBytes = 1 << 20;
  static constexpr std::size_t kMovedKept = 2;

  TxLanes* lanes() const { return static_cast<TxLanes*>(static_cast<void*>(lane_hold->data)); }
  void append(TxItem* item) {
    item->next = nullptr;
    (tail != nullptr ? tail->next : head) = item;
    tail = item;
  }
  std::size_t push_other(TxItem* item, LaneKey key, std::size_t mixed_bytes, BufferPool& buffers);
  bool split(std::size_t more, BufferPool& buffers);
  void leave_lanes(BufferPool& buffers);
  bool settle_row(TxItem* from, TxItem*& done, std::size_t& more, BufferPool& buffers,
                  Counters& counters);
  bool copy(TxItem& item, bool with_payload, std::size_t more, BufferPool& buffers);
};

}  // namespace weir
