#include "control/node/internal/channels.h"

#include <algorithm>

#include "control/handshake/identity_payload.h"
#include "control/node/internal/own_credentials.h"

namespace weir::control {

HandshakeOptions Channels::handshake_options(
    const std::optional<Identifier>& identity,
    const std::optional<std::vector<Identifier>>& authorized) {
  HandshakeOptions options;
  options.identity = identity.value_or(core_.config.identity);
  options.trust = authorized ? TrustPolicy::only(*authorized) : TrustPolicy::everyone();
  options.authorities = core_.config.authorities;
  return options;
}

HandshakeOptions Channels::listener_options(
    const std::optional<Identifier>& identity,
    const std::optional<std::vector<Identifier>>& authorized) {
  HandshakeOptions options = handshake_options(identity, authorized);
  if (own_credentials) options.credentials = own_credentials->current(options.identity);
  return options;
}

ControlId Channels::create(const wire::Route& to, ChannelOptions options, Done<Channel> done) {
  if (to.empty()) {
    done(fail(Errc::kInvalid, "the route to the secure channel listener is empty"));
    return 0;
  }
  if (full()) {
    core_.count(ControlCounter::kChannelsOverLimit);
    done(fail(Errc::kExhausted, "too many secure channels"));
    return 0;
  }
  const ControlId id = core_.next_id();
  const EncodedRoute route = to_encoded(to);
  Attempt& attempt = attempts_[id];
  attempt.done = std::move(done);
  Channel& channel = attempt.channel;
  channel.id = id;
  channel.initiator = true;
  channel.authorized = options.authorized;
  channel.identity = options.identity;
  channel.route = to;
  channel.shard = core_.shard_for(route);
  channel.decryptor = core_.new_address(channel.shard);
  channel.encryptor = core_.new_address(channel.shard);
  channel.flow = core_.flows.make();
  attempt.timer = core_.after_ms(options.timeout_ms, [this, id] {
    core_.count(ControlCounter::kHandshakesTimedOut);
    fail_attempt(id, {Errc::kTimeout, "no answer to the secure channel handshake in time", {}});
  });
  attempt.options = std::move(options);
  if (own_credentials == nullptr || !attempt.options.present_credential) {
    begin(id, {});
    return id;
  }
  own_credentials->get(attempt.options.identity.value_or(core_.config.identity),
                       [this, id](Result<std::vector<Bytes>> credentials) {
                         if (!credentials) return fail_attempt(id, std::move(credentials.error()));
                         begin(id, std::move(*credentials));
                       });
  return id;
}

void Channels::begin(ControlId id, std::vector<Bytes> credentials) {
  const auto it = attempts_.find(id);
  if (it == attempts_.end()) return;
  Attempt& attempt = it->second;
  const Channel& channel = attempt.channel;
  HandshakeOptions options =
      handshake_options(attempt.options.identity, attempt.options.authorized);
  options.credentials = std::move(credentials);
  auto initiator = Initiator::create(context(), std::move(options));
  if (!initiator) return fail_attempt(id, std::move(initiator.error()));
  attempt.initiator = std::make_unique<Initiator>(std::move(*initiator));
  EncodedRoute route = to_encoded(channel.route);
  core_.count(ControlCounter::kHandshakesStarted);
  const Status added = workers_.add({.address = channel.decryptor,
                                     .kind = WorkerKind::kHandshake,
                                     .allowed = {core_.flows.behind(route)},
                                     .handle = [this, id](MessageEvent& message) {
                                       on_message2(id, message);
                                       return false;
                                     }});
  CHECK(added.has_value());
  core_.send_message(std::move(route), encoded_local(channel.decryptor),
                     attempt.initiator->message1());
}

void Channels::on_message2(ControlId id, MessageEvent& message) {
  const auto it = attempts_.find(id);
  if (it == attempts_.end()) return;
  auto result = it->second.initiator->consume_message2(message.payload);
  if (!result) {
    if (it->second.initiator->failed()) {
      core_.count(ControlCounter::kHandshakesFailed);
      return fail_attempt(id, std::move(result.error()));
    }
    core_.count(ControlCounter::kHandshakesMalformed);
    core_.send_to_owner(it->second.channel.decryptor, HandshakeStep{it->second.channel.decryptor});
    return;
  }
  core_.timers.cancel(it->second.timer);
  Channel channel = std::move(it->second.channel);
  const Done<Channel> done = std::move(it->second.done);
  attempts_.erase(it);
  // Message 3 first: data of the channel must not overtake it.
  core_.send(channel.shard, SendMessage{message.ret, encoded_local(channel.decryptor),
                                        std::move(result->message3)});
  core_.count(ControlCounter::kHandshakesDone);
  install(std::move(channel), std::move(result->channel), to_route(message.ret));
  done(*find(id));
}

Channels::Stored Channels::packed(const Channel& channel) const {
  Stored stored;
  const auto encryptor = RandomName::of(channel.encryptor);
  const auto decryptor = RandomName::of(channel.decryptor);
  CHECK(encryptor && decryptor);  // we drew them
  stored.encryptor = *encryptor;
  stored.decryptor = *decryptor;
  stored.principal = channel.principal;
  stored.flow = channel.flow;
  stored.spawner = channel.spawner;
  stored.shard = channel.shard;
  stored.initiator = channel.initiator;
  stored.orphaned = channel.orphaned;
  if (channel.identity && *channel.identity != core_.config.identity) {
    stored.identity = std::make_unique<Identifier>(*channel.identity);
  }
  // Only shown to operators: one that no message could carry is left out.
  const wire::RouteView route = channel.route.view();
  if (route.count <= 0xff && route.items.size() <= 0xffff) {
    stored.route_hops = static_cast<std::uint8_t>(route.count);
    stored.route_bytes = static_cast<std::uint16_t>(route.items.size());
    stored.route = std::make_unique<std::uint8_t[]>(route.items.size());
    std::ranges::copy(route.items, stored.route.get());
  }
  if (channel.authorized) {
    stored.authorized = std::make_unique<std::vector<Identifier>>(*channel.authorized);
  }
  return stored;
}

Channel Channels::unpacked(ControlId id, const Stored& stored) const {
  Channel channel;
  channel.id = id;
  channel.initiator = stored.initiator;
  channel.peer = core_.principals.identifier(stored.principal).value_or(Identifier{});
  channel.principal = stored.principal;
  channel.encryptor = stored.encryptor.text();
  channel.decryptor = stored.decryptor.text();
  channel.shard = stored.shard;
  channel.flow = stored.flow;
  channel.spawner = stored.spawner;
  channel.route =
      wire::Route(wire::RouteView{{stored.route.get(), stored.route_bytes}, stored.route_hops});
  if (stored.authorized) channel.authorized = *stored.authorized;
  channel.orphaned = stored.orphaned;
  return channel;
}

void Channels::install(Channel channel, ChannelKeys keys, const wire::Route& peer_route) {
  channel.peer = keys.peer;
  for (const std::string& why : keys.skipped_credentials) {
    core_.count(ControlCounter::kCredentialsSkipped);
    core_.log(LogLevel::kWarn, "credential of {} ignored: {}", keys.peer.text(), why);
  }
  if (!keys.credentials.empty()) {
    core_.count(ControlCounter::kCredentialsAccepted, keys.credentials.size());
    rights_.accept(keys.peer, keys.credentials);
    if (credential_shown) credential_shown();
  }
  // Only now: rights that a stranger has shown for the first time change nothing for any channel.
  channel.principal = core_.principals.acquire(keys.peer);
  InstallChannel command;
  command.channel = channel.id;
  command.decryptor = channel.decryptor;
  command.encryptor = channel.encryptor;
  command.responder = !channel.initiator;
  command.send_key = std::move(keys.send_key);
  command.receive_key = std::move(keys.receive_key);
  command.route = to_encoded(peer_route);
  command.flow = channel.flow;
  command.spawner = channel.spawner;
  command.principal = channel.principal;
  command.gates = rights_.gates_of(channel.peer);
  const Gates gates = command.gates;
  command.linger_ms = core_.config.channel_linger_ms;
  core_.send(channel.shard, std::move(command));
  workers_.drop_handler(channel.decryptor);
  Stored& stored = channels_[channel.id] = packed(channel);
  stored.gates = gates;
  core_.flows.add_producer(channel.flow, stored.encryptor);
  core_.count(ControlCounter::kChannelsOpened);
  core_.log(LogLevel::kDebug, "secure channel {} with {} is open", channel.encryptor,
            channel.peer.text());
}

void Channels::fail_attempt(ControlId id, Error error) {
  const auto it = attempts_.find(id);
  if (it == attempts_.end()) return;
  const Done<Channel> done = std::move(it->second.done);
  close(id);
  done(std::unexpected(std::move(error)));
}

void Channels::close(ControlId id) {
  if (const auto it = attempts_.find(id); it != attempts_.end()) {
    core_.timers.cancel(it->second.timer);
    workers_.remove(it->second.channel.decryptor);
    attempts_.erase(it);
    return;
  }
  const auto it = channels_.find(id);
  if (it == channels_.end()) return;
  core_.send(it->second.shard, CloseChannel{id, true});
  remove(id);
}

void Channels::close_all() {
  while (!attempts_.empty()) close(attempts_.begin()->first);
  // The last made first: a channel inside another one still has its carrier when it says Close.
  while (!channels_.empty()) close(channels_.rbegin()->first);
}

void Channels::close_accepted() {
  std::vector<ControlId> ids;
  for (const auto& [id, channel] : channels_) {
    if (!channel.initiator) ids.push_back(id);
  }
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) close(*id);
}

void Channels::remove(ControlId id) {
  const auto it = channels_.find(id);
  if (it == channels_.end()) return;
  const Channel channel = unpacked(id, it->second);
  const std::array<RandomName, 1> names = {it->second.encryptor};
  channels_.erase(it);
  core_.count(ControlCounter::kChannelsClosed);
  core_.log(LogLevel::kDebug, "secure channel {} with {} ended", channel.encryptor,
            channel.peer.text());
  if (ended) ended(channel);
  workers_.remove(channel.decryptor);
  workers_.end_flow(channel.flow);
  core_.flows.end(channel.flow, names);
  core_.principals.release(channel.principal);
}

void Channels::on_closed(const ChannelClosed& event) { remove(event.channel); }

void Channels::on_orphaned(const ChannelOrphaned& event) {
  const auto it = channels_.find(event.channel);
  if (it == channels_.end() || it->second.orphaned == event.orphaned) return;
  it->second.orphaned = event.orphaned;
  if (event.orphaned && orphaned) {
    orphaned(unpacked(event.channel, it->second));
  }
}

void Channels::on_refresh(const ChannelRefresh& event) {
  const auto channel = find(event.channel);
  if (!channel) return;
  const auto result =
      accept_refresh(core_.identities, channel->peer, core_.config.authorities, event.body);
  if (result) {
    for (const std::string& why : result->skipped_credentials) {
      core_.count(ControlCounter::kCredentialsSkipped);
      core_.log(LogLevel::kWarn, "credential of {} ignored: {}", channel->peer.text(), why);
    }
    core_.count(ControlCounter::kCredentialsAccepted, result->credentials.size());
    return rights_.accept(channel->peer, result->credentials);
  }
  core_.count(ControlCounter::kRefreshesRefused);
  core_.log(LogLevel::kWarn, "credentials of {} not accepted: {}", channel->peer.text(),
            result.error().text());
}

std::vector<PrincipalId> Channels::rights_changed(const std::optional<Identifier>& peer) {
  std::vector<PrincipalId> losers;
  const PrincipalId only = peer ? core_.principals.find(*peer) : kNoPrincipal;
  if (peer && only == kNoPrincipal) return losers;
  // Identities have few channels each, but there may be very many in all: each is decided once.
  std::map<PrincipalId, Gates> decided;
  for (auto& [id, channel] : channels_) {
    if (peer && channel.principal != only) continue;
    auto known = decided.find(channel.principal);
    if (known == decided.end()) {
      const auto who = core_.principals.identifier(channel.principal);
      if (!who) continue;
      known = decided.emplace(channel.principal, rights_.gates_of(*who)).first;
    }
    if (channel.gates == known->second) continue;
    if ((channel.gates & ~known->second) != 0) losers.push_back(channel.principal);
    channel.gates = known->second;
    core_.count(ControlCounter::kRightsChanged);
    core_.send(channel.shard, SetGates{id, channel.gates});
  }
  std::sort(losers.begin(), losers.end());
  losers.erase(std::unique(losers.begin(), losers.end()), losers.end());
  return losers;
}

void Channels::show_credential(const Identifier& identity, const Bytes& credential) {
  const auto history = core_.identities.export_bytes(identity);
  if (!history) return;
  const Bytes body = encode_refresh(*history, std::vector<Bytes>{credential});
  for (const auto& [id, channel] : channels_) {
    const Identifier& own = channel.identity ? *channel.identity : core_.config.identity;
    if (own == identity) core_.send(channel.shard, SendRefresh{id, body});
  }
}

std::optional<Channel> Channels::find(ControlId id) const {
  const auto it = channels_.find(id);
  if (it == channels_.end()) return std::nullopt;
  return unpacked(id, it->second);
}

std::vector<ControlId> Channels::ids() const {
  std::vector<ControlId> ids;
  ids.reserve(channels_.size());
  for (const auto& [id, channel] : channels_) ids.push_back(id);
  return ids;
}

std::optional<Channel> Channels::by_encryptor(const WorkerAddress& address) const {
  auto channel = by_address(address);
  if (channel && channel->encryptor != address) channel.reset();
  return channel;
}

std::optional<Channel> Channels::by_address(std::string_view text) const {
  if (text.starts_with("0#")) text.remove_prefix(2);
  const auto name = RandomName::of(text);
  if (!name) return std::nullopt;
  for (const auto& [id, channel] : channels_) {
    if (channel.encryptor == *name || channel.decryptor == *name) return unpacked(id, channel);
  }
  return std::nullopt;
}

}  // namespace weir::control
