// The only way from one shard to another: messages and what comes back for them, in rings per
// ordered pair, moved in batches at the end of a turn, with one wake-up per batch.
//
// A message crosses by reference: payload and head stay in the sender's buffers, of which the
// receiver borrows one reference each (BufferPool::borrow) and touches only this message's bytes.
// The receiving side always drains its rings, so that two shards cannot lock each other; only while
// it has no memory for heads it lets messages wait, for a second at most. What bounds it is credit:
// the bytes of a source (connection or stream) that are with other shards, until they have left
// there or were dropped. Above the queue's high-water mark the source is not read.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "dataplane/contract.h"
#include "dataplane/link/tx_queue.h"
#include "dataplane/route/packet.h"
#include "dataplane/shard/spsc_ring.h"
#include "dataplane/telemetry/stage_clock.h"

namespace weir {

class Shard;

struct CrossMessage {
  enum class Kind : std::uint8_t { kPacket, kAcceptedLink, kAcceptedStream, kFlowGone };
  Kind kind = Kind::kPacket;
  bool foreign = false;
  // kPacket. Routes lie back to back in `routes`.
  CrossCredit credit;
  MutableByteSpan payload;
  std::uint32_t payload_room = 0;
  Buffer* payload_buffer = nullptr;
  std::uint8_t* head_begin = nullptr;
  std::uint8_t* head_end = nullptr;
  std::uint8_t* tail_end = nullptr;
  Buffer* head_buffer = nullptr;
  const std::uint8_t* routes = nullptr;
  Buffer* route_buffer = nullptr;
  std::uint32_t onward_bytes = 0;
  std::uint32_t onward_count = 0;
  std::uint32_t ret_bytes = 0;
  std::uint32_t ret_count = 0;
  FlowId flow = kNoFlow;  // kFlowGone as well
  FlowId spawner = kNoFlow;
  FlowId open_for = kNoFlow;  // relayed: the first hop may be reached by this flow from now on
  PrincipalId principal = kNoPrincipal;
  Gates gates = kAllGates;
  LaneKey lane = kPlainLane;
  LinkId link;
  CrossTiming timing;
  // kAcceptedLink (`spawner` as well), kAcceptedStream.
  NativeSocket socket = -1;
  ControlId portal = 0;  // listener or inlet
  SocketAddress peer;
};

struct CrossReturn {
  Buffer* buffer = nullptr;  // a reference that the receiver of this held for the other
  CrossCredit credit;
};

// One direction of a pair.
struct CrossRing {
  explicit CrossRing(std::size_t slots) : messages(slots), returns(slots) {}
  bool empty() const { return messages.empty() && returns.empty(); }
  SpscRing<CrossMessage> messages;
  SpscRing<CrossReturn> returns;
};
// A full ring makes its sender wait in a list of its own; credit bounds that.
inline constexpr std::size_t kCrossRingSlots = 512;

class Crossing {
 public:
  // `peers[i]`: rings with shard i and how to wake it; nothing for the shard itself.
  struct Peer {
    CrossRing* to = nullptr;
    CrossRing* from = nullptr;
    std::function<void()> wake;
  };
  Crossing(Shard& shard, std::vector<Peer> peers);

  void send(ShardId to, const CrossMessage& message);
  void send_to_all(const CrossMessage& message);
  // Charges the source that is being read. False: dropped (and counted) for want of memory.
  bool send(ShardId to, Packet& packet, FlowId open_for);
  void receive();
  // The turn ends.
  void flush();
  // Something came, or did not fit into a ring yet.
  bool busy() const;
  // Messages wait for memory: to be tried again soon.
  bool stalled() const { return stalled_since_ns_ != 0; }
  // The credit of the message that is being delivered, for what it becomes here. Once.
  CrossCredit take_credit() { return std::exchange(credit_, {}); }

 private:
  void deliver(CrossMessage& message, ShardId from);
  void deliver_packet(CrossMessage& message, ShardId from);
  void credit_back(const CrossCredit& credit);
  void collect_returns();

  Shard& shard_;
  std::vector<Peer> peers_;
  struct Waiting {
    std::vector<CrossMessage> messages;
    std::vector<CrossReturn> returns;
  };
  std::vector<Waiting> waiting_;
  std::vector<CrossCredit> own_;
  bool has_memory();

  CrossCredit credit_;
  std::uint64_t stalled_since_ns_ = 0;
};

}  // namespace weir
