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
  core_.flows.add_producer(link.flow, {link.sender, link.receiver});
  links_[link.id] = link;
  core_.log(LogLevel::kDebug, "{} connection with {} is up",
            link.outgoing ? "outgoing" : "accepted", link.peer.text());
  if (event.request != 0) finish(event.request, link);
}

void Links::on_failed(const ConnectFailed& event) {
  finish(event.request, std::unexpected(connect_error(event.error)));
}

void Links::on_down(const LinkDown& event) {
  const auto it = links_.find(event.link);
  if (it == links_.end()) return;
  const Link link = std::move(it->second);
  links_.erase(it);
  core_.log(LogLevel::kDebug, "connection with {} ended (reason {})", link.peer.text(),
            event.reason);
  if (ended) ended(link);
  workers_.end_flow(link.flow);
  core_.flows.end(link.flow);
}

void Links::close(const LinkId& id) {
  if (!links_.contains(id)) return;
  core_.send(id.shard, CloseLink{id});
  on_down(LinkDown{id, 0});
}

void Links::close_all() {
  for (const ListenerInfo& listener : listeners_) core_.send(0, CloseListener{listener.id, false});
  listeners_.clear();
  while (!links_.empty()) close(links_.begin()->first);
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

const Link* Links::find(const LinkId& id) const {
  const auto it = links_.find(id);
  return it == links_.end() ? nullptr : &it->second;
}

const Link* Links::find(const std::string& text) const {
  const std::string_view worker = without_type(text);
  for (const auto& [id, link] : links_) {
    if (link.peer.text() == text || link.sender == worker || link.receiver == worker) return &link;
  }
  return nullptr;
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
