#include "dataplane/route/router.h"

#include <algorithm>

#include "dataplane/route/address_space.h"
#include "dataplane/shard/shard.h"
#include "dataplane/wire/message.h"

namespace weir {
namespace {

wire::HeadRoute head_route(const RouteRef& route) {
  return {route.first, route.second, route.count()};
}

EncodedRoute encoded(const RouteRef& route) {
  EncodedRoute out;
  out.items.resize(route.bytes());
  route.copy_to(out.items.data());
  out.count = route.count();
  return out;
}

}  // namespace

bool Router::drop(Packet& packet, DropReason reason) {
  shard_.counters.drop(reason);
  shard_.arena.finish(packet);
  return false;
}

bool Router::dispatch(Packet& packet, FlowId open_for) {
  for (std::uint32_t hops = 0; hops < shard_.config.limits.local_hops_max; ++hops) {
    if (packet.onward.empty()) return drop(packet, DropReason::kEmptyRoute);
    Entry* entry = std::exchange(packet.next, nullptr);
    if (entry == nullptr) {
      const wire::AddressView to = packet.onward.front();
      if (to.type != wire::kTypeLocal) return drop(packet, DropReason::kForeignTransport);
      entry = shard_.table.find(to.value);
      if (entry == nullptr) {
        const auto owner = shard_of(to.value);
        if (owner && *owner != shard_.config.id && *owner < shard_.config.shard_count)
          return shard_.crossing.send(*owner, packet, open_for);
        return drop(packet, DropReason::kUnknownAddress);
      }
    }
    if (open_for != kNoFlow) {
      if (entry->flow_count < shard_.config.limits.reply_gates_per_worker_max) {
        shard_.table.allow(open_for, *entry);
      }
      open_for = kNoFlow;
    }
    if (packet.foreign && !shard_.table.allowed(packet.flow, *entry) &&
        !shard_.table.allowed(packet.spawner, *entry)) {
      return drop(packet, DropReason::kNotAllowed);
    }
    if ((packet.gates >> entry->gate & 1) == 0) return drop(packet, DropReason::kPolicy);
    switch (entry->kind) {
      case EntryKind::kLink:
        return to_link(entry->object, packet);
      case EntryKind::kDecryptor:
        if (!shard_.channels.open(entry->object, packet)) return false;
        continue;
      case EntryKind::kEncryptor:
        if (!shard_.channels.seal(entry->object, packet)) return false;
        continue;
      case EntryKind::kRelay:
        if (!relay(*entry, packet, open_for)) return false;
        continue;
      case EntryKind::kEcho:
        packet.onward = packet.ret;
        packet.ret = {{}, 0, entry->encoded_bytes(), 1};
        packet.origin = entry;
        packet.foreign = false;
        continue;
      case EntryKind::kHop:
        packet.onward.pop();
        if (!prepend(packet, packet.ret, entry->encoded_bytes(), 1)) {
          return drop(packet, DropReason::kMemory);
        }
        packet.origin = entry;
        packet.foreign = false;
        continue;
      case EntryKind::kControl:
      case EntryKind::kHandshake:
        return to_control(*entry, packet);
      case EntryKind::kOutlet:
        shard_.portals.on_outlet_message(entry->object, packet);
        return true;
      case EntryKind::kStream:
        shard_.portals.on_stream_message(entry->object, packet);
        return true;
      case EntryKind::kFree:
        return drop(packet, DropReason::kUnknownAddress);
    }
  }
  return drop(packet, DropReason::kLoop);
}

// docs/spec/04 section 6.3: the relay does not add itself; it opens the reply path for the pair of
// producers, so that answers can go straight back.
bool Router::relay(Entry& entry, Packet& packet, FlowId& open_for) {
  Relay& relay = relays_.at(entry.object);
  if (shard_.stages && !relay.forwarder) [[unlikely]]
    shard_.stages->relayed(entry.value());
  packet.onward.pop();
  if (relay.forwarder) {
    // docs/spec/09 section 2: never the administration of another node.
    const bool inner =
        !packet.onward.empty() && as_text(packet.onward.front().value).starts_with("_internal.");
    if (inner) return drop(packet, DropReason::kNotAllowed);
    if (relay.forward.count == 0) return drop(packet, DropReason::kConnectionGone);
  }
  if (relay.forward.count != 0 &&
      !prepend(packet, packet.onward, relay.forward.items, relay.forward.count)) {
    return drop(packet, DropReason::kMemory);
  }
  if (!packet.ret.empty()) {
    Entry* previous = packet.origin;
    if (previous == nullptr) {
      const wire::AddressView back = packet.ret.front();
      if (back.type == wire::kTypeLocal) previous = shard_.table.find(back.value);
    }
    if (previous != nullptr) {
      if (!shard_.table.allowed(relay.forward_flow, *previous) &&
          previous->flow_count < shard_.config.limits.reply_gates_per_worker_max) {
        shard_.table.allow(relay.forward_flow, *previous);
      }
      open_for = shard_.flow_behind(*previous);
    }
  }
  if (relay.forward.count != 0) packet.next = next_of(relay);
  packet.foreign = false;
  return true;
}

Entry* Router::next_of(Relay& relay) {
  Entry* next = shard_.table.find(relay.next_entry, relay.next_generation);
  if (next != nullptr) return next;
  const wire::AddressView first = wire::canonical_address(relay.forward.items);
  next = first.type == wire::kTypeLocal ? shard_.table.find(first.value) : nullptr;
  if (next == nullptr) return nullptr;
  relay.next_entry = next->index;
  relay.next_generation = next->generation;
  return next;
}

bool Router::to_link(std::uint32_t index, Packet& packet) {
  Link& link = shard_.links.at(index);
  packet.onward.pop();
  const std::size_t content = packet.total_bytes();
  const wire::HeadRoute onward = head_route(packet.onward);
  const wire::HeadRoute ret = head_route(packet.ret);
  if (wire::transport_body_bytes(onward, ret, content) > wire::kMaxFrameBytes) {
    return drop(packet, DropReason::kTooLarge);
  }
  if (link.state != Link::State::kOpen) return drop(packet, DropReason::kConnectionGone);
  if (!shard_.arena.reserve(packet, wire::transport_head_bytes(onward, ret, content),
                            wire::kTracingTrailer.size())) {
    return drop(packet, DropReason::kMemory);
  }
  packet.head_begin = wire::put_transport_head(packet.head_begin, onward, ret, content);
  std::memcpy(packet.append(wire::kTracingTrailer.size()), wire::kTracingTrailer.data(),
              wire::kTracingTrailer.size());
  TxItem* item = shard_.items.take();
  BufferPool::ref(packet.head_buffer);
  item->hold[0] = packet.head_buffer;
  item->data[0] = packet.head_begin;
  item->size[0] = static_cast<std::uint32_t>(packet.head_bytes());
  if (!packet.payload.empty()) {
    BufferPool::ref(packet.payload_buffer);
    item->hold[1] = packet.payload_buffer;
    item->data[1] = packet.payload.data();
    item->size[1] = static_cast<std::uint32_t>(packet.payload.size());
  }
  item->data[2] = packet.head_end;
  item->size[2] = static_cast<std::uint32_t>(packet.tail_bytes());
  shard_.arena.finish(packet);
  shard_.counters.add(Counter::kFramesOut);
  ++link.frames;
  shard_.enqueue(link.tx, {TxOwner::Kind::kLink, link.index, link.generation}, item, packet.lane);
  return true;
}

bool Router::to_control(Entry& entry, Packet& packet) {
  if (!flatten(packet)) return drop(packet, DropReason::kMemory);
  MessageEvent event;
  event.worker = entry.worker;
  event.address = std::string(as_text(entry.value()));
  event.link = packet.link;
  event.flow = packet.flow;
  event.spawner = packet.spawner;
  event.principal = packet.principal;
  packet.onward.pop();
  event.onward = encoded(packet.onward);
  event.ret = encoded(packet.ret);
  event.payload = to_bytes(packet.payload);
  shard_.arena.finish(packet);
  if (entry.kind == EntryKind::kHandshake) {
    Handshake& handshake = handshakes_.at(entry.object);
    if (handshake.busy) return park(handshake, std::move(event));
    handshake.busy = true;
  }
  // One flooder must not starve the rest: its connection is not read while control has its fill.
  if (packet.link.shard == shard_.config.id) {
    if (Link* link = shard_.links.find(packet.link.index, packet.link.generation)) {
      if (++link->credit_used >= kMessageCredit) link->waits_for_control = true;
    }
  }
  shard_.counters.add(Counter::kMessagesToControl);
  shard_.emit(std::move(event));
  return true;
}

bool Router::send(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload,
                  LaneKey lane) {
  shard_.counters.add(Counter::kMessagesFromControl);
  Packet packet;
  packet.lane = lane;
  packet.onward = RouteRef::of(onward);
  packet.ret = RouteRef::of(ret);
  BufferRef hold(shard_.pool, shard_.pool.take_at_least(payload.size()));
  if (!hold) return drop(packet, DropReason::kMemory);
  if (!payload.empty()) std::memcpy(hold->data, payload.data(), payload.size());
  packet.payload = {hold->data, payload.size()};
  packet.payload_buffer = hold.get();
  return dispatch(packet);
}

bool Router::flatten(Packet& packet) {
  if (packet.head_buffer == nullptr) return true;
  if (packet.total_bytes() == packet.payload.size()) return true;
  const std::size_t total = packet.total_bytes();
  BufferRef hold(shard_.pool, shard_.pool.take_at_least(total));
  if (!hold) return false;
  std::uint8_t* out = hold->data;
  std::memcpy(out, packet.head_begin, packet.head_bytes());
  out += packet.head_bytes();
  if (!packet.payload.empty()) std::memcpy(out, packet.payload.data(), packet.payload.size());
  out += packet.payload.size();
  std::memcpy(out, packet.head_end, packet.tail_bytes());
  if (!packet.payload.empty()) {
    shard_.counters.add(Counter::kPayloadCopies);
    shard_.counters.add(Counter::kPayloadCopyBytes, packet.payload.size());
  }
  shard_.arena.finish(packet);
  packet.head_buffer = nullptr;
  packet.head_begin = packet.head_end = packet.tail_end = nullptr;
  packet.payload = {hold->data, total};
  packet.payload_room = hold->capacity - static_cast<std::uint32_t>(total);
  packet.payload_buffer = hold.get();
  packet.flat_hold = std::move(hold);
  return true;
}

bool Router::join(Packet& packet, RouteRef& route) {
  // Room in front for what comes next, and for the other route, which may lie in the old hold.
  RouteRef& other = &route == &packet.ret ? packet.onward : packet.ret;
  BufferRef hold(shard_.pool, shard_.pool.take_at_least(route.bytes() + other.bytes()));
  if (!hold) return false;
  const RouteRef old_other = other;
  route.copy_to(hold->data);
  old_other.copy_to(hold->data + route.bytes());
  other = {{}, 0, {hold->data + route.bytes(), old_other.bytes()}, old_other.count()};
  route = {{}, 0, {hold->data, route.bytes()}, route.count()};
  packet.route_hold = std::move(hold);
  return true;
}

bool Router::prepend(Packet& packet, RouteRef& route, ByteSpan items, std::uint32_t count) {
  if (route.prepend(items, count)) return true;
  return join(packet, route) && route.prepend(items, count);
}

bool Router::park(Handshake& handshake, MessageEvent&& event) {
  const ShardLimits& limits = shard_.config.limits;
  if (handshake.parked_bytes > limits.parked_bytes_max) {
    // Many connections at once, or another shard's.
    shard_.counters.drop(DropReason::kHandshakeParked);
    return false;
  }
  handshake.parked_bytes += event.payload.size();
  const bool full = handshake.parked_bytes > limits.parked_bytes_max / 2 ||
                    handshake.parked.size() >= limits.parked_frames_max;
  Link* link = event.link.shard == shard_.config.id
                   ? shard_.links.find(event.link.index, event.link.generation)
                   : nullptr;
  if (full && link != nullptr && !link->source.waits_for_keys) {
    link->source.waits_for_keys = true;
    handshake.paused.push_back(event.link);
    shard_.counters.add(Counter::kSourcePauses);
  }
  handshake.parked.push_back(std::move(event));
  return true;
}

void Router::read_on(Handshake& handshake) {
  for (const LinkId id : handshake.paused) {
    Link* link = shard_.links.find(id.index, id.generation);
    if (link == nullptr) continue;
    link->source.waits_for_keys = false;
    shard_.ready(link->source);
  }
  handshake.paused.clear();
}

void Router::add_relay(Entry& entry, AddWorker&& command) {
  Relay& relay = relays_.make();
  relay.forward = std::move(command.forward);
  relay.forward_flow = command.forward_flow;
  relay.forwarder = command.kind == WorkerKind::kForwarder;
  entry.object = relay.index;
}

void Router::add_handshake(Entry& entry) { entry.object = handshakes_.make().index; }

void Router::remove_object(Entry& entry) {
  if (entry.kind == EntryKind::kRelay) relays_.free(relays_.at(entry.object));
  if (entry.kind == EntryKind::kHandshake) {
    read_on(handshakes_.at(entry.object));
    handshakes_.free(handshakes_.at(entry.object));
  }
}

void Router::handshake_step(Entry& entry) {
  Handshake& handshake = handshakes_.at(entry.object);
  handshake.busy = false;
  if (handshake.parked.empty()) return read_on(handshake);
  MessageEvent event = std::move(handshake.parked.front());
  handshake.parked.pop_front();
  handshake.parked_bytes -= event.payload.size();
  handshake.busy = true;
  if (handshake.parked_bytes <= shard_.config.limits.parked_bytes_max / 4) read_on(handshake);
  event.link.generation = 0;  // parked messages took no credit
  shard_.counters.add(Counter::kMessagesToControl);
  shard_.emit(std::move(event));
}

std::deque<MessageEvent> Router::take_parked(Entry& entry) {
  Handshake& handshake = handshakes_.at(entry.object);
  std::deque<MessageEvent> parked = std::move(handshake.parked);
  read_on(handshake);  // in a later part of this turn: behind what is parked
  handshakes_.free(handshake);
  return parked;
}

}  // namespace weir
