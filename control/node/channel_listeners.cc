#include "control/node/internal/channel_listeners.h"

#include <algorithm>

namespace weir::control {
namespace {

// Enough for a few messages: a wake-up for each would cost as much again.
constexpr std::uint64_t kWorkNs = 1'000'000;
// Dropping costs about 10 us in all: together a fortieth of a core, whoever sends and over however
// many connections.
constexpr std::uint64_t kLateCreditMs = 100;
constexpr std::size_t kLateCreditsAtOnce = 256;
constexpr std::uint32_t kWaitingOfOursMax = kMessageCredit / 4;

}  // namespace

Status ChannelListeners::add(const ChannelListenerRequest& request) {
  if (request.address.empty()) return fail(Errc::kInvalid, "the address is empty");
  Listener listener{request, core_.flows.make()};
  const std::string address = request.address;
  const Status added = workers_.add(
      {.address = address,
       .allowed = {core_.tcp_flow, listener.flow},
       .handle = [this, address](MessageEvent& message) { return on_message1(address, message); }});
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

HandshakeSource ChannelListeners::source_of(const LinkId& link) const {
  const SocketAddress* peer = links_.peer_of(link);
  return peer == nullptr ? HandshakeSource{} : handshake_source(*peer);
}

bool ChannelListeners::refuse(const LinkId& link) {
  if (link.generation == 0 || links_.is_outgoing(link)) return false;
  late_credits_.push_back(link);
  if (credit_timer_ == kNoTimer) give_credits_later();
  return true;
}

void ChannelListeners::give_credits_later() {
  credit_timer_ = core_.after_ms(kLateCreditMs, [this] {
    credit_timer_ = kNoTimer;
    for (std::size_t i = 0; i < kLateCreditsAtOnce && !late_credits_.empty(); ++i) {
      core_.message_done(late_credits_.front());
      late_credits_.pop_front();
    }
    if (!late_credits_.empty()) give_credits_later();
  });
}

bool ChannelListeners::over_link_limit(const LinkId& link) const {
  const auto mine = by_link_.find(link);
  return mine != by_link_.end() &&
         mine->second.size() >= core_.config.limits.half_open_handshakes_per_link_max;
}

bool ChannelListeners::make_room(const LinkId& link) {
  if (over_link_limit(link)) {
    core_.count(ControlCounter::kHandshakesOverLinkLimit);
    return false;
  }
  if (responders_.size() < core_.config.limits.half_open_handshakes_max) return true;
  const auto most = std::max_element(
      by_link_.begin(), by_link_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (most == by_link_.end()) return false;
  core_.count(ControlCounter::kHandshakesEvicted);
  drop(most->second.front());
  return true;
}

bool ChannelListeners::on_message1(const std::string& address, MessageEvent& message) {
  if (!listeners_.contains(address)) return false;
  core_.count(ControlCounter::kHandshakesStarted);
  if (message.ret.count == 0) {
    core_.count(ControlCounter::kHandshakesMalformed);
    return refuse(message.link);
  }
  if (channels_.full()) {
    core_.count(ControlCounter::kChannelsOverLimit);
    return refuse(message.link);
  }
  if (over_link_limit(message.link)) {
    core_.count(ControlCounter::kHandshakesOverLinkLimit);
    return refuse(message.link);
  }
  const bool known = share_.limited() && known_sources_.contains(source_of(message.link));
  return admit(known ? HandshakeLine::kKnown : HandshakeLine::kStranger, {address, 0, 0, {}},
               message);
}

bool ChannelListeners::on_message3(ControlId id, MessageEvent& message) {
  if (!responders_.contains(id)) return false;
  return admit(HandshakeLine::kThird, {{}, id, 0, {}}, message);
}

bool ChannelListeners::admit(HandshakeLine line, WaitingHandshake due, MessageEvent& message) {
  const LinkId link = message.link;
  const std::uint64_t now_ns = core_.now_ns();
  due.since_ns = now_ns;
  due.message = std::move(message);
  // What this node sends itself has no connection whose credit could wait.
  if (link.generation == 0 || (queue_.empty() && share_.may_work(now_ns))) {
    work(line, due);
    return false;
  }
  if (line != HandshakeLine::kThird && links_.is_outgoing(link) &&
      ++waiting_of_ours_[link] > kWaitingOfOursMax) {
    left_queue(link);
    core_.count(ControlCounter::kHandshakesOverShare);
    return false;
  }
  core_.count(ControlCounter::kHandshakesDelayed);
  if (const auto out = queue_.add(line, source_of(link), std::move(due))) {
    core_.count(ControlCounter::kHandshakesOverShare);
    left_queue(out->message.link);
    if (!refuse(out->message.link)) core_.message_done(out->message.link);
  }
  wait_for_share();
  return true;
}

void ChannelListeners::left_queue(const LinkId& link) {
  const auto waiting = waiting_of_ours_.find(link);
  if (waiting == waiting_of_ours_.end()) return;
  if (--waiting->second == 0) waiting_of_ours_.erase(waiting);
}

void ChannelListeners::wait_for_share() {
  if (share_timer_ != kNoTimer || queue_.empty()) return;
  const std::uint64_t ready_ns = core_.now_ns() + share_.wait_ns(kWorkNs);
  share_timer_ = core_.timers.start(ready_ns, [this] {
    share_timer_ = kNoTimer;
    work_off();
  });
}

void ChannelListeners::work_off() {
  const std::uint64_t patience_ns = core_.config.limits.half_open_handshake_ms * kNsPerMs;
  while (!queue_.empty() && share_.may_work(core_.now_ns())) {
    auto next = queue_.take();
    if (!next) break;
    if (next->line != HandshakeLine::kThird) left_queue(next->waiting.message.link);
    if (core_.now_ns() - next->waiting.since_ns > patience_ns) {
      core_.count(ControlCounter::kHandshakesTooLate);  // nobody waits for it any more
    } else {
      work(next->line, next->waiting);
    }
    core_.message_done(next->waiting.message.link);
  }
  wait_for_share();
}

void ChannelListeners::work(HandshakeLine line, WaitingHandshake& due) {
  const std::uint64_t before_ns = share_.limited() ? core_.clock.thread_cpu_ns() : 0;
  if (line == HandshakeLine::kThird) {
    finish(due.id, due.message);
  } else {
    answer(due.listener, due.message);
  }
  if (share_.limited()) share_.charge(core_.clock.thread_cpu_ns() - before_ns);
}

void ChannelListeners::answer(const std::string& address, MessageEvent& message) {
  const auto listener = listeners_.find(address);
  if (listener == listeners_.end()) return;
  if (!make_room(message.link)) return;
  const ChannelListenerRequest& request = listener->second.request;
  auto responder = Responder::create(
      channels_.context(), channels_.listener_options(request.identity, request.authorized));
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
  channel.authorized = request.authorized;
  channel.identity = request.identity;
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
  const Status added = workers_.add(
      {.address = channel.decryptor,
       .kind = WorkerKind::kHandshake,
       .allowed = workers_.flows_of(address),
       .handle = [this, id](MessageEvent& message3) { return on_message3(id, message3); }});
  CHECK(added.has_value());
  core_.send(channel.shard, SendMessage{std::move(message.ret), encoded_local(channel.decryptor),
                                        std::move(*message2)});
}

void ChannelListeners::finish(ControlId id, MessageEvent& message) {
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
  if (share_.limited() && keys->met_before) known_sources_.add(source_of(half.link));
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
  queue_.forget(id);
  waiting_of_ours_.erase(id);
  const auto it = by_link_.find(id);
  if (it == by_link_.end()) return;
  const std::deque<ControlId> ids = it->second;
  for (const ControlId half : ids) drop(half);
}

}  // namespace weir::control
