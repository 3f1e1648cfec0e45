#include "control/node/internal/links.h"

#include <cerrno>
#include <cstring>

namespace weir::control {
namespace {

Error connect_error(int error) {
  switch (error) {
    case ECONNREFUSED:
      return {Errc::kRefused, "connection peer was not found", "connection refused"};
    case ETIMEDOUT:
      return {Errc::kTimeout, "connection timed out", {}};
    default:
      return {Errc::kIo, "generic I/O failure", std::strerror(error)};
  }
}

std::string_view without_type(std::string_view text) {
  return text.starts_with("0#") ? text.substr(2) : text;
}

}  // namespace

ControlId Links::connect(const std::string& host, std::uint16_t port, std::uint64_t timeout_ms,
                         std::optional<ShardId> shard, Done<Link> done) {
  const ControlId id = core_.next_id();
  attempts_[id].done = std::move(done);
  core_.resolver.resolve(
      host, port, [this, id, timeout_ms, shard](Result<std::vector<SocketAddress>> addresses) {
        const auto it = attempts_.find(id);
        if (it == attempts_.end()) return;
        if (!addresses) return finish(id, pass(addresses));
        it->second.connecting = true;
        it->second.flow = core_.flows.make();
        ConnectLink command;
        command.request = id;
        command.addresses = std::move(*addresses);
        command.flow = it->second.flow;
        command.timeout_ms = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::max<std::uint64_t>(timeout_ms, 1), 3'600'000));
        core_.send(shard.value_or(core_.next_shard()), std::move(command));
      });
  return id;
}

void Links::cancel(ControlId attempt) { attempts_.erase(attempt); }

void Links::finish(ControlId attempt, Result<Link> result) {
  const auto it = attempts_.find(attempt);
  if (it == attempts_.end()) return;
  const Done<Link> done = std::move(it->second.done);
  attempts_.erase(it);
  done(std::move(result));
}

void Links::on_up(const LinkUp& event) {
  if (event.request != 0 && !attempts_.contains(event.request)) {
    core_.send(event.link.shard, CloseLink{event.link});  // cancelled meanwhile
    return;
  }
  Link link{event.link,     event.flow, event.spawner,     event.sender,
            event.receiver, event.peer, event.request != 0};
  const auto sender = RandomName::of(link.sender);
  const auto receiver = RandomName::of(link.receiver);
  CHECK(sender && receiver);
  core_.flows.add_producer(link.flow, *sender);
  core_.flows.add_producer(link.flow, *receiver);
  if (links_.size() <= link.id.shard) links_.resize(std::size_t{link.id.shard} + 1);
  std::deque<Stored>& table = links_[link.id.shard];
  if (table.size() <= link.id.index) table.resize(std::size_t{link.id.index} + 1);
  table[link.id.index] = {link.id.generation, link.flow, link.spawner, *sender,
                          *receiver,          link.peer, link.outgoing};
  core_.log(LogLevel::kDebug, "{} connection with {} is up",
            link.outgoing ? "outgoing" : "accepted", link.peer.text());
  if (event.request != 0) finish(event.request, link);
}

void Links::on_failed(const ConnectFailed& event) {
  finish(event.request, std::unexpected(connect_error(event.error)));
}

void Links::on_down(const LinkDown& event) {
  const Stored* known = stored(event.link);
  if (known == nullptr) return;
  const Link link = unpacked(event.link.shard, event.link.index, *known);
  const std::array<RandomName, 2> names = {known->sender, known->receiver};
  links_[event.link.shard][event.link.index] = Stored{};
  core_.log(LogLevel::kDebug, "connection with {} ended (reason {})", link.peer.text(),
            event.reason);
  if (ended) ended(link);
  workers_.end_flow(link.flow);
  core_.flows.end(link.flow, names);
}

void Links::close(const LinkId& id) {
  if (stored(id) == nullptr) return;
  core_.send(id.shard, CloseLink{id});
  on_down(LinkDown{id, 0});
}

void Links::close_all() {
  for (const ListenerInfo& listener : listeners_) core_.send(0, CloseListener{listener.id, false});
  listeners_.clear();
  for (const Link& link : all()) close(link.id);
}

void Links::listen(const SocketAddress& address, FlowId flow, Done<ListenerInfo> done) {
  open_listener(address, {core_.next_id(), core_.new_address(0), {}, flow}, std::move(done));
}

void Links::open_listener(const SocketAddress& address, ListenerInfo listener,
                          Done<ListenerInfo> done) {
  const ControlId id = listener.id;
  const FlowId flow = listener.flow;
  core_.listening[id] = [this, address, listener = std::move(listener),
                         done = std::move(done)](const Listening& event) mutable {
    if (event.error == EADDRINUSE && core_.may_retry_address()) {
      core_.after_ms(NodeCore::kAddressRetryMs,
                     [this, address, listener, done] { open_listener(address, listener, done); });
      return;
    }
    if (event.error != 0) {
      return done(fail(event.error == EADDRINUSE ? Errc::kAlreadyExists : Errc::kIo,
                       "generic I/O failure", std::strerror(event.error)));
    }
    listener.bound = event.bound;
    core_.log(LogLevel::kInfo, "TCP listener at {}", listener.bound.text());
    listeners_.push_back(listener);
    done(std::move(listener));
  };
  core_.send(0, ListenTransport{id, address, flow});
}

Status Links::close_listener(const WorkerAddress& address) {
  for (auto it = listeners_.begin(); it != listeners_.end(); ++it) {
    if (it->address != address) continue;
    core_.send(0, CloseListener{it->id, false});
    // Accepted connections go on, and so does what they may reach (spec/01 6.5): the id stays.
    listeners_.erase(it);
    return {};
  }
  return fail(Errc::kNotFound, "no such listener");
}

const Links::Stored* Links::stored(const LinkId& id) const {
  if (id.shard >= links_.size() || id.index >= links_[id.shard].size()) return nullptr;
  const Stored& link = links_[id.shard][id.index];
  return link.generation == id.generation && id.generation != 0 ? &link : nullptr;
}

Link Links::unpacked(ShardId shard, std::size_t index, const Stored& link) {
  return {{shard, static_cast<std::uint32_t>(index), link.generation},
          link.flow,
          link.spawner,
          link.sender.text(),
          link.receiver.text(),
          link.peer,
          link.outgoing};
}

std::vector<Link> Links::all() const {
  std::vector<Link> result;
  for (std::size_t shard = 0; shard < links_.size(); ++shard) {
    for (std::size_t i = 0; i < links_[shard].size(); ++i) {
      const Stored& link = links_[shard][i];
      if (link.generation == 0) continue;
      result.push_back(unpacked(static_cast<ShardId>(shard), i, link));
    }
  }
  return result;
}

std::optional<Link> Links::find(const LinkId& id) const {
  const Stored* link = stored(id);
  if (link == nullptr) return std::nullopt;
  return unpacked(id.shard, id.index, *link);
}

const SocketAddress* Links::peer_of(const LinkId& id) const {
  const Stored* link = stored(id);
  return link == nullptr ? nullptr : &link->peer;
}

bool Links::is_outgoing(const LinkId& id) const {
  const Stored* link = stored(id);
  return link != nullptr && link->outgoing;
}

std::optional<Link> Links::find(const std::string& text) const {
  if (const auto name = RandomName::of(without_type(text))) {
    return first(
        [&](const Stored& link) { return link.sender == *name || link.receiver == *name; });
  }
  const auto peer = SocketAddress::parse(text);
  if (!peer) return std::nullopt;
  return first([&](const Stored& link) { return link.peer == *peer; });
}

const ListenerInfo* Links::find_listener(const std::string& text) const {
  const std::string_view worker = without_type(text);
  for (const ListenerInfo& listener : listeners_) {
    if (listener.bound.text() == text || listener.address == worker) return &listener;
  }
  return nullptr;
}

TransportInfo Links::info(const Link& link) {
  return {link.outgoing ? TransportMode::kOutgoing : TransportMode::kIncoming, link.peer,
          link.sender, link.receiver, core_.flows.text(link.flow)};
}

TransportInfo Links::info(const ListenerInfo& listener) {
  return {TransportMode::kListen, listener.bound, "<none>", listener.address,
          core_.flows.text(listener.flow)};
}

}  // namespace weir::control
