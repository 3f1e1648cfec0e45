// Takes a packet from worker to worker of this shard until it leaves or ends (docs/spec/01
// section 3.1, 04 section 3.2, 6.3).
#pragma once

#include <cstdint>
#include <deque>

#include "dataplane/contract.h"
#include "dataplane/route/address_table.h"
#include "dataplane/route/packet.h"
#include "dataplane/shard/slab.h"
#include "dataplane/telemetry/counters.h"

namespace weir {

class Shard;

struct Relay {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  EncodedRoute forward;  // empty: a forwarder without a connection now, a relay of a local client
  FlowId forward_flow = kNoFlow;
  bool forwarder = false;
  // What `forward` led to last time.
  std::uint32_t next_entry = 0;
  std::uint32_t next_generation = 0;
};

// A worker that hands messages to control one at a time; the rest is parked. Past the bound the
// connections that it comes from are not read until control has done its step, which is soon: what
// was sealed for the channel must not be lost, or its peer's nonces have a gap.
struct Handshake {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  bool busy = false;
  std::size_t parked_bytes = 0;
  std::deque<MessageEvent> parked;
  std::vector<LinkId> paused;
};

class Router {
 public:
  explicit Router(Shard& shard) : shard_(shard) {}

  // Runs the packet to its end. `open_for`: see CrossMessage. False: it was dropped (and counted).
  bool dispatch(Packet& packet, FlowId open_for = kNoFlow);
  // A message of this node's own.
  bool send(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload,
            LaneKey lane = kControlLane);

  void add_relay(Entry& entry, AddWorker&& command);
  void add_handshake(Entry& entry);
  void remove_object(Entry& entry);
  void handshake_step(Entry& entry);
  // The handshake is over: what was parked, in order, for the channel.
  std::deque<MessageEvent> take_parked(Entry& entry);
  // Makes the packet one run of bytes (a copy, counted, if it was not).
  bool flatten(Packet& packet);
  // Room for one more piece in front of a route that already uses both.
  bool join(Packet& packet, RouteRef& route);
  bool prepend(Packet& packet, RouteRef& route, ByteSpan items, std::uint32_t count);

 private:
  bool relay(Entry& entry, Packet& packet, FlowId& open_for);
  Entry* next_of(Relay& relay);
  bool to_link(std::uint32_t link, Packet& packet);
  bool to_control(Entry& entry, Packet& packet);
  bool park(Handshake& handshake, MessageEvent&& event);
  void read_on(Handshake& handshake);
  bool drop(Packet& packet, DropReason reason);

  Shard& shard_;
  Slab<Relay> relays_;
  Slab<Handshake> handshakes_;
};

}  // namespace weir
