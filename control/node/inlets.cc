#include "control/node/internal/inlets.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dataplane/portal/stream_reason.h"
#include "dataplane/wire/cbor.h"

namespace weir::control {
namespace {

std::uint64_t channel_timeout_ms(unsigned timeouts, std::uint64_t most_ms) {
  return std::min<std::uint64_t>(1'000ULL << std::min(timeouts, 5U),
                                 std::max<std::uint64_t>(most_ms, 1));
}

}  // namespace

Inlets::~Inlets() {
  for (auto& [alias, inlet] : inlets_) core_.timers.cancel(inlet->answer_timer);
}

void Inlets::create(const InletRequest& request, Done<InletStatus> done) {
  if (inlets_.contains(request.alias)) {
    return done(fail(Errc::kAlreadyExists, "A TCP inlet with that alias already exists",
                     "A TCP inlet with alias '" + request.alias + "' already exists"));
  }
  auto owned = std::make_unique<Inlet>();
  Inlet& inlet = *owned;
  inlets_.emplace(request.alias, std::move(owned));
  inlet.id = core_.next_id();
  inlet.worker = core_.new_address(0);
  inlet.request = request;
  inlet.answer = std::move(done);
  by_id_[inlet.id] = &inlet;
  const std::string alias = request.alias;
  const ControlId id = inlet.id;
  core_.resolver.resolve(
      request.listen.hostname, request.listen.port,
      [this, alias, id](Result<std::vector<SocketAddress>> addresses) {
        const auto it = by_id_.find(id);
        if (it == by_id_.end()) return;
        if (addresses) {
          // IPv4 preferred (spec/05 9.1).
          const auto v4 = std::find_if(addresses->begin(), addresses->end(),
                                       [](const SocketAddress& a) { return !a.is_v6(); });
          return bind(*it->second, v4 != addresses->end() ? *v4 : addresses->front());
        }
        const Done<InletStatus> failed = std::move(it->second->answer);
        by_id_.erase(it);
        inlets_.erase(alias);
        failed(pass(addresses));
      });
}

void Inlets::bind(Inlet& inlet, const SocketAddress& address) {
  const std::string alias = inlet.request.alias;
  const ControlId id = inlet.id;
  core_.listening[id] = [this, alias, id, address](const Listening& event) {
    if (!by_id_.contains(id)) {
      if (event.error == 0) core_.broadcast(CloseListener{id, true});  // removed meanwhile
      return;
    }
    if (event.error != EADDRINUSE || !core_.may_retry_address()) return bound(alias, event);
    core_.broadcast(CloseListener{id, true});  // the other shards know it already
    core_.after_ms(NodeCore::kAddressRetryMs, [this, id, address] {
      if (const auto it = by_id_.find(id); it != by_id_.end()) bind(*it->second, address);
    });
  };
  core_.broadcast(
      OpenInlet{id, address, !inlet.request.enable_nagle, inlet.request.skip_handshake});
}

void Inlets::bound(const std::string& alias, const Listening& event) {
  Inlet& inlet = *inlets_.at(alias);
  if (event.error != 0) {
    core_.broadcast(CloseListener{inlet.id, true});  // the other shards know it already
    const Done<InletStatus> failed = std::move(inlet.answer);
    const std::string address = inlet.request.listen.text();
    by_id_.erase(inlet.id);
    inlets_.erase(alias);
    if (event.error == EADDRINUSE) {
      return failed(fail(Errc::kAlreadyExists, "the address is in use",
                         "A TCP inlet with bind tcp address '" + address + "' already exists"));
    }
    return failed(fail(Errc::kIo, "cannot listen", address + ": " + std::strerror(event.error)));
  }
  inlet.bound = event.bound;
  inlet.started_ns = core_.now_ns();
  Session::Hooks hooks;
  hooks.open = [this, &inlet](unsigned timeouts, Done<wire::Route> done) {
    open(inlet, timeouts, std::move(done));
  };
  hooks.close = [this, &inlet] {
    inlet.up = {};
    messenger_.cancel(std::exchange(inlet.proof, 0));
    connections_.close(std::exchange(inlet.connection, 0));
  };
  hooks.went_up = [this, &inlet] { route_up(inlet); };
  hooks.went_down = [this, &inlet](const std::string& why) {
    inlet.route = {};
    core_.broadcast(RouteInlet{inlet.id, {}, kNoPrincipal, true});
    core_.log(LogLevel::kWarn,
              "The TCP Inlet {} listening at {} lost the connection to the TCP Outlet at {}: {}",
              inlet.request.alias, inlet.bound.text(), inlet.request.to.text(), why);
    core_.log(LogLevel::kInfo, "Attempting to reconnect...");
  };
  hooks.attempt_failed = [this, &inlet](const Error& error) {
    core_.log(LogLevel::kInfo, "TCP Inlet {}: {} not reached: {}", inlet.request.alias,
              inlet.request.to.text(), error.text());
    const std::uint64_t waited_ms = (core_.now_ns() - inlet.started_ns) / kNsPerMs;
    if (error.code != Errc::kTimeout || waited_ms >= inlet.request.wait_for_outlet_ms) {
      answer(inlet);
    }
  };
  inlet.session = std::make_unique<Session>(core_, workers_, std::move(hooks));
  keep(inlet);
  inlet.answer_timer =
      core_.after_ms(inlet.request.wait_for_outlet_ms, [this, &inlet] { answer(inlet); });
  if (!inlet.request.wait_connection) answer(inlet);
  inlet.session->start();
}

void Inlets::open(Inlet& inlet, unsigned timeouts, Done<wire::Route> done) {
  ConnectOptions options;
  options.identity = inlet.request.identity;
  if (inlet.request.authorized) options.authorized = {*inlet.request.authorized};
  const std::uint64_t timeout_ms = channel_timeout_ms(timeouts, inlet.request.wait_for_outlet_ms);
  options.channel_timeout_ms = timeout_ms;
  options.link_timeout_ms = link_timeout_ms(timeouts);
  inlet.connection = connections_.open(
      inlet.request.to, std::move(options),
      [this, &inlet, timeout_ms, done = std::move(done)](Result<Connection> connection) {
        if (!connection) return done(pass(connection));
        inlet.up = *connection;
        if (Status allowed = check_peer(inlet, connection->route); !allowed) {
          return done(pass(allowed));
        }
        if (inlet.request.skip_handshake) return prove(inlet, timeout_ms, done);
        done(connection->ping_route);
      },
      [&inlet](const std::string& why) { inlet.session->lost(why); });
}

// The other end installs its keys after our last handshake message, and keeps little of what comes
// before that. Streams with a handshake wait for an answer by themselves; the others must not be
// the first to use a new channel.
void Inlets::prove(Inlet& inlet, std::uint64_t timeout_ms, Done<wire::Route> done) {
  Bytes payload;
  wire::CborWriter(payload).u64(core_.rng.next_u64());
  inlet.proof =
      messenger_.request(joined(inlet.up.ping_route, kEchoAddress), std::move(payload), timeout_ms,
                         [&inlet, done = std::move(done)](Result<Reply> reply) {
                           inlet.proof = 0;
                           if (!reply) return done(pass(reply));
                           done(inlet.up.ping_route);
                         });
}

void Inlets::route_up(Inlet& inlet) {
  wire::Route route;
  for (const std::string& hop : inlet.request.prefix_route) {
    route.push_back(wire::Address::local(hop));
  }
  route.append(inlet.up.route.view());
  inlet.route = route;
  core_.broadcast(RouteInlet{inlet.id, to_encoded(route), expected_peer(route), false});
  core_.log(LogLevel::kInfo,
            "The TCP Inlet {} listening at {} has a connection to the TCP Outlet at {}",
            inlet.request.alias, inlet.bound.text(), inlet.request.to.text());
  answer(inlet);
}

Status Inlets::check_peer(const Inlet& inlet, const wire::Route& route) const {
  const auto peer = core_.principals.identifier(expected_peer(route));
  Decision decision = rights_.decide(inlet.request.alias, ResourceType::kTcpInlet, peer);
  if (decision.allow) return {};
  return fail(Errc::kRefused, "no policy lets the other end answer", std::move(decision.reason));
}

void Inlets::on_rights_changed(const std::optional<Identifier>& peer) {
  for (auto& [alias, inlet] : inlets_) {
    if (inlet->session == nullptr || !inlet->session->is_up()) continue;
    const wire::Route& route = inlet->up.route;
    if (peer && core_.principals.identifier(expected_peer(route)) != peer) continue;
    if (Status allowed = check_peer(*inlet, route); !allowed) {
      inlet->session->lost(allowed.error().text());
    }
  }
}

PrincipalId Inlets::expected_peer(const wire::Route& route) const {
  for (const wire::Address& address : route.addresses()) {
    if (address.type != wire::kTypeLocal) return kNoPrincipal;
    if (const auto channel = channels_.by_encryptor(address.value)) return channel->principal;
    if (core_.flows.behind(address.value) != kNoFlow) return kNoPrincipal;  // a TCP sender
  }
  return kNoPrincipal;
}

void Inlets::answer(Inlet& inlet) {
  core_.timers.cancel(inlet.answer_timer);
  const Done<InletStatus> done = std::exchange(inlet.answer, nullptr);
  if (done) done(status(inlet));
}

InletStatus Inlets::status(const Inlet& inlet) const {
  InletStatus result;
  result.bind_address = inlet.bound.text();
  result.alias = inlet.request.alias;
  result.outlet_address = inlet.request.to.text();
  if (!inlet.last_stream_reason.empty()) result.last_stream_reason = inlet.last_stream_reason;
  if (inlet.session == nullptr) return result;
  if (!inlet.session->last_failure().empty()) result.last_failure = inlet.session->last_failure();
  if (!inlet.session->is_up()) return result;
  result.status = ConnectionStatus::kUp;
  result.outlet_route = inlet.route.text();
  result.worker_address = inlet.worker;
  return result;
}

std::vector<InletStatus> Inlets::list() const {
  std::vector<InletStatus> result;
  for (const auto& [alias, inlet] : inlets_) {
    if (inlet->session != nullptr) result.push_back(status(*inlet));
  }
  return result;
}

Result<InletStatus> Inlets::show(const std::string& alias) const {
  const auto it = inlets_.find(alias);
  if (it == inlets_.end() || it->second->session == nullptr) {
    return fail(Errc::kNotFound, "Inlet not found", "Inlet with alias " + alias + " not found");
  }
  return status(*it->second);
}

Result<InletStatus> Inlets::remove(const std::string& alias) {
  const auto it = inlets_.find(alias);
  if (it == inlets_.end() || it->second->session == nullptr) {
    return fail(Errc::kNotFound, "Inlet not found", "Inlet with alias " + alias + " not found");
  }
  Inlet& inlet = *it->second;
  answer(inlet);
  inlet.session->stop();
  core_.broadcast(CloseListener{inlet.id, true});
  keeper_.remove(Kept::kInlet, alias);
  InletStatus result = status(inlet);
  by_id_.erase(inlet.id);
  inlets_.erase(it);
  return result;
}

bool Inlets::on_stream_ended(const StreamEnded& event) {
  const auto it = by_id_.find(event.portal);
  if (it == by_id_.end()) return false;
  const auto reason = static_cast<StreamReason>(event.reason);
  const bool orderly = reason == StreamReason::kFinished;
  Inlet& inlet = *it->second;
  if (!orderly) inlet.last_stream_reason = stream_reason_words(reason);
  core_.log(orderly ? LogLevel::kDebug : LogLevel::kInfo,
            "TCP Inlet {}: stream of {} ended{}: {} ({} bytes out, {} bytes in)",
            inlet.request.alias, event.application.text(),
            event.was_open ? "" : " before it was open", stream_reason_words(reason),
            event.bytes_to_peer, event.bytes_from_peer);
  return true;
}

void Inlets::keep(const Inlet& inlet) {
  const InletRequest& request = inlet.request;
  // The port that was found, so that clients find the inlet again after a restart.
  wire::HostnamePort listen = request.listen;
  listen.port = inlet.bound.port();
  keeper_.put(Kept::kInlet, request.alias,
              {{"listen", listen.text()},
               {"to", request.to.text()},
               {"authorized", identifier_json(request.authorized)},
               {"identity", identifier_json(request.identity)},
               {"wait_for_outlet_ms", request.wait_for_outlet_ms},
               {"skip_handshake", request.skip_handshake},
               {"enable_nagle", request.enable_nagle},
               {"prefix_route", request.prefix_route}});
}

void Inlets::restore() {
  for (const auto& [alias, options] : keeper_.list(Kept::kInlet)) {
    auto listen = wire::HostnamePort::parse(text_from(options, "listen"));
    auto to = wire::MultiAddr::parse(text_from(options, "to"));
    if (!listen || !to) {
      core_.log(LogLevel::kError, "TCP Inlet {} not restored: its options are broken", alias);
      continue;
    }
    InletRequest request;
    request.listen = std::move(*listen);
    request.to = std::move(*to);
    request.alias = alias;
    request.authorized = identifier_from(options, "authorized");
    request.identity = identifier_from(options, "identity");
    request.wait_for_outlet_ms = number_from(options, "wait_for_outlet_ms", 15'000);
    request.wait_connection = false;
    request.skip_handshake = flag_from(options, "skip_handshake", false);
    request.enable_nagle = flag_from(options, "enable_nagle", false);
    request.prefix_route = texts_from(options, "prefix_route");
    create(request, [this, name = alias](const Result<InletStatus>& status) {
      if (status) return;
      core_.log(LogLevel::kError, "TCP Inlet {} not restored: {}", name, status.error().text());
    });
  }
}

void Inlets::stop_all() {
  for (auto& [alias, inlet] : inlets_) {
    if (inlet->session == nullptr) continue;
    inlet->session->stop();
    core_.broadcast(CloseListener{inlet->id, true});
  }
}

}  // namespace weir::control
