#include "dataplane/link/link.h"

#include <algorithm>
#include <cstring>

#include "dataplane/route/address_space.h"
#include "dataplane/shard/shard.h"
#include "dataplane/telemetry/probes.h"
#include "dataplane/wire/message.h"

namespace weir {
namespace {

constexpr std::uint8_t kVersionBytes[1] = {wire::kTcpVersion};

BufferClass next_class(BufferClass c) {
  return c == BufferClass::kFrame ? c : static_cast<BufferClass>(static_cast<int>(c) + 1);
}

}  // namespace

void Links::listen(const ListenTransport& command) {
  LinkListener& listener = listeners_.make();
  listener.id = command.listener;
  listener.flow = command.flow;
  Listening answer{command.listener, command.address, 0};
  const auto socket = shard_.io.listen(
      command.address, socket_user(SocketRole::kLinkListener, listener.index, listener.generation),
      answer.bound);
  if (!socket) {
    answer.error = listen_errno(socket.error());
    listeners_.free(listener);
  } else {
    listener.socket = *socket;
  }
  shard_.emit(answer);
}

bool Links::close_listener(ControlId id) {
  LinkListener* found = nullptr;
  listeners_.for_each([&](LinkListener& listener) {
    if (listener.id == id) found = &listener;
  });
  if (found == nullptr) return false;
  shard_.io.close(found->socket, false);
  listeners_.free(*found);
  return true;
}

void Links::on_accepted(std::uint32_t index, const IoEvent& event) {
  LinkListener& listener = listeners_.at(index);
  if (event.result < 0) return;
  if (links_.size() >= shard_.config.limits.links_max) {
    shard_.counters.drop(DropReason::kConnectionLimit);
    return shard_.io.discard(event.result);
  }
  const ShardId to = shard_.least_loaded();
  if (to == shard_.config.id) return adopt(event.result, listener.id, listener.flow, event.peer);
  CrossMessage message;
  message.kind = CrossMessage::Kind::kAcceptedLink;
  message.socket = event.result;
  message.portal = listener.id;
  message.spawner = listener.flow;
  message.peer = event.peer;
  shard_.crossing.send(to, message);
}

void Links::adopt(NativeSocket native, ControlId listener, FlowId spawner,
                  const SocketAddress& peer) {
  Link* link = open(kNoSocket, false, shard_.new_flow(), spawner, peer);
  link->listener = listener;
  const auto socket =
      shard_.io.adopt(native, socket_user(SocketRole::kLink, link->index, link->generation), {});
  if (!socket) {
    shard_.remove_entry(shard_.table.at(link->sender_entry));
    shard_.flow_gone(link->flow);
    links_.free(*link);
    return;
  }
  link->socket = *socket;
  start(*link);
}

Link* Links::open(SocketId socket, bool outgoing, FlowId flow, FlowId spawner,
                  const SocketAddress& peer) {
  Link& link = links_.make();
  link.socket = socket;
  link.outgoing = outgoing;
  link.flow = flow;
  link.spawner = spawner;
  link.peer = peer;
  link.source = {.kind = Source::Kind::kLink, .object = link.index, .generation = link.generation};
  link.receiver = random_address_bytes(shard_.rng, shard_.config.id);
  Entry* entry = nullptr;
  while (entry == nullptr) {
    entry = shard_.table.add(as_bytes(random_address(shard_.rng, shard_.config.id)),
                             EntryKind::kLink, link.index);
  }
  link.sender_entry = entry->index;
  return &link;
}

// Both sides write their version at once, without waiting for the other's.
void Links::start(Link& link) {
  link.state = Link::State::kOpen;
  link.received_at_ns = shard_.now_ns;
  shard_.io.limit_unsent(link.socket, shard_.config.limits.unsent_bytes);
  TxItem* item = shard_.items.take();
  item->data[0] = kVersionBytes;
  item->size[0] = 1;
  shard_.enqueue(link.tx, {TxOwner::Kind::kLink, link.index, link.generation}, item, kControlLane);
  announce(link);
  watch(link);
  arm(link);
}

void Links::announce(Link& link) {
  LinkUp up;
  up.link = {shard_.config.id, link.index, link.generation};
  up.request = link.request;
  up.listener = link.listener;
  up.flow = link.flow;
  up.spawner = link.spawner;
  up.sender = std::string(as_text(shard_.table.at(link.sender_entry).value()));
  up.receiver = to_hex(link.receiver);
  up.peer = link.peer;
  shard_.emit(std::move(up));
}

void Links::connect(ConnectLink&& command) {
  if (command.addresses.empty()) return shard_.emit(ConnectFailed{command.request, EINVAL});
  Link* link = open(kNoSocket, true, command.flow, kNoFlow, command.addresses.front());
  link->request = command.request;
  const auto socket = shard_.io.connect(
      command.addresses.front(), socket_user(SocketRole::kLink, link->index, link->generation),
      {.no_delay = true, .keep_alive = true});
  if (!socket) {
    shard_.remove_entry(shard_.table.at(link->sender_entry));
    links_.free(*link);
    command.addresses.erase(command.addresses.begin());
    if (command.addresses.empty()) return shard_.emit(ConnectFailed{command.request, EIO});
    return connect(std::move(command));
  }
  link->socket = *socket;
  const std::uint64_t deadline = shard_.now_ns + command.timeout_ms * kNsPerMs;
  command.addresses.erase(command.addresses.begin());
  shard_.timers.set({deadline, Timer::Kind::kDial, link->index, link->generation});
  link->dial = std::make_unique<ConnectLink>(std::move(command));
}

void Links::on_connected(std::uint32_t index, std::uint32_t generation, std::int32_t result) {
  Link* link = links_.find(index, generation);
  if (link == nullptr || link->state != Link::State::kConnecting) return;
  if (result == 0) {
    link->dial.reset();
    return start(*link);
  }
  dial_failed(*link, -result);
}

void Links::dial_failed(Link& link, int error) {
  std::unique_ptr<ConnectLink> dial = std::move(link.dial);
  link.state = Link::State::kClosing;
  shard_.remove_entry(shard_.table.at(link.sender_entry));
  shard_.io.close(link.socket, false);
  if (dial == nullptr) return;
  if (dial->addresses.empty()) return shard_.emit(ConnectFailed{dial->request, error});
  connect(std::move(*dial));
}

void Links::close(Link& link, DropReason reason) {
  if (link.state == Link::State::kClosing) return;
  if (link.state == Link::State::kConnecting) {
    if (link.dial != nullptr) link.dial->addresses.clear();
    return dial_failed(link, ECANCELED);
  }
  link.state = Link::State::kClosing;
  link.close_reason = reason;
  shard_.counters.drop(reason);
  shard_.forget_source(link.source);
  shard_.sources_go_on(link.tx);
  shard_.remove_entry(shard_.table.at(link.sender_entry));
  shard_.flow_gone(link.flow);
  shard_.emit(LinkDown{{shard_.config.id, link.index, link.generation},
                       static_cast<std::uint16_t>(reason)});
  shard_.io.close(link.socket, false);
}

void Links::on_closed(Link& link) {
  link.tx.in_flight = false;
  link.tx.clear(shard_.items, shard_.pool);
  if (link.rx.buffer != nullptr) shard_.pool.unref(link.rx.buffer);
  links_.free(link);
}

void adapt_receive(RxState& rx, std::uint32_t received, std::uint32_t room) {
  if (received == room) {
    rx.small_receives = 0;
    if (rx.want < BufferClass::kBulk) rx.want = next_class(rx.want);
  } else if (received < kBufferBytes[static_cast<int>(rx.want)] / 16) {
    if (rx.want != BufferClass::kSmall && ++rx.small_receives >= 8) {
      rx.small_receives = 0;
      rx.want = static_cast<BufferClass>(static_cast<int>(rx.want) - 1);
    }
  } else {
    rx.small_receives = 0;
  }
}

void Links::on_received(Link& link, const IoEvent& event) {
  RxState& rx = link.rx;
  rx.armed = false;
  if (link.state != Link::State::kOpen) {
    if (event.buffer != nullptr) shard_.pool.unref(event.buffer);
    return;
  }
  if (event.result <= 0) {
    if (rx.begin != rx.end) shard_.counters.drop(DropReason::kTruncated);
    return close(link,
                 event.result == 0 ? DropReason::kConnectionClosed : DropReason::kConnectionReset);
  }
  const auto received = static_cast<std::uint32_t>(event.result);
  if (event.buffer != nullptr) {
    DCHECK(rx.buffer == nullptr);
    rx.buffer = event.buffer;
    rx.begin = 0;
    rx.end = received;
    adapt_receive(rx, received, event.buffer->capacity);
  } else {
    adapt_receive(rx, received, rx.buffer->capacity - rx.end);
    rx.end += received;
  }
  link.received_at_ns = shard_.now_ns;
  shard_.counters.add(Counter::kBytesIn, received);
  shard_.ready(link.source);
}

// True if a whole frame was there and was handled.
bool Links::parse_one(Link& link) {
  RxState& rx = link.rx;
  const std::uint8_t* at = rx.buffer->data + rx.begin;
  const std::uint32_t have = rx.end - rx.begin;
  if (!link.version_seen) {
    if (have == 0) return false;
    if (*at != wire::kTcpVersion) {
      close(link, DropReason::kVersion);
      return false;
    }
    link.version_seen = true;
    ++rx.begin;
    return true;
  }
  if (have < wire::kFramePrefixBytes) return false;
  const std::uint32_t size = load_be32(at);
  if (size == 0 || size > wire::kMaxFrameBytes) {
    close(link, DropReason::kFrameLength);
    return false;
  }
  if (have - wire::kFramePrefixBytes < size) return false;
  rx.begin += static_cast<std::uint32_t>(wire::kFramePrefixBytes) + size;
  WEIR_PROBE(frame_received, shard_.config.id, link.index, size);
  time_frame(shard_.stages.get(), link.received_at_ns, size,
             [&] { handle_frame(link, {rx.buffer->data + rx.begin - size, size}); });
  return link.state == Link::State::kOpen;
}

bool Links::process(Link& link) {
  if (link.rx.armed || link.state != Link::State::kOpen) return false;
  shard_.source = &link.source;
  bool starved = false;
  bool used_up = false;
  while (link.rx.buffer != nullptr && !link.source.must_wait() && !link.waits_for_control) {
    starved = !shard_.arena.ready();
    if (starved || !parse_one(link)) break;
    used_up = link.source.deficit <= 0;
    if (used_up) break;
  }
  shard_.source = nullptr;
  if (link.state != Link::State::kOpen) return false;
  if (starved) {
    shard_.wait_for_buffers(link.source);
    return false;
  }
  if (link.source.must_wait() || link.waits_for_control) return false;
  if (used_up && link.rx.begin != link.rx.end) return true;
  arm(link);
  return false;
}

void Links::handle_frame(Link& link, MutableByteSpan body) {
  shard_.counters.add(Counter::kFramesIn);
  ++link.frames;
  link.source.deficit -= static_cast<std::int64_t>(body.size()) + TurnOrder::kMessageCost;
  wire::MessageView message;
  wire::ParseResult parsed = wire::parse_message(body, {}, message);
  Packet packet;
  if (parsed == wire::ParseResult::kNeedsScratch) {
    packet.route_hold =
        BufferRef(shard_.pool, shard_.pool.take_at_least(wire::scratch_bytes(body.size())));
    if (!packet.route_hold) return shard_.counters.drop(DropReason::kMemory);
    parsed =
        wire::parse_message(body, {packet.route_hold->data, packet.route_hold->capacity}, message);
  }
  if (parsed != wire::ParseResult::kOk) return close(link, DropReason::kMalformedFrame);
  if (message.onward.empty()) return shard_.counters.drop(DropReason::kHeartbeat);
  packet.onward = RouteRef::of(message.onward);
  packet.origin = &shard_.table.at(link.sender_entry);
  packet.ret = {packet.origin->encoded_bytes(), 1, message.ret.items, message.ret.count};
  packet.payload = message.payload;
  packet.payload_room = static_cast<std::uint32_t>(body.data() + body.size() -
                                                   (packet.payload.data() + packet.payload.size()));
  packet.payload_buffer = link.rx.buffer;
  packet.flow = link.flow;
  packet.spawner = link.spawner;
  packet.link = {shard_.config.id, link.index, link.generation};
  packet.lane = lane_of_link(shard_.config.id, link.index);
  packet.foreign = true;
  packet.gates = kOpenGates;
  shard_.router.dispatch(packet);
}

// Room behind what is there for the rest of the frame; only the tail of a frame cut by the buffer's
// end ever moves. False: no buffer now.
bool Links::make_room(Link& link) {
  RxState& rx = link.rx;
  const std::uint32_t have = rx.end - rx.begin;
  std::size_t need = wire::kFramePrefixBytes;
  if (have >= wire::kFramePrefixBytes) need += load_be32(rx.buffer->data + rx.begin);
  if (rx.buffer->capacity - rx.begin >= need && rx.end < rx.buffer->capacity) return true;
  // A large frame gets the next class only when the present one is full: memory follows bytes that
  // came, not bytes that were announced.
  BufferClass want = std::max(rx.want, rx.buffer->size_class);
  if (have == rx.buffer->capacity) want = next_class(rx.buffer->size_class);
  while (want < BufferClass::kBulk && kBufferBytes[static_cast<int>(want)] < need)
    want = next_class(want);
  Buffer* larger = nullptr;
  for (BufferClass c = want;; c = next_class(c)) {
    larger = shard_.pool.take(c);
    if (larger != nullptr || c == BufferClass::kFrame) break;
  }
  if (larger == nullptr) return false;
  if (larger->size_class == BufferClass::kFrame) link.large_frame_since_ns = shard_.now_ns;
  std::memcpy(larger->data, rx.buffer->data + rx.begin, have);
  shard_.counters.add(Counter::kTailMoves);
  shard_.counters.add(Counter::kTailMoveBytes, have);
  shard_.pool.unref(rx.buffer);
  rx.buffer = larger;
  rx.begin = 0;
  rx.end = have;
  return true;
}

void Links::arm(Link& link) {
  RxState& rx = link.rx;
  if (rx.armed) return;
  if (rx.buffer != nullptr && rx.begin == rx.end) {
    shard_.pool.unref(rx.buffer);
    rx.buffer = nullptr;
    rx.begin = rx.end = 0;
    link.large_frame_since_ns = 0;
  }
  if (rx.buffer == nullptr) {
    rx.armed = true;
    return shard_.io.receive_any(link.socket, rx.want);
  }
  if (!make_room(link)) {
    shard_.wait_for_buffers(link.source);
    return;
  }
  if (rx.buffer->size_class >= BufferClass::kBulk) watch(link);
  rx.armed = true;
  shard_.io.receive_into(link.socket, {rx.buffer->data + rx.end, rx.buffer->capacity - rx.end});
}

void Links::credit_returned(LinkId id) {
  Link* link = links_.find(id.index, id.generation);
  if (link == nullptr || link->credit_used == 0) return;
  --link->credit_used;
  if (link->waits_for_control && link->credit_used <= kMessageCredit / 2) {
    link->waits_for_control = false;
    shard_.ready(link->source);
  }
}

void Links::on_sent_error(Link& link, int /*error*/) { close(link, DropReason::kConnectionReset); }

void Links::watch(Link& link) {
  if (link.watched) return;
  link.watched = true;
  watched_.push_back({link.index, link.generation});
}

bool Links::check_deadlines(std::uint64_t now_ns) {
  // What is watched anew meanwhile stands behind these.
  const std::size_t count = watched_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Watched each = watched_[i];
    Link* link = links_.find(each.index, each.generation);
    if (link == nullptr) continue;
    link->watched = false;
    if (check(*link, now_ns)) watch(*link);
  }
  watched_.erase(watched_.begin(), watched_.begin() + static_cast<std::ptrdiff_t>(count));
  return !watched_.empty();
}

bool Links::check(Link& link, std::uint64_t now_ns) {
  const ShardLimits& limits = shard_.config.limits;
  if (link.state != Link::State::kOpen) return false;
  const bool stuck = link.tx.stuck_since_ns != 0;
  if (stuck && now_ns - link.tx.stuck_since_ns > limits.stuck_ns) {
    close(link, DropReason::kConnectionStuck);
    return false;
  }
  const bool holds_bulk =
      link.rx.buffer != nullptr && link.rx.buffer->size_class >= BufferClass::kBulk;
  const bool watched = stuck || !link.version_seen || holds_bulk || link.large_frame_since_ns != 0;
  if (!link.rx.armed)
    return watched;  // what is not read makes no progress through no fault of its own
  const std::uint64_t silent_ns = now_ns - link.received_at_ns;
  if (!link.version_seen && silent_ns > limits.version_timeout_ns) {
    close(link, DropReason::kVersion);
    return false;
  }
  if ((holds_bulk && silent_ns > limits.stalled_frame_ns) ||
      (link.large_frame_since_ns != 0 &&
       now_ns - link.large_frame_since_ns > limits.large_frame_ns)) {
    close(link, DropReason::kNoProgress);
    return false;
  }
  return watched;
}

void Links::report(std::vector<LinkInfo>& out) {
  links_.for_each([&](Link& link) {
    if (link.state != Link::State::kOpen) return;
    LinkInfo info;
    info.link = {shard_.config.id, link.index, link.generation};
    info.sender = std::string(as_text(shard_.table.at(link.sender_entry).value()));
    info.receiver = to_hex(link.receiver);
    info.peer = link.peer;
    info.outgoing = link.outgoing;
    info.flow = link.flow;
    info.frames = link.frames;
    out.push_back(std::move(info));
  });
}

}  // namespace weir
