// The contract between the two planes, and the only header both include. Plain structs cross in
// single-producer single-consumer rings: *commands* go from control to a shard, *events* come back.
// Nothing else is shared: no pointer into the other plane, no mutex, no callback.
//
// The shard knows no identity, credential or policy. A peer is a PrincipalId that control chose
// (same identity, same id); who may reach what are flow ids and consumers (docs/spec/04 section 3):
// a message that arrives from a producer is delivered to an address only if that address was
// allowed for the producer's flow or for its spawner's flow. What is not allowed is denied.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "crypto/secret.h"
#include "dataplane/io/socket_address.h"

namespace weir {

using ShardId = std::uint8_t;
inline constexpr ShardId kControlShard = 0xff;  // the flow ids and addresses that control invents

// A producer of foreign messages (connection, channel) or a spawner (listener). The top byte is the
// shard that made it (kControlShard for control), so both sides can make them without asking.
using FlowId = std::uint32_t;
inline constexpr FlowId kNoFlow = 0;
using PrincipalId = std::uint32_t;
inline constexpr PrincipalId kNoPrincipal = 0;
// What a peer may do beyond flow control, as control's policies say: bit i is gate i. A worker asks
// for one gate; gate 0 is everybody's. What this node sends itself has them all.
using Gates = std::uint64_t;
inline constexpr Gates kOpenGates = 1;
inline constexpr Gates kAllGates = ~Gates{0};
inline constexpr std::uint8_t kOpenGate = 0;
inline constexpr std::uint8_t kGatesMax = 64;
// Control's own name for a thing that it asked for; comes back in events. 0 = none.
using ControlId = std::uint64_t;
// A connection: index and generation in its shard. Stale handles are harmless.
struct LinkId {
  ShardId shard = 0;
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const LinkId&, const LinkId&) = default;
};

// A local worker address: the value bytes of a type 0 address. Random ones are 32 lower-case hex
// digits whose first two name the owning shard (`random_address`), see
// dataplane/route/address_space.h.
using WorkerAddress = std::string;
// A route as canonical CBOR addresses back to back (no array header) and their number.
struct EncodedRoute {
  Bytes items;
  std::uint32_t count = 0;
};

// ------------------------------------------------------------------------------------------------
// Commands: control -> shard. The shard that must be addressed is named at each.

// TCP transport listener. Shard 0 accepts for all. Answer: Listening.
struct ListenTransport {
  ControlId listener = 0;
  SocketAddress address;
  FlowId flow = kNoFlow;  // spawner id of every connection it accepts
};
// Portal inlet: answer Listening; accepted connections become streams when the inlet has a route,
// and are closed at once while it has none (paused). To every shard; shard 0 listens and answers.
struct OpenInlet {
  ControlId inlet = 0;
  SocketAddress address;
  bool no_delay = true;
  bool skip_handshake = false;
};
// New route for streams opened from now on; an empty route pauses. Open streams stay on their old
// route, or are reset if `reset_streams`. `principal`: the identity that answers must have (0: none
// expected). To every shard.
struct RouteInlet {
  ControlId inlet = 0;
  EncodedRoute onward;
  PrincipalId principal = kNoPrincipal;
  bool reset_streams = false;
};
// Transport listener (shard 0) or inlet (every shard), whose streams end when `close_streams`.
struct CloseListener {
  ControlId id = 0;
  bool close_streams = false;
};
// TCP transport connection. `addresses` are tried in order. Answer: LinkUp or ConnectFailed.
struct ConnectLink {
  ControlId request = 0;
  std::vector<SocketAddress> addresses;
  FlowId flow = kNoFlow;
  std::uint32_t timeout_ms = 15'000;
};
struct CloseLink {
  LinkId link;
};

enum class WorkerKind : std::uint8_t {
  kControl,    // messages go to control as MessageEvent
  kHandshake,  // as kControl, one at a time: further messages are parked until HandshakeStep or
               // InstallChannel
  kEcho,
  kHop,
  kRelay,      // `forward` replaces the worker's own address
  kForwarder,  // like a hop that sends on to `forward` (a connection of this node)
};
// Named workers (services, relays) are sent to every shard; random ones to the shard in their name.
struct AddWorker {
  WorkerAddress address;
  WorkerKind kind = WorkerKind::kControl;
  ControlId worker = 0;
  EncodedRoute forward;  // kRelay, kForwarder
  FlowId forward_flow =
      kNoFlow;  // kRelay: flow of the producer behind `forward`'s first hop (reply gates)
  std::vector<FlowId> allowed;    // flows whose messages may reach it
  std::uint8_t gate = kOpenGate;  // that their peers must have as well
};
struct RemoveWorker {
  WorkerAddress address;
};
// Another gate for a named worker or an outlet, with its streams. To every shard.
struct SetWorkerGate {
  WorkerAddress address;
  std::uint8_t gate = kOpenGate;
};
struct AllowFlow {  // flow may (or may no longer) reach address
  FlowId flow = kNoFlow;
  WorkerAddress address;
  bool allow = true;
};
// Outlet: a named worker; a Ping makes a stream and dials the first of `targets` that answers. To
// every shard. `authorized`: principals that may connect; empty = everyone whom flow control lets
// through.
struct OpenOutlet {
  ControlId outlet = 0;
  WorkerAddress address;
  std::vector<SocketAddress> targets;
  std::vector<FlowId> allowed;
  std::vector<PrincipalId> authorized;
  bool only_authorized = false;
  bool skip_handshake = false;
  std::uint32_t targets_good_ms = 0;  // 0: for ever; dialled after that: OutletStale
  std::uint8_t gate = kOpenGate;
};
// New targets after the name was resolved again. Open streams stay.
struct RetargetOutlet {
  ControlId outlet = 0;
  std::vector<SocketAddress> targets;
  std::uint32_t targets_good_ms = 0;
};
struct CloseOutlet {
  ControlId outlet = 0;
};
// Streams of an inlet or outlet with this identity are reset (kNotAllowed): it lost its rights. To
// every shard.
struct EndStreams {
  ControlId portal = 0;
  PrincipalId principal = kNoPrincipal;
};

// The data phase of a secure channel (docs/spec/02 section 6). `decryptor` must be a kHandshake
// worker of this shard; what is parked there is opened next. `route`: the peer, as in 02 section 4.
// Sent to the shard in the decryptor's name.
struct InstallChannel {
  ControlId channel = 0;
  WorkerAddress decryptor;
  WorkerAddress encryptor;
  bool responder = false;
  Secret<32> send_key;
  Secret<32> receive_key;
  EncodedRoute route;
  FlowId flow = kNoFlow;  // of what it decrypts
  FlowId spawner = kNoFlow;
  PrincipalId principal = kNoPrincipal;
  Gates gates = kOpenGates;
  std::uint32_t linger_ms = 120'000;  // life after the connection under it is gone
};
// The rights of its peer have changed; holds for the next frame. To the channel's shard.
struct SetGates {
  ControlId channel = 0;
  Gates gates = kOpenGates;
};
// RefreshCredentials to the peer; `body` as in ChannelRefresh. To the channel's shard.
struct SendRefresh {
  ControlId channel = 0;
  Bytes body;
};
struct CloseChannel {
  ControlId channel = 0;
  bool send_close = true;
};
// A kHandshake worker may take its next parked message (the last one was refused, or answered).
struct HandshakeStep {
  WorkerAddress address;
};
// Messages written by control: routed as if a local worker had sent them. `from` is put on the
// shard of the first onward hop (or shard 0).
struct SendMessage {
  EncodedRoute onward;
  EncodedRoute ret;
  Bytes payload;
};
// Gives back the credit of one MessageEvent that came over `link`.
struct MessageDone {
  LinkId link;
};
enum class ReportKind : std::uint8_t { kCounters, kLinks, kStreams };
struct Report {
  ControlId request = 0;
  ReportKind kind = ReportKind::kCounters;
};
// The stage clocks of a shard (dataplane/telemetry/stage_clock.h) are made, read and destroyed by
// control; a shard only has them for a while.
class StageClocks;
struct StageClocksEnd {
  void operator()(StageClocks* clocks) const;
};
using StageClocksBox = std::unique_ptr<StageClocks, StageClocksEnd>;
// Times frames with `clocks` from now on; null: no more. Answer: StageClocksBack.
struct SetStageClocks {
  ControlId request = 0;
  StageClocksBox clocks;
};
struct StopShard {};

using Command = std::variant<std::monostate, ListenTransport, OpenInlet, RouteInlet, CloseListener,
                             ConnectLink, CloseLink, AddWorker, RemoveWorker, SetWorkerGate,
                             AllowFlow, OpenOutlet, RetargetOutlet, CloseOutlet, EndStreams,
                             InstallChannel, SetGates, SendRefresh, CloseChannel, HandshakeStep,
                             SendMessage, MessageDone, Report, SetStageClocks, StopShard>;

// ------------------------------------------------------------------------------------------------
// Events: shard -> control.

struct Listening {
  ControlId id = 0;  // listener or inlet
  SocketAddress bound;
  int error = 0;  // errno; 0 = listening
};
struct LinkUp {
  LinkId link;
  ControlId request = 0;   // of ConnectLink; 0 = accepted
  ControlId listener = 0;  // accepted by
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  WorkerAddress sender;  // what routes through this connection start with
  WorkerAddress receiver;
  SocketAddress peer;
};
struct ConnectFailed {
  ControlId request = 0;
  int error = 0;  // errno of the last address
};
struct LinkDown {
  LinkId link;
  std::uint16_t reason = 0;  // DropReason, dataplane/telemetry/drop_reason.h
};
// A message for a control worker. Credit: at most `kMessageCredit` per link are with control; each
// is given back with MessageDone (link.generation 0: local message, no credit).
struct MessageEvent {
  ControlId worker = 0;
  WorkerAddress address;  // the worker's own address, already removed from `onward`
  LinkId link;            // connection it came over (outermost), for credits
  FlowId flow = kNoFlow;  // innermost producer
  FlowId spawner = kNoFlow;
  PrincipalId principal = kNoPrincipal;  // identity of the innermost channel
  EncodedRoute onward;                   // what is left
  EncodedRoute ret;
  Bytes payload;
};
struct ChannelInstalled {
  ControlId channel = 0;
};
enum class ChannelEnd : std::uint8_t { kPeerClosed, kLingerOver, kClosedHere, kNonceExhausted };
struct ChannelClosed {
  ControlId channel = 0;
  ChannelEnd why = ChannelEnd::kPeerClosed;
};
// RefreshCredentials: raw CBOR of the variant's fields.
struct ChannelRefresh {
  ControlId channel = 0;
  Bytes body;
};
// The connection under the channel's first hop went away (it lingers) or the channel moved to
// another.
struct ChannelOrphaned {
  ControlId channel = 0;
  bool orphaned = true;
};
// For the log: why a stream ended before or after it was open.
struct StreamEnded {
  ControlId portal = 0;  // inlet or outlet
  bool was_open = false;
  std::uint8_t reason = 0;  // StreamReason, dataplane/portal/stream_reason.h
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  SocketAddress application;
};
// A stream was made with targets older than `targets_good_ms` (it dials them all the same). At most
// once in that time per shard.
struct OutletStale {
  ControlId outlet = 0;
};
struct LinkInfo {
  LinkId link;
  WorkerAddress sender, receiver;
  SocketAddress peer;
  bool outgoing = false;
  FlowId flow = kNoFlow;
  std::uint64_t frames = 0;  // carried so far, both ways: control sees by it what is not used
};
struct Reported {
  ControlId request = 0;
  std::vector<std::uint64_t> counters;  // by index of dataplane/telemetry/counters.h
  std::vector<LinkInfo> links;
};
struct StageClocksBack {
  ControlId request = 0;
  StageClocksBox clocks;  // those in use until now, with what they measured; null: none were
};
struct ShardStopped {};

using Event = std::variant<std::monostate, Listening, LinkUp, ConnectFailed, LinkDown, MessageEvent,
                           ChannelInstalled, ChannelClosed, ChannelRefresh, ChannelOrphaned,
                           StreamEnded, OutletStale, Reported, StageClocksBack, ShardStopped>;

inline constexpr std::uint32_t kMessageCredit = 64;

}  // namespace weir
