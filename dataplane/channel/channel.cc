#include "dataplane/channel/channel.h"

#include <array>

#include "dataplane/route/address_space.h"
#include "dataplane/shard/shard.h"
#include "dataplane/telemetry/probes.h"
#include "dataplane/wire/channel_message.h"

namespace weir {
namespace {

std::uint32_t last_hop_at(const EncodedRoute& route) {
  std::uint32_t at = 0;
  for (std::uint32_t i = 0; i + 1 < route.count; ++i) {
    at += static_cast<std::uint32_t>(
        wire::canonical_address(ByteSpan(route.items).subspan(at)).encoded.size());
  }
  return at;
}

}  // namespace

void Channels::install(InstallChannel&& command) {
  Entry* decryptor = shard_.table.find(as_bytes(command.decryptor));
  if (decryptor == nullptr || decryptor->kind != EntryKind::kHandshake ||
      command.route.count == 0) {
    return shard_.emit(ChannelClosed{command.channel, ChannelEnd::kClosedHere});
  }
  Channel& channel = channels_.make();
  Entry* encryptor =
      shard_.table.add(as_bytes(command.encryptor), EntryKind::kEncryptor, channel.index);
  if (encryptor == nullptr) {
    channels_.free(channel);
    return shard_.emit(ChannelClosed{command.channel, ChannelEnd::kClosedHere});
  }
  channel.id = command.channel;
  by_id_[channel.id] = channel.index;
  channel.responder = command.responder;
  channel.encryptor_entry = encryptor->index;
  channel.decryptor_entry = decryptor->index;
  channel.flow = command.flow;
  channel.spawner = command.spawner;
  channel.principal = command.principal;
  channel.gates = command.gates;
  channel.linger_ms = command.linger_ms;
  channel.crypto = ChannelCrypto(next_serial_++, command.send_key, command.receive_key);
  channel.user.kind = RouteUser::Kind::kChannel;
  channel.user.object = channel.index;
  set_route(channel, std::move(command.route), kNoFlow);
  std::deque<MessageEvent> parked = shard_.router.take_parked(*decryptor);
  decryptor->kind = EntryKind::kDecryptor;
  decryptor->object = channel.index;
  decryptor->worker = 0;
  const std::uint32_t generation = channel.generation;
  shard_.emit(ChannelInstalled{channel.id});
  for (MessageEvent& event : parked) {
    if (channels_.find(channel.index, generation) == nullptr) break;  // a parked Close
    BufferRef hold(shard_.pool, shard_.pool.take_at_least(event.payload.size()));
    if (!hold) {
      shard_.counters.drop(DropReason::kMemory);
      continue;
    }
    if (!event.payload.empty()) std::memcpy(hold->data, event.payload.data(), event.payload.size());
    Packet packet;
    const Bytes own = to_bytes(decryptor->encoded_bytes());  // it may end while this is handled
    packet.onward = {own, 1, {}, 0};
    packet.ret = RouteRef::of(event.ret);
    packet.payload = {hold->data, event.payload.size()};
    packet.payload_buffer = hold.get();
    packet.link = event.link;
    shard_.router.dispatch(packet);
  }
}

void Channels::leave_remote(Channel& channel) {
  if (channel.remote_flow == kNoFlow) return;
  const auto at = by_remote_flow_.find(channel.remote_flow);
  std::erase(at->second, channel.index);
  if (at->second.empty()) by_remote_flow_.erase(at);
  channel.remote_flow = kNoFlow;
}

void Channels::flow_gone(FlowId flow) {
  const auto at = by_remote_flow_.find(flow);
  if (at == by_remote_flow_.end()) return;
  const std::vector<std::uint32_t> channels = at->second;
  for (const std::uint32_t index : channels) orphan(index);
}

void Channels::set_route(Channel& channel, EncodedRoute route, FlowId via) {
  shard_.table.remove_user(channel.user);
  leave_remote(channel);
  channel.route = std::move(route);
  channel.peer_at = last_hop_at(channel.route);
  const wire::AddressView first = wire::canonical_address(channel.route.items);
  Entry* entry = first.type == wire::kTypeLocal ? shard_.table.find(first.value) : nullptr;
  if (entry != nullptr) {
    AddressTable::add_user(*entry, channel.user);
  } else if (const auto owner = shard_of(first.value);
             first.type == wire::kTypeLocal && owner && *owner != shard_.config.id &&
             *owner < shard_.config.shard_count && via >> FlowIds::kBits == *owner) {
    channel.remote_flow = via;
    by_remote_flow_[via].push_back(channel.index);
  }
  const bool orphaned = entry == nullptr && channel.remote_flow == kNoFlow;
  if (orphaned != channel.orphaned) shard_.emit(ChannelOrphaned{channel.id, orphaned});
  if (orphaned && !channel.orphaned) {
    shard_.timers.set({shard_.now_ns + channel.linger_ms * kNsPerMs, Timer::Kind::kLinger,
                       channel.index, channel.generation});
  }
  const bool back = channel.orphaned && !orphaned;
  channel.orphaned = orphaned;
  if (back) tell_users(channel, false);
}

void Channels::orphan(std::uint32_t index) {
  Channel& channel = channels_.at(index);
  shard_.table.remove_user(channel.user);
  leave_remote(channel);
  if (channel.orphaned) return;
  channel.orphaned = true;
  shard_.timers.set({shard_.now_ns + channel.linger_ms * kNsPerMs, Timer::Kind::kLinger,
                     channel.index, channel.generation});
  shard_.emit(ChannelOrphaned{channel.id, true});
  tell_users(channel, true);
}

// The list changes while it is walked (a stream that ends leaves it): what is still to be told is
// kept.
void Channels::tell_users(Channel& channel, bool broken) {
  std::vector<RouteUser*> users;
  for (RouteUser* user = shard_.table.at(channel.encryptor_entry).users; user != nullptr;
       user = user->next) {
    users.push_back(user);
  }
  for (RouteUser* user : users) {
    if (user->kind == RouteUser::Kind::kChannel) {
      tell_users(channels_.at(user->object), broken);
    } else if (broken) {
      shard_.portals.path_broken(user->object);
    } else {
      shard_.portals.path_back(user->object);
    }
  }
}

bool Channels::passable(const Channel& channel, int depth) {
  if (channel.orphaned || !channel.crypto.can_seal()) return false;
  if (channel.user.entry == 0xffffffff) return channel.remote_flow != kNoFlow;
  const Entry& entry = shard_.table.at(channel.user.entry);
  if (entry.kind == EntryKind::kLink)
    return shard_.links.at(entry.object).state == Link::State::kOpen;
  if (entry.kind == EntryKind::kEncryptor) {
    return depth > 0 && passable(channels_.at(entry.object), depth - 1);
  }
  return true;
}

bool Channels::seal(std::uint32_t index, Packet& packet) {
  Channel& channel = channels_.at(index);
  if (!passable(channel, 8)) {
    shard_.counters.drop(channel.crypto.can_seal() ? DropReason::kChannelOrphaned
                                                   : DropReason::kChannelNonce);
    return false;
  }
  packet.onward.pop();
  const std::size_t content = packet.total_bytes();
  const wire::HeadRoute onward{packet.onward.first, packet.onward.second, packet.onward.count()};
  const wire::HeadRoute ret{packet.ret.first, packet.ret.second, packet.ret.count()};
  const std::size_t head = wire::channel_head_bytes(onward, ret, content);
  // What is too large for the frame below must be dropped now: a lost nonce hurts the peer.
  if (content + head + channel.route.items.size() + 1024 > wire::kMaxFrameBytes) {
    shard_.counters.drop(DropReason::kTooLarge);
    return false;
  }
  // Room for the transport's head as well, so that nothing can fail after the nonce.
  if (!shard_.arena.reserve(packet, head + kChannelNonceBytes + channel.route.items.size() + 64,
                            wire::kChannelTrailerBytes + kAeadTagBytes)) {
    shard_.counters.drop(DropReason::kMemory);
    return false;
  }
  packet.head_begin = wire::put_channel_head(packet.head_begin, onward, ret, content);
  *packet.append(wire::kChannelTrailerBytes) = wire::kChannelTrailer;
  const std::array<AeadSegment, 3> segments = {{{packet.head_begin, packet.head_bytes()},
                                                {packet.payload.data(), packet.payload.size()},
                                                {packet.head_end, packet.tail_bytes()}}};
  std::uint8_t* nonce = packet.head_begin - kChannelNonceBytes;
  time_stage(shard_.stages.get(), Stage::kSeal, [&] {
    channel.crypto.seal(shard_.aead, shard_.keys, segments, nonce, packet.append(kAeadTagBytes));
  });
  packet.head_begin = nonce;
  WEIR_PROBE(frame_sealed, shard_.config.id, channel.flow, packet.payload.size());
  packet.onward = RouteRef::of(channel.route);
  if (channel.remote_flow == kNoFlow) packet.next = &shard_.table.at(channel.user.entry);
  packet.ret = {};
  packet.origin = nullptr;
  packet.lane = lane_of_channel(shard_.config.id, index);
  packet.foreign = false;
  shard_.counters.add(Counter::kFramesSealed);
  return true;
}

bool Channels::open(std::uint32_t index, Packet& packet) {
  Channel& channel = channels_.at(index);
  if (!shard_.router.flatten(packet)) {
    shard_.counters.drop(DropReason::kMemory);
    return false;
  }
  const std::uint8_t* const frame_end =
      packet.payload.data() + packet.payload.size() + packet.payload_room;
  MutableByteSpan plaintext;
  std::uint64_t nonce = 0;
  const DropReason reason = time_stage(shard_.stages.get(), Stage::kOpen, [&] {
    return channel.crypto.open(shard_.aead, shard_.keys, packet.payload, plaintext, nonce);
  });
  if (reason != DropReason::kNone) {
    shard_.counters.drop(reason);
    return false;
  }
  shard_.counters.add(Counter::kFramesOpened);
  WEIR_PROBE(frame_opened, shard_.config.id, channel.flow, plaintext.size());
  wire::ChannelPlaintext inner;
  wire::ParseResult parsed = wire::parse_channel_plaintext(plaintext, {}, inner);
  BufferRef scratch;
  if (parsed == wire::ParseResult::kNeedsScratch) {
    scratch =
        BufferRef(shard_.pool, shard_.pool.take_at_least(wire::scratch_bytes(plaintext.size())));
    if (!scratch) {
      shard_.counters.drop(DropReason::kMemory);
      return false;
    }
    parsed = wire::parse_channel_plaintext(plaintext, {scratch->data, scratch->capacity}, inner);
  }
  if (parsed != wire::ParseResult::kOk) {
    shard_.counters.drop(DropReason::kChannelPlaintext);
    return false;
  }
  if (inner.variant == wire::ChannelVariant::kClose) {
    end(channel, false, ChannelEnd::kPeerClosed);
    return false;
  }
  if (inner.variant == wire::ChannelVariant::kRefresh) {
    shard_.emit(ChannelRefresh{channel.id, to_bytes(inner.body)});
    return false;
  }
  if (channel.responder && nonce > channel.roam_nonce)
    roam(channel, packet.ret, packet.flow, nonce);
  if (scratch) packet.route_hold = std::move(scratch);
  packet.onward = RouteRef::of(inner.onward);
  packet.origin = &shard_.table.at(channel.encryptor_entry);
  packet.ret = {packet.origin->encoded_bytes(), 1, inner.ret.items, inner.ret.count};
  packet.payload = inner.payload;
  packet.payload_room =
      static_cast<std::uint32_t>(frame_end - (inner.payload.data() + inner.payload.size()));
  packet.flow = channel.flow;
  packet.spawner = channel.spawner;
  packet.principal = channel.principal;
  packet.gates = channel.gates;
  packet.lane = lane_of_channel(shard_.config.id, index);
  packet.foreign = true;
  if (packet.onward.empty()) {
    shard_.counters.drop(DropReason::kEmptyRoute);
    return false;
  }
  return true;
}

// docs/spec/02 section 6.7: answers follow a peer that came by another connection.
void Channels::roam(Channel& channel, const RouteRef& outer, FlowId via, std::uint64_t nonce) {
  channel.roam_nonce = nonce;
  const std::size_t prefix = channel.peer_at;
  const ByteSpan now = ByteSpan(channel.route.items).first(prefix);
  const bool same = outer.bytes() == prefix && outer.count() + 1 == channel.route.count &&
                    equal(now.first(outer.first.size()), outer.first) &&
                    equal(now.subspan(outer.first.size()), outer.second);
  if (same && !channel.orphaned) return;
  EncodedRoute route;
  route.items.resize(outer.bytes());
  outer.copy_to(route.items.data());
  route.items.insert(route.items.end(),
                     channel.route.items.begin() + static_cast<std::ptrdiff_t>(prefix),
                     channel.route.items.end());
  route.count = outer.count() + 1;
  set_route(channel, std::move(route), via);
}

bool Channels::send_own(Channel& channel, ByteSpan plaintext) {
  if (!passable(channel, 8)) return false;
  Bytes frame(kChannelNonceBytes + plaintext.size() + kAeadTagBytes);
  std::uint8_t* text = frame.data() + kChannelNonceBytes;
  std::memcpy(text, plaintext.data(), plaintext.size());
  const std::array<AeadSegment, 1> segments = {{{text, plaintext.size()}}};
  channel.crypto.seal(shard_.aead, shard_.keys, segments, frame.data(), text + plaintext.size());
  const ByteSpan own = shard_.table.at(channel.encryptor_entry).encoded_bytes();
  shard_.router.send(channel.route, {to_bytes(own), 1}, frame,
                     lane_of_channel(shard_.config.id, channel.index));
  return true;
}

void Channels::set_gates(ControlId id, Gates gates) {
  const auto at = by_id_.find(id);
  if (at != by_id_.end()) channels_.at(at->second).gates = gates;
}

void Channels::send_refresh(const SendRefresh& command) {
  const auto at = by_id_.find(command.channel);
  if (at == by_id_.end()) return;
  send_own(channels_.at(at->second), wire::encode_channel_refresh(command.body));
}

void Channels::end(Channel& channel, bool send_close, ChannelEnd why) {
  if (send_close) send_own(channel, wire::kChannelClose);
  shard_.table.remove_user(channel.user);
  leave_remote(channel);
  channel.crypto.forget(shard_.keys);
  const ControlId id = channel.id;
  by_id_.erase(id);
  shard_.flow_gone(channel.flow);
  Entry& encryptor = shard_.table.at(channel.encryptor_entry);
  Entry& decryptor = shard_.table.at(channel.decryptor_entry);
  channels_.free(channel);
  shard_.remove_entry(encryptor);
  shard_.remove_entry(decryptor);
  shard_.emit(ChannelClosed{id, why});
}

void Channels::close(ControlId id, bool send_close, ChannelEnd why) {
  const auto at = by_id_.find(id);
  if (at != by_id_.end()) end(channels_.at(at->second), send_close, why);
}

void Channels::close_all() {
  // Inner channels first: their Close travels through the outer ones.
  bool more = true;
  for (int round = 0; more && round < 8; ++round) {
    more = false;
    channels_.for_each([&](Channel& channel) {
      if (shard_.table.at(channel.encryptor_entry).users != nullptr && round < 7) {
        more = true;
        return;
      }
      end(channel, true, ChannelEnd::kClosedHere);
    });
  }
}

void Channels::linger_over(std::uint32_t index, std::uint32_t generation) {
  Channel* channel = channels_.find(index, generation);
  if (channel != nullptr && channel->orphaned) end(*channel, false, ChannelEnd::kLingerOver);
}

}  // namespace weir
