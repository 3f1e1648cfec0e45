#include "control/relay/relay_clients.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dataplane/wire/bare.h"

namespace weir::control {
namespace {

std::uint64_t attempt_ms(unsigned timeouts) {
  return std::min<std::uint64_t>(1'000ULL << std::min(timeouts, 5U), kAttemptMsMax);
}

}  // namespace

RelayClients::~RelayClients() {
  for (auto& [name, relay] : relays_) core_.timers.cancel(relay->answer_timer);
}

RelayClients::Relay* RelayClients::find(const std::string& name) {
  const auto it = relays_.find(name);
  return it == relays_.end() ? nullptr : it->second.get();
}

void RelayClients::create(const RelayRequest& request, Done<RelayInfo> done) {
  if (relays_.contains(request.name)) {
    return done(fail(Errc::kAlreadyExists, "A relay with that name already exists",
                     "A relay with the name '" + request.name + "' already exists"));
  }
  auto owned = std::make_unique<Relay>();
  Relay& relay = *owned;
  relays_.emplace(request.name, std::move(owned));
  relay.request = request;
  relay.answer = std::move(done);
  const std::string name = request.name;
  Session::Hooks hooks;
  hooks.open = [this, &relay](unsigned timeouts, Done<wire::Route> opened) {
    open(relay, timeouts, std::move(opened));
  };
  hooks.close = [this, &relay] { close(relay); };
  hooks.went_up = [this, &relay] {
    core_.log(LogLevel::kInfo, "Relay {} is up: {}", relay.request.name, relay.remote_address);
    answer(relay);
  };
  hooks.went_down = [this, &relay](const std::string& why) {
    core_.log(LogLevel::kWarn, "The Node lost the connection to the Relay {} at {}: {}",
              relay.request.name, relay.request.at.text(), why);
    core_.log(LogLevel::kInfo, "Attempting to reconnect...");
  };
  hooks.attempt_failed = [this, &relay](const Error& error) {
    core_.log(LogLevel::kInfo, "Relay {} not registered at {}: {}", relay.request.name,
              relay.request.at.text(), error.text());
    if (error.code != Errc::kTimeout) answer(relay);
  };
  relay.session = std::make_unique<Session>(core_, workers_, std::move(hooks));
  keeper_.put(Kept::kRelay, name,
              {{"at", request.at.text()},
               {"authorized", identifier_json(request.authorized)},
               {"relay_address", request.relay_address ? nlohmann::json(*request.relay_address)
                                                       : nlohmann::json(nullptr)}});
  relay.answer_timer = core_.after_ms(kAttemptMsMax, [this, &relay] { answer(relay); });
  if (!request.wait_for_connection) answer(relay);
  relay.session->start();
}

void RelayClients::answer(Relay& relay) {
  core_.timers.cancel(relay.answer_timer);
  const Done<RelayInfo> done = std::exchange(relay.answer, nullptr);
  if (done) done(info(relay));
}

void RelayClients::open(Relay& relay, unsigned timeouts, Done<wire::Route> done) {
  relay.attempt = std::move(done);
  ConnectOptions options;
  if (relay.request.authorized) options.authorized = {*relay.request.authorized};
  options.channel_timeout_ms = attempt_ms(timeouts);
  options.link_timeout_ms = link_timeout_ms(timeouts);
  options.open_for_hops = true;
  relay.connection = connections_.open(
      relay.request.at, std::move(options),
      [this, &relay, timeouts](Result<Connection> connection) {
        if (!connection) {
          const auto failed = std::exchange(relay.attempt, nullptr);
          if (failed) failed(pass(connection));
          return;
        }
        register_at(relay, timeouts, *connection);
      },
      [&relay](const std::string& why) {
        // Before the registration was answered: the attempt fails; after it: the session is lost.
        if (const auto failed = std::exchange(relay.attempt, nullptr)) {
          return failed(fail(Errc::kIo, "connection lost", why));
        }
        relay.session->lost(why);
      });
}

void RelayClients::register_at(Relay& relay, unsigned timeouts, const Connection& connection) {
  relay.up = connection;
  const EncodedRoute route = to_encoded(connection.route);
  relay.main_remote = core_.new_address(core_.shard_for(route));
  const Status added = workers_.add({.address = relay.main_remote,
                                     .allowed = {core_.flows.behind(route)},
                                     .handle = [this, &relay](MessageEvent& message) {
                                       on_message(relay, message);
                                       return false;
                                     }});
  CHECK(added.has_value());
  relay.registration_timer = core_.after_ms(attempt_ms(timeouts), [&relay] {
    const auto failed = std::exchange(relay.attempt, nullptr);
    if (failed) failed(fail(Errc::kTimeout, "the relay service does not answer"));
  });
  const bool named = relay.request.relay_address.has_value();
  core_.send_message(
      to_encoded(joined(connection.route, named ? kStaticRelayAddress : kRelayAddress)),
      encoded_local(relay.main_remote),
      wire::encode_bare_string(named ? *relay.request.relay_address : "register"));
}

void RelayClients::on_message(Relay& relay, MessageEvent& message) {
  if (message.onward.count == 0) return on_service_message(relay, message);
  // Relays that keep this worker in the route (Elixir, spec/04 section 7): hand on what flow
  // control would let through.
  const auto next = first_local(message.onward);
  if (!next || *next == relay.main_remote || !workers_.allowed(relay.up.flow, kNoFlow, *next)) {
    return core_.count(ControlCounter::kRelayForwardDenied);
  }
  core_.send_message(std::move(message.onward), std::move(message.ret), std::move(message.payload));
}

void RelayClients::on_service_message(Relay& relay, MessageEvent& message) {
  if (!relay.attempt) return;  // later ones are ignored
  const auto answer_text = wire::decode_bare_string(message.payload);
  wire::Address last;
  const wire::Route ret = to_route(message.ret);
  if (!ret.empty()) without_last(ret, &last);
  const std::string& wanted = relay.request.relay_address.value_or("");
  if (!answer_text || ret.empty() || last.type != wire::kTypeLocal ||
      !answer_text->ends_with(wanted)) {
    core_.log(LogLevel::kWarn, "relay {}: answer of the relay service not understood",
              relay.request.name);
    return;
  }
  core_.timers.cancel(relay.registration_timer);
  relay.remote_address = last.value;
  relay.forwarding_route = ret.text();
  const Done<wire::Route> done = std::exchange(relay.attempt, nullptr);
  done(relay.up.ping_route);
}

void RelayClients::close(Relay& relay) {
  core_.timers.cancel(relay.registration_timer);
  relay.attempt = nullptr;
  relay.remote_address.clear();
  relay.forwarding_route.clear();
  if (!relay.main_remote.empty()) workers_.remove(std::exchange(relay.main_remote, {}));
  relay.up = {};
  connections_.close(std::exchange(relay.connection, 0));
}

RelayInfo RelayClients::info(const Relay& relay) const {
  RelayInfo result;
  result.name = relay.request.name;
  result.at = relay.request.at;
  if (!relay.session->last_failure().empty()) result.last_failure = relay.session->last_failure();
  if (!relay.session->is_up()) return result;
  result.status = ConnectionStatus::kUp;
  result.forwarding_route = relay.forwarding_route;
  result.remote_address = relay.remote_address;
  result.worker_address = relay.main_remote;
  result.flow_control_id = core_.flows.text(relay.up.flow);
  return result;
}

std::vector<RelayInfo> RelayClients::list() const {
  std::vector<RelayInfo> result;
  for (const auto& [name, relay] : relays_) result.push_back(info(*relay));
  return result;
}

Result<RelayInfo> RelayClients::show(const std::string& name) const {
  const auto it = relays_.find(name);
  if (it == relays_.end()) {
    return fail(Errc::kNotFound, "Relay not found", "Relay with alias " + name + " not found.");
  }
  return info(*it->second);
}

Status RelayClients::remove(const std::string& name) {
  Relay* relay = find(name);
  if (relay == nullptr) {
    return fail(Errc::kNotFound, "Relay not found", "Relay with address " + name + " not found.");
  }
  answer(*relay);
  relay->session->stop();
  keeper_.remove(Kept::kRelay, name);
  relays_.erase(name);
  return {};
}

void RelayClients::restore() {
  for (const auto& [name, options] : keeper_.list(Kept::kRelay)) {
    auto at = wire::MultiAddr::parse(text_from(options, "at"));
    if (!at) {
      core_.log(LogLevel::kError, "relay {} not restored: {}", name, at.error().text());
      continue;
    }
    RelayRequest request;
    request.at = std::move(*at);
    request.name = name;
    request.authorized = identifier_from(options, "authorized");
    const auto address = options.find("relay_address");
    if (address != options.end() && address->is_string()) {
      request.relay_address = address->get<std::string>();
    }
    request.wait_for_connection = false;
    create(request, [](const Result<RelayInfo>&) {});
  }
}

void RelayClients::stop_all() {
  for (auto& [name, relay] : relays_) relay->session->stop();
}

}  // namespace weir::control
