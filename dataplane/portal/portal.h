// Portals: application sockets as streams of portal messages (docs/spec/05 sections 3-6; between
// two weir ends docs/spec/09 section 1). A stream lives on the shard of its channel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/contract.h"
#include "dataplane/io/io.h"
#include "dataplane/link/link.h"
#include "dataplane/portal/sender_map.h"
#include "dataplane/portal/stream_reason.h"
#include "dataplane/route/address_table.h"
#include "dataplane/route/packet.h"
#include "dataplane/wire/portal_message.h"

namespace weir {

class Shard;

struct Inlet {
  ControlId id = 0;
  std::uint32_t number = 0;     // in the listener's user word
  SocketId socket = kNoSocket;  // on shard 0
  bool no_delay = true;
  bool skip_handshake = false;
  EncodedRoute onward;  // count 0: paused
  PrincipalId principal = kNoPrincipal;
};

struct Outlet {
  ControlId id = 0;
  std::uint8_t gate = kOpenGate;
  std::uint32_t entry = 0;
  std::vector<SocketAddress> targets;
  std::uint64_t targets_good_ns = 0;  // 0: for ever
  std::uint64_t stale_at_ns = 0;
  std::vector<PrincipalId> authorized;
  bool only_authorized = false;
  bool skip_handshake = false;
  SenderMap senders;  // skip_handshake: whose stream a message to the outlet's address is for
};

struct Stream {
  enum class State : std::uint8_t { kWaitsForPong, kDialling, kOpen, kClosing };
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  State state = State::kWaitsForPong;
  bool inlet = false;
  bool was_open = false;
  bool skips_handshake = false;
  bool pong_sent = false;  // or none is due
  bool broken = false;     // the path lost frames; waits for a chance to tell the peer
  bool eof_read = false;   // the application ended while nothing could be sent
  ControlId portal = 0;
  SocketId socket = kNoSocket;
  std::uint32_t entry = 0;  // own address
  PrincipalId principal = kNoPrincipal;
  EncodedRoute route;  // to the other side
  RouteUser user;      // of the route's first hop
  RxState rx;
  std::uint64_t received_at_ns = 0;
  TxQueue tx;                    // to the application
  std::size_t parked_bytes = 0;  // of tx, copied while the target is dialled
  std::string sender;            // key in Outlet::senders, with `principal`
  Source source;
  // Extension (09): flags that both ends set; 0 = none.
  std::uint64_t flags = 0;
  std::uint64_t sent = 0;  // Payload bytes to the peer
  std::uint64_t send_limit = ~std::uint64_t{0};
  std::uint64_t received = 0;  // Payload bytes from the peer
  std::uint64_t receive_limit = ~std::uint64_t{0};
  std::uint64_t window = 0;
  bool watched = false;
  bool application_eof = false;     // read side of the application is over
  bool peer_eof = false;            // Eof or Disconnect received
  std::uint64_t full_since_ns = 0;  // a real peer's connection is not read because of this stream
  std::uint16_t counter_in = 0xffff;
  std::size_t next_target = 0;
  std::vector<SocketAddress> targets;
  int dial_error = 0;
  SocketAddress application;
};

class Portals {
 public:
  explicit Portals(Shard& shard) : shard_(shard) {}

  void open_inlet(const OpenInlet& command);
  void route_inlet(const RouteInlet& command);
  bool close_inlet(ControlId id, bool close_streams);
  void open_outlet(const OpenOutlet& command);
  void retarget(const RetargetOutlet& command);
  void close_outlet(ControlId id);
  void end_streams(const EndStreams& command);
  void set_gate(std::uint32_t outlet, std::uint8_t gate);

  // A message for an outlet's address (Ping) or for a stream.
  void on_outlet_message(std::uint32_t outlet, Packet& packet);
  void on_stream_message(std::uint32_t stream, Packet& packet);

  void on_accepted(std::uint32_t inlet_number, const IoEvent& event);
  // A connection accepted by shard 0 for an inlet whose channel lives here.
  void adopt(NativeSocket native, ControlId id, const SocketAddress& application);
  void on_connected(Stream& stream, std::int32_t result);
  void on_received(Stream& stream, const IoEvent& event);
  void on_sent(Stream& stream);
  void on_sent_error(Stream& stream, int error);
  void on_closed(Stream& stream);
  // Sends what was read, as far as credit, queues and its deficit go, then reads on. True: there is
  // more that may be sent.
  bool process(Stream& stream);
  // The stream's route is gone for good.
  void route_lost(std::uint32_t stream);
  // The channel under the stream lost its connection (frames may be lost), or has one again.
  void path_broken(std::uint32_t stream);
  void path_back(std::uint32_t stream);
  void pong_timed_out(std::uint32_t index, std::uint32_t generation);
  void end_all();
  Stream& at(std::uint32_t index) { return streams_.at(index); }

  Stream* find(std::uint32_t index, std::uint32_t generation) {
    return streams_.find(index, generation);
  }
  std::uint32_t size() const { return streams_.size(); }
  // Something about this stream must be tried again, or has a deadline: it is looked at each
  // second.
  void watch(Stream& stream);
  // False: there is no such stream.
  bool check_deadlines(std::uint64_t now_ns);
  template <typename F>
  void for_each(F&& visit) {
    streams_.for_each(visit);
  }

 private:
  Stream* make_stream(bool is_inlet, ControlId portal);
  void start_inlet_stream(NativeSocket native, Inlet& from, const SocketAddress& application);
  void set_targets(Outlet& to, std::vector<SocketAddress> targets, std::uint32_t good_ms);
  // The stream gets the outlet's targets; control is told when they are old.
  void use_targets(Outlet& from, Stream& stream);
  void dial(Stream& stream, int last_error);
  void opened(Stream& stream);
  bool send_pong(Stream& stream);
  void set_route(Stream& stream, const RouteRef& route);
  enum class Sent : std::uint8_t { kDone, kUsedUp, kNoMemory, kLost, kEnded };
  Sent send_read(Stream& stream);
  bool send_data(Stream& stream, MutableByteSpan data, Buffer* hold);
  bool send_control(Stream& stream, ByteSpan message);
  // False while the channel under the stream has no connection.
  bool can_send(const Stream& stream);
  // Of a stream that is open (or dials without a handshake), from its peer.
  void on_message(Stream& stream, Packet& packet, const wire::PortalMessage& message);
  void on_payload(Stream& stream, Packet& packet, const wire::PortalMessage& message);
  wire::PortalCap own_cap(const Stream& stream) const;
  void agree(Stream& stream, const wire::PortalCap& cap);
  void give_credit(Stream& stream);
  void application_ended(Stream& stream, int error);
  void finish_if_done(Stream& stream);
  // Tells the peer as far as it can understand, then closes the application's socket.
  void fail(Stream& stream, StreamReason reason, bool tell_peer);
  void end(Stream& stream, StreamReason reason, bool reset);
  void release(Stream& stream);
  void end_streams_of(ControlId portal, StreamReason reason);
  Inlet* inlet(ControlId id);
  Outlet* outlet(ControlId id);

  // Without a handshake (skip_handshake.cc).
  void start_without_pong(Stream& stream);
  void on_unannounced_message(Outlet& to, Packet& packet, const wire::PortalMessage& message);
  void open_unannounced(Outlet& to, Packet& packet, const SenderKey& key);
  void answer_disconnect(const Outlet& from, Packet& packet);
  void park(Stream& stream, ByteSpan data);
  bool copy_parked(Stream& stream, ByteSpan data);
  void send_parked(Stream& stream);
  void forget_sender(Stream& stream);
  void pong_not_expected(Stream& stream, const RouteRef& from);
  void end_senders(ControlId outlet);

  Shard& shard_;
  // False: nothing about the stream has to be tried again.
  bool check(Stream& stream, std::uint64_t now_ns);

  Slab<Stream> streams_;
  struct Watched {
    std::uint32_t index;
    std::uint32_t generation;
  };
  std::vector<Watched> watched_;
  std::vector<std::unique_ptr<Inlet>> inlets_;    // few: found by walking
  std::vector<std::unique_ptr<Outlet>> outlets_;  // by the object of their entry
  std::uint32_t next_inlet_ = 0;
  std::size_t parked_bytes_ = 0;  // of all streams
};

}  // namespace weir
