// One shard: one thread, its sockets, queues, channels, streams and timers. A deterministic state
// machine over Io, Clock and Rng; step() is one turn of its loop and is all that a thread (or the
// simulator) calls.
//
// The life of a frame: Links::on_received -> Links::process (frames, in place) -> Router::dispatch
// (gate, open, relay, seal, as often as the route says) -> a TxQueue -> flush (one vectored send
// per socket and turn).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "crypto/aead.h"
#include "dataplane/channel/channel.h"
#include "dataplane/channel/key_cache.h"
#include "dataplane/contract.h"
#include "dataplane/io/io.h"
#include "dataplane/limits.h"
#include "dataplane/link/link.h"
#include "dataplane/portal/portal.h"
#include "dataplane/route/address_table.h"
#include "dataplane/route/flow_ids.h"
#include "dataplane/route/router.h"
#include "dataplane/shard/crossing.h"
#include "dataplane/shard/head_arena.h"
#include "dataplane/shard/spsc_ring.h"
#include "dataplane/shard/timers.h"
#include "dataplane/shard/turn_order.h"
#include "dataplane/telemetry/counters.h"
#include "dataplane/telemetry/stage_clock.h"

namespace weir {

// The rings of one shard; owned by the runtime (control/node/runtime) or the simulator.
struct ShardRings {
  // 100 and 320 KB. A burst beyond waits with its sender, in order.
  SpscRing<Command> commands{512};
  SpscRing<Event> events{2048};
};

struct ShardConfig {
  ShardId id = 0;
  std::uint32_t shard_count = 1;
  ShardLimits limits;
  // Before it sleeps, an idle shard looks again and again for this long: a CPU for a wake-up.
  std::uint64_t spin_ns = 0;
};

class Shard {
 public:
  // `io` must use `pool`. `wake_control` is called after events were put into the ring; it may be
  // called often and must be cheap (an eventfd).
  using Peer = Crossing::Peer;
  Shard(const ShardConfig& config, Io& io, BufferPool& pool, const Aead& aead, Clock& clock,
        Rng& rng, ShardRings& rings, std::function<void()> wake_control,
        std::vector<Peer> peers = {});
  ~Shard();

  // One turn: waits at most until deadline_ns for I/O (0: does not wait), then handles everything.
  void step(std::uint64_t deadline_ns);
  // When step() wants to be called again even if nothing happens.
  std::uint64_t next_deadline_ns() const {
    return order_.empty() ? std::min(timers.next_ns(), next_second_ns_) : now_ns;
  }
  bool stopped() const { return stopped_; }

  // --- for the parts of the shard ---
  const ShardConfig config;
  Io& io;
  BufferPool& pool;
  const Aead& aead;
  Clock& clock;
  Rng& rng;
  Counters counters;
  StageClocksBox stages;  // null: nothing is timed
  AddressTable table;
  HeadArena arena;
  TxItemPool items;
  KeyCache keys;
  Timers timers;
  Links links;
  Channels channels;
  Portals portals;
  Router router;
  Crossing crossing;
  std::uint64_t now_ns = 0;  // of this turn
  // What is being read now: charged when a queue is full.
  Source* source = nullptr;

  void emit(Event event);
  FlowId new_flow() { return flow_ids_.take(); }
  // The flow of what lies behind an entry (connection or encryptor); kNoFlow for anything else.
  FlowId flow_behind(const Entry& entry);
  // Adds to a queue; pauses the current source if the queue is full now. `lane`: of a connection.
  void enqueue(TxQueue& queue, TxOwner owner, TxItem* item, LaneKey lane = kPlainLane);
  void mark_dirty(TxQueue& queue, TxOwner owner);
  // What is being read now waits until the queue is below its low-water mark.
  void pause_source(TxQueue& queue);
  void sources_go_on(TxQueue& queue);
  void forget_source(Source& source_to_forget);
  // No buffer is left for this source: it is tried again at the next turns.
  void wait_for_buffers(const Source& waiting);
  // This source has something to do, or may read again: it gets its turn.
  void ready(Source& source_with_work) { order_.add(source_with_work); }
  // A worker's address goes away: its users are told.
  void remove_entry(Entry& entry);
  // A producer has ended: nothing may be reached by it any more, on any shard.
  void flow_gone(FlowId flow);
  ShardId least_loaded() const;  // for a new connection

 private:
  std::size_t wait_for_events(bool busy, std::uint64_t until_ns);
  void handle_commands();
  void handle_event(IoEvent& event);
  void flush();
  void flush_queue(TxQueue& queue, TxOwner owner);
  void take_turns(TxQueue& queue, SocketId socket);
  void after_send(TxQueue& queue, TxOwner owner);
  void on_sent(TxOwner owner, TxQueue& queue, std::int32_t result);
  void feed_starved();
  void serve();
  Source* find_source(const TxOwner& owner);
  void mark_unsettled(TxQueue& queue, TxOwner owner);
  void settle();
  TxQueue* queue_of(const TxOwner& owner);
  void every_second(bool busy);
  void do_report(const Report& report);
  void set_stage_clocks(SetStageClocks& command);
  void run(Command&& command);
  void add_worker(AddWorker&& command);
  void push_events();
  void stop_all();

  ShardRings& rings_;
  std::function<void()> wake_control_;
  std::vector<Event> events_waiting_;
  std::vector<TxOwner> dirty_;
  std::vector<TxOwner> dirty_again_;  // no iovecs left for them
  std::vector<TxOwner> starved_;      // sources that wait for a buffer
  std::vector<TxOwner> unsettled_;    // queues that got something which did not leave at once
  std::vector<IoEvent> io_events_;
  TurnOrder order_;
  FlowIds flow_ids_;
  mutable std::uint32_t next_shard_ = 0;
  std::uint64_t next_second_ns_ = 0;  // never, while nothing happens and no deadline runs
  bool stopping_ = false;
  bool stopped_ = false;
};

// What the `user` word of a socket says.
enum class SocketRole : std::uint8_t { kLinkListener, kInlet, kLink, kStream };
inline std::uint64_t socket_user(SocketRole role, std::uint32_t index, std::uint32_t generation) {
  return std::uint64_t{static_cast<std::uint8_t>(role)} << 61 |
         (std::uint64_t{generation} & 0x1fffffff) << 32 | index;
}

}  // namespace weir
