// One TCP transport connection: bytes <-> frames (docs/spec/01 section 6).
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/contract.h"
#include "dataplane/io/io.h"
#include "dataplane/link/tx_queue.h"
#include "dataplane/route/address_space.h"
#include "dataplane/shard/buffer_pool.h"
#include "dataplane/shard/slab.h"
#include "dataplane/telemetry/counters.h"

namespace weir {

class Shard;

// What was received and is not yet parsed lies in [begin, end) of `buffer`; an idle connection has
// none.
struct RxState {
  Buffer* buffer = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  BufferClass want = BufferClass::kSmall;  // class of the next receive
  std::uint8_t small_receives = 0;         // in a row, far below the buffer: go down a class
  bool armed = false;                      // a receive is outstanding
};

// After a receive of `received` bytes into `room`: which class the next one deserves.
void adapt_receive(RxState& rx, std::uint32_t received, std::uint32_t room);

struct Link {
  enum class State : std::uint8_t { kConnecting, kOpen, kClosing };
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  State state = State::kConnecting;
  bool outgoing = false;
  bool version_seen = false;
  SocketId socket = kNoSocket;
  std::uint32_t sender_entry = 0;
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  RxState rx;
  TxQueue tx;
  Source source;
  std::uint64_t frames = 0;       // carried, both ways
  std::uint32_t credit_used = 0;  // messages that control has not given back
  bool waits_for_control = false;
  std::uint64_t large_frame_since_ns = 0;
  std::uint64_t received_at_ns = 0;  // last bytes, or when it was opened
  bool watched = false;              // some deadline may run
  ControlId request = 0;
  ControlId listener = 0;
  RandomAddressBytes receiver{};
  SocketAddress peer;
  DropReason close_reason = DropReason::kNone;
  // While connecting: the request, with the addresses that are still to be tried.
  std::unique_ptr<ConnectLink> dial;
};

struct LinkListener {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  ControlId id = 0;
  SocketId socket = kNoSocket;
  FlowId flow = kNoFlow;
};

class Links {
 public:
  explicit Links(Shard& shard) : shard_(shard) {}

  void listen(const ListenTransport& command);
  bool close_listener(ControlId id);
  void connect(ConnectLink&& command);
  void adopt(NativeSocket native, ControlId listener, FlowId spawner, const SocketAddress& peer);
  void close(Link& link, DropReason reason);
  Link* find(std::uint32_t index, std::uint32_t generation) {
    return links_.find(index, generation);
  }
  Link& at(std::uint32_t index) { return links_.at(index); }
  std::uint32_t size() const { return links_.size(); }

  void dial_timed_out(std::uint32_t index, std::uint32_t generation) {
    Link* link = links_.find(index, generation);
    if (link != nullptr && link->state == Link::State::kConnecting) dial_failed(*link, ETIMEDOUT);
  }

  // I/O events.
  bool has_listener(std::uint32_t index, std::uint32_t generation) {
    return listeners_.find(index, generation) != nullptr;
  }
  void on_accepted(std::uint32_t listener, const IoEvent& event);
  void on_connected(std::uint32_t index, std::uint32_t generation, std::int32_t result);
  void on_received(Link& link, const IoEvent& event);
  void on_sent_error(Link& link, int error);
  void on_closed(Link& link);

  // Handles what is there, as far as its deficit goes, then receives more unless the source must
  // wait. True: there may be more to handle.
  bool process(Link& link);
  void credit_returned(LinkId id);
  // A deadline of this connection may run from now on: it is looked at each second.
  void watch(Link& link);
  // Closes what missed its deadline. False: no deadline runs.
  bool check_deadlines(std::uint64_t now_ns);
  void report(std::vector<LinkInfo>& out);
  template <typename F>
  void for_each(F&& visit) {
    links_.for_each(visit);
  }

 private:
  Link* open(SocketId socket, bool outgoing, FlowId flow, FlowId spawner,
             const SocketAddress& peer);
  bool parse_one(Link& link);
  void arm(Link& link);
  bool make_room(Link& link);
  // Closes the link if a deadline of it is over. False: none runs.
  bool check(Link& link, std::uint64_t now_ns);
  void handle_frame(Link& link, MutableByteSpan body);
  void announce(Link& link);
  void dial_failed(Link& link, int error);
  void start(Link& link);

  Shard& shard_;
  Slab<Link> links_;
  Slab<LinkListener> listeners_;
  struct Watched {
    std::uint32_t index;
    std::uint32_t generation;
  };
  std::vector<Watched> watched_;
};

}  // namespace weir
