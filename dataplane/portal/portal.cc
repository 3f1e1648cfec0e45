// Inlets, outlets and the life of a stream: made, dialled, opened, ended. Data transfer is in
// stream.cc.
#include "dataplane/portal/portal.h"

#include <algorithm>
#include <utility>

#include "dataplane/route/address_space.h"
#include "dataplane/shard/shard.h"

namespace weir {
namespace {

StreamReason reason_of_errno(int error) {
  switch (error) {
    case ECONNREFUSED:
      return StreamReason::kTargetRefused;
    case ETIMEDOUT:
      return StreamReason::kTargetTimedOut;
    default:
      return StreamReason::kTargetUnreachable;
  }
}

}  // namespace

Inlet* Portals::inlet(ControlId id) {
  const auto at =
      std::find_if(inlets_.begin(), inlets_.end(), [&](const auto& i) { return i->id == id; });
  return at == inlets_.end() ? nullptr : at->get();
}

Outlet* Portals::outlet(ControlId id) {
  const auto at = std::find_if(outlets_.begin(), outlets_.end(),
                               [&](const auto& o) { return o != nullptr && o->id == id; });
  return at == outlets_.end() ? nullptr : at->get();
}

void Portals::open_inlet(const OpenInlet& command) {
  auto made = std::make_unique<Inlet>();
  made->id = command.inlet;
  made->no_delay = command.no_delay;
  made->skip_handshake = command.skip_handshake;
  if (shard_.config.id != 0) {
    inlets_.push_back(std::move(made));
    return;
  }
  Listening answer{command.inlet, command.address, 0};
  made->number = next_inlet_++;
  const auto socket = shard_.io.listen(
      command.address, socket_user(SocketRole::kInlet, made->number, 0), answer.bound);
  if (socket) {
    made->socket = *socket;
    inlets_.push_back(std::move(made));
  } else {
    answer.error = listen_errno(socket.error());
  }
  shard_.emit(answer);
}

void Portals::route_inlet(const RouteInlet& command) {
  Inlet* found = inlet(command.inlet);
  if (found == nullptr) return;
  found->onward = command.onward;
  found->principal = command.principal;
  if (!command.reset_streams) return;
  end_streams_of(command.inlet, StreamReason::kSessionLost);
}

bool Portals::close_inlet(ControlId id, bool close_streams) {
  Inlet* found = inlet(id);
  if (found == nullptr) return false;
  if (found->socket != kNoSocket) shard_.io.close(found->socket, false);
  std::erase_if(inlets_, [&](const auto& i) { return i->id == id; });
  if (close_streams) end_streams_of(id, StreamReason::kShuttingDown);
  return true;
}

void Portals::end_streams_of(ControlId portal, StreamReason reason) {
  streams_.for_each([&](Stream& stream) {
    if (stream.portal == portal && stream.state != Stream::State::kClosing)
      fail(stream, reason, true);
  });
}

void Portals::end_streams(const EndStreams& command) {
  streams_.for_each([&](Stream& stream) {
    if (stream.portal == command.portal && stream.principal == command.principal &&
        stream.state != Stream::State::kClosing) {
      fail(stream, StreamReason::kNotAllowed, true);
    }
  });
}

void Portals::set_gate(std::uint32_t index, std::uint8_t gate) {
  Outlet& changed = *outlets_[index];
  changed.gate = gate;
  streams_.for_each([&](Stream& stream) {
    if (stream.portal == changed.id) shard_.table.at(stream.entry).gate = gate;
  });
}

void Portals::open_outlet(const OpenOutlet& command) {
  if (shard_.table.find(as_bytes(command.address)) != nullptr) return;
  auto made = std::make_unique<Outlet>();
  made->id = command.outlet;
  set_targets(*made, command.targets, command.targets_good_ms);
  made->authorized = command.authorized;
  made->only_authorized = command.only_authorized;
  made->skip_handshake = command.skip_handshake;
  if (made->skip_handshake) made->senders.seed(shard_.rng);
  std::uint32_t index = 0;
  while (index < outlets_.size() && outlets_[index] != nullptr) ++index;
  if (index == outlets_.size()) outlets_.emplace_back();
  Entry* entry = shard_.table.add(as_bytes(command.address), EntryKind::kOutlet, index);
  made->entry = entry->index;
  made->gate = entry->gate = command.gate;
  for (const FlowId flow : command.allowed) shard_.table.allow(flow, *entry);
  outlets_[index] = std::move(made);
}

void Portals::retarget(const RetargetOutlet& command) {
  Outlet* found = outlet(command.outlet);
  if (found != nullptr) set_targets(*found, command.targets, command.targets_good_ms);
}

void Portals::set_targets(Outlet& to, std::vector<SocketAddress> targets, std::uint32_t good_ms) {
  to.targets = std::move(targets);
  to.targets_good_ns = good_ms * kNsPerMs;
  to.stale_at_ns = shard_.now_ns + to.targets_good_ns;
}

void Portals::use_targets(Outlet& from, Stream& stream) {
  stream.targets = from.targets;
  if (from.targets_good_ns == 0 || shard_.now_ns < from.stale_at_ns) return;
  from.stale_at_ns = shard_.now_ns + from.targets_good_ns;
  shard_.emit(OutletStale{from.id});
}

void Portals::close_outlet(ControlId id) {
  for (auto& slot : outlets_) {
    if (slot == nullptr || slot->id != id) continue;
    if (slot->skip_handshake) end_senders(id);
    shard_.remove_entry(shard_.table.at(slot->entry));
    slot.reset();
  }
}

Stream* Portals::make_stream(bool is_inlet, ControlId portal) {
  if (streams_.size() >= shard_.config.limits.streams_max) {
    shard_.counters.drop(DropReason::kStreamLimit);
    return nullptr;
  }
  Stream& stream = streams_.make();
  stream.inlet = is_inlet;
  stream.portal = portal;
  stream.source = {
      .kind = Source::Kind::kStream, .object = stream.index, .generation = stream.generation};
  stream.user.kind = RouteUser::Kind::kStream;
  stream.user.object = stream.index;
  Entry* entry = nullptr;
  while (entry == nullptr) {
    entry = shard_.table.add(as_bytes(random_address(shard_.rng, shard_.config.id)),
                             EntryKind::kStream, stream.index);
  }
  stream.entry = entry->index;
  return &stream;
}

void Portals::set_route(Stream& stream, const RouteRef& route) {
  shard_.table.remove_user(stream.user);
  EncodedRoute encoded;
  encoded.items.resize(route.bytes());
  route.copy_to(encoded.items.data());
  encoded.count = route.count();
  stream.route = std::move(encoded);
  if (stream.route.count == 0) return;
  const wire::AddressView first = wire::canonical_address(stream.route.items);
  Entry* entry = first.type == wire::kTypeLocal ? shard_.table.find(first.value) : nullptr;
  if (entry == nullptr) return;
  AddressTable::add_user(*entry, stream.user);
  // Without a handshake, peers write to the outlet only.
  if (stream.skips_handshake && !stream.inlet) return;
  shard_.table.allow(shard_.flow_behind(*entry), shard_.table.at(stream.entry));
}

// --- inlet
// ----------------------------------------------------------------------------------------------

void Portals::on_accepted(std::uint32_t number, const IoEvent& event) {
  const auto at = std::find_if(inlets_.begin(), inlets_.end(),
                               [&](const auto& i) { return i->number == number; });
  if (at == inlets_.end()) return shard_.io.discard(event.result);
  Inlet& found = **at;
  if (found.onward.count == 0) {
    shard_.counters.drop(DropReason::kInletPaused);
    return shard_.io.discard(event.result);
  }
  const auto owner = shard_of(wire::canonical_address(found.onward.items).value);
  if (!owner || *owner == shard_.config.id || *owner >= shard_.config.shard_count) {
    return start_inlet_stream(event.result, found, event.peer);
  }
  CrossMessage message;
  message.kind = CrossMessage::Kind::kAcceptedStream;
  message.socket = event.result;
  message.portal = found.id;
  message.peer = event.peer;
  shard_.crossing.send(*owner, message);
}

void Portals::adopt(NativeSocket native, ControlId id, const SocketAddress& application) {
  Inlet* found = inlet(id);
  if (found == nullptr || found->onward.count == 0) {
    shard_.counters.drop(DropReason::kInletPaused);
    return shard_.io.discard(native);
  }
  start_inlet_stream(native, *found, application);
}

void Portals::start_inlet_stream(NativeSocket native, Inlet& from,
                                 const SocketAddress& application) {
  Stream* stream = make_stream(true, from.id);
  if (stream == nullptr) return shard_.io.discard(native);
  stream->application = application;
  const auto socket =
      shard_.io.adopt(native, socket_user(SocketRole::kStream, stream->index, stream->generation),
                      {.no_delay = from.no_delay, .keep_alive = false});
  if (!socket) return end(*stream, StreamReason::kUnknown, false);
  stream->socket = *socket;
  stream->principal = from.principal;
  set_route(*stream, RouteRef::of(from.onward));
  if (from.skip_handshake) return start_without_pong(*stream);
  stream->window = shard_.config.limits.stream_window_bytes;
  stream->receive_limit = stream->window;
  std::uint8_t ping[wire::kPortalControlBytesMax];
  const std::size_t size = wire::put_portal_cap(ping, wire::PortalKind::kPing, own_cap(*stream));
  shard_.timers.set({shard_.now_ns + shard_.config.limits.pong_timeout_ns, Timer::Kind::kPong,
                     stream->index, stream->generation});
  if (!send_control(*stream, {ping, size})) end(*stream, StreamReason::kSessionLost, true);
}

void Portals::pong_timed_out(std::uint32_t index, std::uint32_t generation) {
  Stream* stream = streams_.find(index, generation);
  if (stream == nullptr) return;
  if (stream->state == Stream::State::kWaitsForPong) {
    end(*stream, StreamReason::kNoAnswer, false);
  } else if (stream->state == Stream::State::kDialling) {
    fail(*stream, StreamReason::kTargetTimedOut, true);
  }
}

wire::PortalCap Portals::own_cap(const Stream& stream) const {
  return {wire::kCapVersion, wire::kCapHalfClose | wire::kCapReset | wire::kCapCredit,
          stream.window};
}

// --- outlet
// ---------------------------------------------------------------------------------------------

void Portals::on_outlet_message(std::uint32_t index, Packet& packet) {
  Outlet& from = *outlets_[index];
  packet.onward.pop();
  wire::PortalMessage message;
  if (!packet.onward.empty() || !shard_.router.flatten(packet) ||
      wire::parse_portal_message(packet.payload, message) != wire::ParseResult::kOk) {
    return shard_.counters.drop(DropReason::kPortalMessage);
  }
  // A weir inlet that waits for a Pong says so by its Cap, and gets one in either mode.
  const bool handshake =
      message.kind == wire::PortalKind::kPing && (message.has_cap || !from.skip_handshake);
  if ((!handshake && !from.skip_handshake) || packet.ret.empty()) {
    return shard_.counters.drop(DropReason::kPortalState);
  }
  if (packet.ret.bytes() > shard_.config.limits.stream_route_bytes_max) {
    return shard_.counters.drop(DropReason::kPortalMessage);
  }
  const bool authorized =
      !from.only_authorized || std::find(from.authorized.begin(), from.authorized.end(),
                                         packet.principal) != from.authorized.end();
  if (!authorized) shard_.counters.drop(DropReason::kNotAuthorized);
  // Silence is what a real peer expects.
  if (!authorized && !(handshake && message.has_cap)) return;
  if (!handshake) return on_unannounced_message(from, packet, message);
  Stream* stream = make_stream(false, from.id);
  if (stream == nullptr) return;
  stream->state = Stream::State::kDialling;
  stream->principal = packet.principal;
  stream->window = shard_.config.limits.stream_window_bytes;
  shard_.table.at(stream->entry).gate = from.gate;
  set_route(*stream, packet.ret);
  if (packet.flow != kNoFlow) shard_.table.allow(packet.flow, shard_.table.at(stream->entry));
  use_targets(from, *stream);
  if (message.has_cap) agree(*stream, message.cap);
  // The Ping's bytes are no longer needed; messages of our own may be written now.
  shard_.arena.finish(packet);
  if (!authorized) return fail(*stream, StreamReason::kNotAllowed, true);
  dial(*stream, EHOSTUNREACH);
}

void Portals::dial(Stream& stream, int last_error) {
  while (stream.next_target < stream.targets.size()) {
    const SocketAddress target = stream.targets[stream.next_target++];
    const auto socket =
        shard_.io.connect(target, socket_user(SocketRole::kStream, stream.index, stream.generation),
                          {.no_delay = true, .keep_alive = true});
    if (!socket) continue;
    stream.socket = *socket;
    stream.application = target;
    return;
  }
  fail(stream, reason_of_errno(last_error), true);
}

void Portals::on_connected(Stream& stream, std::int32_t result) {
  if (stream.state != Stream::State::kDialling) return;
  if (result == 0) return opened(stream);
  // The failed socket's kClosed must not end the stream: it is only remembered until then.
  stream.dial_error = -result;
  shard_.io.close(stream.socket, false);
}

void Portals::opened(Stream& stream) {
  if (!stream.pong_sent && !send_pong(stream)) {
    return end(stream, StreamReason::kSessionLost, true);
  }
  stream.state = Stream::State::kOpen;
  stream.was_open = true;
  send_parked(stream);
  shard_.ready(stream.source);
}

bool Portals::send_pong(Stream& stream) {
  std::uint8_t pong[wire::kPortalControlBytesMax];
  const std::size_t size =
      stream.flags != 0 ? wire::put_portal_cap(pong, wire::PortalKind::kPong, own_cap(stream))
                        : wire::put_portal_simple(pong, wire::PortalKind::kPong);
  stream.pong_sent = true;
  return send_control(stream, {pong, size});
}

// docs/spec/09 section 1.1: the lower version, the flags that both set.
void Portals::agree(Stream& stream, const wire::PortalCap& cap) {
  const wire::PortalCap own = own_cap(stream);
  stream.flags = cap.flags & own.flags;
  if ((stream.flags & wire::kCapCredit) != 0) {
    stream.send_limit = cap.credit;
    stream.receive_limit = stream.window;
  } else {
    stream.receive_limit = ~std::uint64_t{0};
  }
}

// --- ends
// -----------------------------------------------------------------------------------------------

void Portals::route_lost(std::uint32_t index) {
  Stream& stream = streams_.at(index);
  if (stream.state == Stream::State::kClosing) return;
  // Everything was exchanged: only the application's side is still being written.
  if (stream.application_eof && stream.peer_eof) return;
  end(stream, StreamReason::kSessionLost, true);
}

void Portals::path_broken(std::uint32_t index) {
  Stream& stream = streams_.at(index);
  if (stream.state == Stream::State::kClosing || (stream.application_eof && stream.peer_eof))
    return;
  // Frames may be lost: the stream cannot go on, but the peer may come back and must be told then.
  if (stream.socket != kNoSocket && !stream.broken) {
    stream.broken = true;
    shard_.forget_source(stream.source);
    shard_.sources_go_on(stream.tx);
    shard_.io.close(stream.socket, true);
  }
}

void Portals::path_back(std::uint32_t index) {
  Stream& stream = streams_.at(index);
  if (stream.broken && stream.state != Stream::State::kClosing) {
    fail(stream, StreamReason::kSessionLost, true);
  }
}

void Portals::fail(Stream& stream, StreamReason reason, bool tell_peer) {
  if (stream.state == Stream::State::kClosing) return;
  if (tell_peer && stream.state != Stream::State::kWaitsForPong && stream.route.count != 0) {
    bool told = true;
    if (!stream.inlet && !stream.pong_sent) told = send_pong(stream);
    std::uint8_t bytes[wire::kPortalControlBytesMax];
    std::size_t size = 0;
    if ((stream.flags & wire::kCapReset) != 0) {
      const auto code = reason <= StreamReason::kSessionLost
                            ? static_cast<wire::ResetReason>(reason)
                            : wire::ResetReason::kUnknown;
      size = wire::put_reset(bytes, code, stream.sent);
    } else {
      size = wire::put_portal_simple(bytes, wire::PortalKind::kDisconnect);
    }
    if (told) send_control(stream, {bytes, size});
  }
  end(stream, reason, stream.was_open);
}

void Portals::end(Stream& stream, StreamReason reason, bool reset) {
  if (stream.state == Stream::State::kClosing) return;
  stream.state = Stream::State::kClosing;
  forget_sender(stream);
  shard_.table.remove_user(stream.user);
  shard_.forget_source(stream.source);
  shard_.sources_go_on(stream.tx);
  shard_.remove_entry(shard_.table.at(stream.entry));
  StreamEnded event;
  event.portal = stream.portal;
  event.was_open = stream.was_open;
  event.reason = static_cast<std::uint8_t>(reason);
  event.bytes_to_peer = stream.sent;
  event.bytes_from_peer = stream.received;
  event.application = stream.application;
  shard_.emit(event);
  if (stream.socket == kNoSocket) return release(stream);
  if (!stream.broken) shard_.io.close(stream.socket, reset);
}

void Portals::release(Stream& stream) {
  stream.tx.in_flight = false;
  stream.tx.clear(shard_.items, shard_.pool);
  if (stream.rx.buffer != nullptr) shard_.pool.unref(stream.rx.buffer);
  streams_.free(stream);
}

void Portals::on_closed(Stream& stream) {
  stream.socket = kNoSocket;
  if (stream.state == Stream::State::kClosing) return release(stream);
  if (stream.broken) {
    stream.tx.in_flight = false;
    return stream.tx.clear(shard_.items, shard_.pool);
  }
  if (stream.state == Stream::State::kDialling) return dial(stream, stream.dial_error);
}

void Portals::end_all() {
  streams_.for_each([&](Stream& stream) {
    if (stream.state != Stream::State::kClosing) end(stream, StreamReason::kShuttingDown, false);
  });
}

void Portals::watch(Stream& stream) {
  if (stream.watched) return;
  stream.watched = true;
  watched_.push_back({stream.index, stream.generation});
}

bool Portals::check_deadlines(std::uint64_t now_ns) {
  // What is watched anew meanwhile stands behind these.
  const std::size_t count = watched_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Watched each = watched_[i];
    Stream* stream = streams_.find(each.index, each.generation);
    if (stream == nullptr) continue;
    stream->watched = false;
    if (check(*stream, now_ns) && streams_.find(each.index, each.generation) != nullptr)
      watch(*stream);
  }
  watched_.erase(watched_.begin(), watched_.begin() + static_cast<std::ptrdiff_t>(count));
  return !watched_.empty();
}

bool Portals::check(Stream& stream, std::uint64_t now_ns) {
  const ShardLimits& limits = shard_.config.limits;
  if (stream.state != Stream::State::kOpen) return false;
  if (stream.tx.bytes <= limits.queue_low_bytes) {
    stream.full_since_ns = 0;
  } else if (stream.full_since_ns != 0 &&
             now_ns - stream.full_since_ns > limits.slow_application_ns) {
    fail(stream, StreamReason::kSlowApplication, true);
    return false;
  }
  // Nobody waits for what the application does not read any more.
  const bool stuck = stream.tx.stuck_since_ns != 0;
  if (stream.peer_eof && stuck && now_ns - stream.tx.stuck_since_ns > limits.stuck_ns) {
    end(stream, StreamReason::kSlowApplication, true);
    return false;
  }
  give_credit(stream);
  // A channel that could not take data may again.
  if (stream.state != Stream::State::kOpen) return false;
  if (!stream.rx.armed && !stream.application_eof) shard_.ready(stream.source);
  const bool has_credit = stream.send_limit > stream.sent;
  return stuck || stream.full_since_ns != 0 ||
         (!stream.rx.armed && !stream.application_eof && (has_credit || stream.eof_read));
}

}  // namespace weir
