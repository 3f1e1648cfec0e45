#include "control/node/internal/channels.h"

namespace weir::control {

HandshakeOptions Channels::handshake_options(
    const std::optional<Identifier>& identity,
    const std::optional<std::vector<Identifier>>& authorized) {
  HandshakeOptions options;
  options.identity = identity.value_or(core_.config.identity);
  options.trust = authorized ? TrustPolicy::only(*authorized) : TrustPolicy::everyone();
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
  auto initiator =
      Initiator::create(context(), handshake_options(options.identity, options.authorized));
  if (!initiator) {
    done(pass(initiator));
    return 0;
  }
  const ControlId id = core_.next_id();
  EncodedRoute route = to_encoded(to);
  Attempt& attempt = attempts_[id];
  attempt.initiator = std::make_unique<Initiator>(std::move(*initiator));
  attempt.done = std::move(done);
  Channel& channel = attempt.channel;
  channel.id = id;
  channel.initiator = true;
  channel.own = options.identity.value_or(core_.config.identity);
  channel.authorized = std::move(options.authorized);
  channel.route = to;
  channel.shard = core_.shard_for(route);
  channel.decryptor = core_.new_address(channel.shard);
  channel.encryptor = core_.new_address(channel.shard);
  channel.flow = core_.flows.make();
  attempt.timer = core_.after_ms(options.timeout_ms, [this, id] {
    core_.count(ControlCounter::kHandshakesTimedOut);
    fail_attempt(id, {Errc::kTimeout, "no answer to the secure channel handshake in time", {}});
  });
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
  return id;
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
  install(channel, std::move(result->channel), to_route(message.ret));
  done(channels_.at(id));
}

void Channels::install(Channel channel, ChannelKeys keys, const wire::Route& peer_route) {
  channel.peer = keys.peer;
  channel.principal = core_.principals.acquire(keys.peer);
  for (const std::string& why : keys.skipped_credentials) {
    core_.log(LogLevel::kWarn, "credential of {} ignored: {}", keys.peer.text(), why);
  }
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
  command.linger_ms = core_.config.channel_linger_ms;
  core_.send(channel.shard, std::move(command));
  core_.flows.add_producer(channel.flow, {channel.encryptor});
  core_.count(ControlCounter::kChannelsOpened);
  core_.log(LogLevel::kDebug, "secure channel {} with {} is open", channel.encryptor,
            channel.peer.text());
  by_worker_[channel.encryptor] = channel.id;
  by_worker_[channel.decryptor] = channel.id;
  channels_[channel.id] = std::move(channel);
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
  const Channel channel = std::move(it->second);
  channels_.erase(it);
  by_worker_.erase(channel.encryptor);
  by_worker_.erase(channel.decryptor);
  core_.count(ControlCounter::kChannelsClosed);
  core_.log(LogLevel::kDebug, "secure channel {} with {} ended", channel.encryptor,
            channel.peer.text());
  if (ended) ended(channel);
  workers_.remove(channel.decryptor);
  workers_.end_flow(channel.flow);
  core_.flows.end(channel.flow);
  core_.principals.release(channel.principal);
}

void Channels::on_closed(const ChannelClosed& event) { remove(event.channel); }

void Channels::on_orphaned(const ChannelOrphaned& event) {
  const auto it = channels_.find(event.channel);
  if (it == channels_.end() || it->second.orphaned == event.orphaned) return;
  it->second.orphaned = event.orphaned;
  if (event.orphaned && orphaned) {
    const Channel channel = it->second;
    orphaned(channel);
  }
}

void Channels::on_refresh(const ChannelRefresh& event) {
  const Channel* channel = find(event.channel);
  if (channel == nullptr) return;
  const auto result = accept_refresh(core_.identities, channel->peer, {}, event.body);
  if (result) return;
  core_.count(ControlCounter::kRefreshesRefused);
  core_.log(LogLevel::kWarn, "credentials of {} not accepted: {}", channel->peer.text(),
            result.error().text());
}

const Channel* Channels::find(ControlId id) const {
  const auto it = channels_.find(id);
  return it == channels_.end() ? nullptr : &it->second;
}

const Channel* Channels::by_encryptor(const WorkerAddress& address) const {
  const Channel* channel = by_address(address);
  return channel != nullptr && channel->encryptor == address ? channel : nullptr;
}

const Channel* Channels::by_address(std::string_view text) const {
  if (text.starts_with("0#")) text.remove_prefix(2);
  const auto it = by_worker_.find(WorkerAddress(text));
  return it == by_worker_.end() ? nullptr : find(it->second);
}

}  // namespace weir::control
