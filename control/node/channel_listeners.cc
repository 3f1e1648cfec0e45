#include "control/node/internal/channel_listeners.h"

#include <algorithm>

namespace weir::control {

Status ChannelListeners::add(const ChannelListenerRequest& request) {
  if (request.address.empty()) return fail(Errc::kInvalid, "the address is empty");
  Listener listener{request, core_.flows.make()};
  const std::string address = request.address;
  const Status added = workers_.add({.address = address,
                                     .allowed = {core_.tcp_flow, listener.flow},
                                     .handle = [this, address](MessageEvent& message) {
                                       on_message1(address, message);
                                       return false;
                                     }});
  if (!added) return added;
  workers_.allow(listener.flow, kEchoAddress);
  workers_.allow(listener.flow, kUppercaseAddress);
  listeners_.emplace(address, std::move(listener));
  return {};
}

Status ChannelListeners::remove(const std::string& address) {
  const auto it = listeners_.find(address);
  if (it == listeners_.end()) {
    return fail(Errc::kNotFound, "secure channel listener not found", "0#" + address);
  }
  // Channels that it accepted go on; what its id may reach stays for them.
  workers_.remove(address);
  listeners_.erase(it);
  return {};
}

bool ChannelListeners::make_room(const LinkId& link) {
  const NodeLimits& limits = core_.config.limits;
  const auto mine = by_link_.find(link);
  if (mine != by_link_.end() && mine->second.size() >= limits.half_open_handshakes_per_link_max) {
    core_.count(ControlCounter::kHandshakesOverLinkLimit);
    return false;
  }
  if (responders_.size() < limits.half_open_handshakes_max) return true;
  const auto most = std::max_element(
      by_link_.begin(), by_link_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (most == by_link_.end()) return false;
  core_.count(ControlCounter::kHandshakesEvicted);
  drop(most->second.front());
  return true;
}

void ChannelListeners::on_message1(const std::string& address, MessageEvent& message) {
  const auto listener = listeners_.find(address);
  if (listener == listeners_.end()) return;
  core_.count(ControlCounter::kHandshakesStarted);
  if (channels_.full()) return core_.count(ControlCounter::kChannelsOverLimit);
  if (message.ret.count == 0) return core_.count(ControlCounter::kHandshakesMalformed);
  if (!make_room(message.link)) return;
  const ChannelListenerRequest& request = listener->second.request;
  auto responder = Responder::create(
      channels_.context(), channels_.handshake_options(request.identity, request.authorized));
  if (!responder) {
    core_.log(LogLevel::kError, "secure channel listener {}: {}", address,
              responder.error().text());
    return core_.count(ControlCounter::kHandshakesFailed);
  }
  auto message2 = responder->consume_message1(message.payload);
  if (!message2) return core_.count(ControlCounter::kHandshakesMalformed);

  const ControlId id = core_.next_id();
  Half& half = responders_[id];
  half.responder = std::make_unique<Responder>(std::move(*responder));
  half.peer = to_route(message.ret);
  half.link = message.link;
  by_link_[message.link].push_back(id);
  Channel& channel = half.channel;
  channel.id = id;
  channel.own = request.identity.value_or(core_.config.identity);
  channel.authorized = request.authorized;
  channel.shard =
      core_.shard_for(message.ret, message.link.generation != 0 ? message.link.shard : ShardId{0});
  channel.decryptor = core_.new_address(channel.shard);
  channel.encryptor = core_.new_address(channel.shard);
  channel.flow = core_.flows.make();
  channel.spawner = listener->second.flow;
  half.timer = core_.after_ms(core_.config.limits.half_open_handshake_ms, [this, id] {
    core_.count(ControlCounter::kHandshakesTimedOut);
    drop(id);
  });
  // Who may reach the listener may reach its responders (spec/04 3.4).
  const Status added = workers_.add({.address = channel.decryptor,
                                     .kind = WorkerKind::kHandshake,
                                     .allowed = workers_.flows_of(address),
                                     .handle = [this, id](MessageEvent& message3) {
                                       on_message3(id, message3);
                                       return false;
                                     }});
  CHECK(added.has_value());
  core_.send(channel.shard, SendMessage{std::move(message.ret), encoded_local(channel.decryptor),
                                        std::move(*message2)});
}

void ChannelListeners::on_message3(ControlId id, MessageEvent& message) {
  const auto it = responders_.find(id);
  if (it == responders_.end()) return;
  auto keys = it->second.responder->consume_message3(message.payload);
  if (!keys) {
    if (!it->second.responder->failed()) {
      core_.count(ControlCounter::kHandshakesMalformed);
      core_.send(it->second.channel.shard, HandshakeStep{it->second.channel.decryptor});
      return;
    }
    core_.count(ControlCounter::kHandshakesFailed);
    core_.log(LogLevel::kWarn, "secure channel refused: {}", keys.error().text());
    return drop(id);
  }
  Half half;
  forget(id, half);
  core_.count(ControlCounter::kHandshakesDone);
  if (channels_.full()) {
    core_.count(ControlCounter::kChannelsOverLimit);
    return workers_.remove(half.channel.decryptor);
  }
  half.channel.route = half.peer;
  channels_.install(std::move(half.channel), std::move(*keys), half.peer);
}

ChannelListeners::Half* ChannelListeners::forget(ControlId id, Half& out) {
  const auto it = responders_.find(id);
  if (it == responders_.end()) return nullptr;
  out = std::move(it->second);
  responders_.erase(it);
  core_.timers.cancel(out.timer);
  const auto link = by_link_.find(out.link);
  std::erase(link->second, id);
  if (link->second.empty()) by_link_.erase(link);
  return &out;
}

void ChannelListeners::drop(ControlId id) {
  Half half;
  if (forget(id, half) != nullptr) workers_.remove(half.channel.decryptor);
}

void ChannelListeners::on_link_down(const LinkId& id) {
  const auto it = by_link_.find(id);
  if (it == by_link_.end()) return;
  const std::deque<ControlId> ids = it->second;
  for (const ControlId half : ids) drop(half);
}

}  // namespace weir::control
