#include "control/node/node.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/node/executor.h"
#include "control/node/internal/parts.h"
#include "control/node/internal/round_trip.h"

namespace weir {

using namespace control;

Node::Node(NodeConfig config, std::vector<ShardPort*> shards, State* state, Identities& identities,
           Resolver& resolver, Clock& clock, Rng& rng, Logger logger)
    : parts_(std::make_unique<NodeParts>(std::move(config), std::move(shards), state, identities,
                                         resolver, clock, rng, std::move(logger))) {}
Node::~Node() = default;

void Node::start(Done<std::optional<SocketAddress>> done) { parts_->start(std::move(done)); }
void Node::restore_all() { parts_->restore(); }
void Node::clear_stored() { parts_->keeper.clear(); }
void Node::shutdown() { parts_->shutdown(); }

void Node::step() {
  NodeCore& core = parts_->core;
  core.resolver.poll();
  if (core.config.executor != nullptr) core.config.executor->poll();
  Event event;
  for (ShardPort* port : core.shards) {
    while (port->poll(event)) parts_->handle(event);
  }
  core.timers.run_due(core.now_ns());
  parts_->first_meetings.after_turn();
  parts_->commands_kept = false;
  for (ShardPort* port : core.shards) {
    if (!port->flush()) parts_->commands_kept = true;
  }
}

std::uint64_t Node::next_deadline_ns() const {
  // Nothing tells when a full ring has room again.
  constexpr std::uint64_t kFullRingNs = 1'000'000;
  const std::uint64_t next_ns = parts_->core.timers.next_deadline_ns();
  return parts_->commands_kept ? std::min(next_ns, parts_->core.now_ns() + kFullRingNs) : next_ns;
}
const NodeConfig& Node::config() const { return parts_->core.config; }
void Node::set_status_endpoint(const SocketAddress& address) {
  parts_->core.config.status_endpoint = address;
}
void Node::set_default(bool is_default) { parts_->core.config.is_default = is_default; }
Result<Identifier> Node::identity_by_name(const std::string& name) {
  return parts_->keeper.identity_by_name(name);
}
void Node::set_api_handler(ApiHandler handler) { parts_->api = std::move(handler); }

NodeResources Node::resources() const {
  const NodeConfig& config = parts_->core.config;
  NodeResources result;
  result.name = config.name;
  result.identity_name = config.identity_name;
  result.identity = config.identity;
  result.is_default = config.is_default;
  result.pid = config.pid;
  result.tcp_listener = parts_->bound;
  result.status_endpoint = config.status_endpoint;
  result.tcp_listeners = list_tcp_listeners();
  result.channel_listeners = list_secure_channel_listeners();
  result.inlets = list_inlets();
  result.outlets = list_outlets();
  result.services = list_services();
  return result;
}

void Node::counters(Done<CountersReport> done) { parts_->report(std::move(done)); }

Result<LatencySession> Node::start_latency(const LatencyRequest& request) {
  return parts_->latency.start(request);
}
void Node::read_latency(std::uint64_t session, Done<LatencyReading> done) {
  parts_->latency.read(session, std::move(done));
}
Status Node::stop_latency(std::uint64_t session) { return parts_->latency.stop(session); }

// --- TCP

void Node::create_tcp_connection(const std::string& address, Done<TransportInfo> done) {
  const auto target = wire::HostnamePort::parse(address);
  if (!target) return done(std::unexpected(target.error()));
  parts_->links.connect(target->hostname, target->port, 15'000, std::nullopt,
                        [parts = parts_.get(), done = std::move(done)](Result<control::Link> link) {
                          if (!link) return done(pass(link));
                          for (const WorkerAddress& hop : parts->connections.hops) {
                            parts->workers.allow(link->flow, hop);
                          }
                          done(parts->links.info(*link));
                        });
}

std::vector<TransportInfo> Node::list_tcp_connections() const {
  std::vector<TransportInfo> result;
  for (const control::Link& link : parts_->links.all()) result.push_back(parts_->links.info(link));
  return result;
}

namespace {

std::unexpected<Error> not_in_registry(const char* what, const std::string& address) {
  return fail(Errc::kNotFound, "not found",
              std::string(what) + " " + address + " was not found in the registry.");
}

}  // namespace

Result<TransportInfo> Node::show_tcp_connection(const std::string& address) const {
  const auto link = parts_->links.find(address);
  if (!link) return not_in_registry("Connection", address);
  return parts_->links.info(*link);
}

Status Node::delete_tcp_connection(const std::string& address) {
  const auto link = parts_->links.find(address);
  if (!link) return not_in_registry("Connection", address);
  parts_->links.close(link->id);
  return {};
}

void Node::create_tcp_listener(const std::string& address, Done<TransportInfo> done) {
  const auto parsed = SocketAddress::parse(address);
  if (!parsed) return done(std::unexpected(parsed.error()));
  parts_->links.listen(
      *parsed, parts_->core.flows.make(),
      [parts = parts_.get(), done = std::move(done)](Result<ListenerInfo> listener) {
        if (!listener) return done(pass(listener));
        parts->keeper.put(Kept::kTcpListener, listener->bound.text(), nlohmann::json::object());
        done(parts->links.info(*listener));
      });
}

std::vector<TransportInfo> Node::list_tcp_listeners() const {
  std::vector<TransportInfo> result;
  for (const auto& listener : parts_->links.listeners()) {
    result.push_back(parts_->links.info(listener));
  }
  return result;
}

Result<TransportInfo> Node::show_tcp_listener(const std::string& address) const {
  const ListenerInfo* listener = parts_->links.find_listener(address);
  if (listener == nullptr) return not_in_registry("Listener", address);
  return parts_->links.info(*listener);
}

Status Node::delete_tcp_listener(const std::string& address) {
  const ListenerInfo* found = parts_->links.find_listener(address);
  if (found == nullptr) return not_in_registry("Listener", address);
  const ListenerInfo listener = *found;
  parts_->keeper.remove(Kept::kTcpListener, listener.bound.text());
  return parts_->links.close_listener(listener.address);
}

// --- secure channels

void Node::create_secure_channel(const ChannelRequest& request, Done<SecureChannelInfo> done) {
  parts_->create_channel(request, std::move(done));
}

std::vector<SecureChannelInfo> Node::list_secure_channels() const {
  std::vector<SecureChannelInfo> result;
  for (const ControlId id : parts_->channels.ids()) {
    const auto channel = parts_->channels.find(id);
    if (channel->initiator) result.push_back(parts_->info(*channel));
  }
  return result;
}

Result<SecureChannelInfo> Node::show_secure_channel(const std::string& encryptor) const {
  const auto channel = parts_->channels.by_address(encryptor);
  if (!channel) {
    return fail(Errc::kNotFound, "Secure channel not found", "0#" + encryptor);
  }
  return parts_->info(*channel);
}

Result<std::string> Node::delete_secure_channel(const std::string& encryptor) {
  const auto channel = parts_->channels.by_address(encryptor);
  if (!channel) {
    return fail(Errc::kNotFound, "Secure channel not found", "0#" + encryptor);
  }
  const std::string address = channel->encryptor;
  parts_->channels.close(channel->id);
  return address;
}

Status Node::create_secure_channel_listener(const ChannelListenerRequest& request) {
  Status added = parts_->channel_listeners.add(request);
  if (added) {
    parts_->keeper.put(Kept::kChannelListener, request.address,
                       {{"authorized", identifiers_json(request.authorized)},
                        {"identity", identifier_json(request.identity)}});
  }
  return added;
}

std::vector<ChannelListenerInfo> Node::list_secure_channel_listeners() const {
  std::vector<ChannelListenerInfo> result;
  for (const auto& [address, listener] : parts_->channel_listeners.all()) {
    result.push_back({address, parts_->core.flows.text(listener.flow), false});
  }
  return result;
}

Result<ChannelListenerInfo> Node::show_secure_channel_listener(const std::string& address) const {
  const auto it = parts_->channel_listeners.all().find(address);
  if (it == parts_->channel_listeners.all().end()) {
    return fail(Errc::kNotFound, "Secure channel listener not found", "0#" + address);
  }
  return ChannelListenerInfo{address, parts_->core.flows.text(it->second.flow), false};
}

Status Node::delete_secure_channel_listener(const std::string& address) {
  Status removed = parts_->channel_listeners.remove(address);
  if (removed) parts_->keeper.remove(Kept::kChannelListener, address);
  return removed;
}

// --- services and workers

std::vector<ServiceInfo> Node::list_services() const { return parts_->services.list(); }
Status Node::start_hop(const std::string& address) {
  Status started = parts_->services.start_hop(address);
  if (started) parts_->keeper.put(Kept::kHop, address, nlohmann::json::object());
  return started;
}
Status Node::start_echo(const std::string& address) { return parts_->services.start_echo(address); }
Status Node::start_uppercase(const std::string& address) {
  return parts_->services.start_uppercase(address);
}
std::vector<WorkerInfo> Node::list_workers() const {
  std::vector<WorkerInfo> result;
  for (auto& address : parts_->workers.list()) result.push_back({std::move(address)});
  for (const control::Link& link : parts_->links.all()) {
    result.push_back({link.sender});
    result.push_back({link.receiver});
  }
  for (const ControlId id : parts_->channels.ids()) {
    result.push_back({parts_->channels.find(id)->encryptor});
  }
  return result;
}

// --- relays

void Node::create_relay(const RelayRequest& request, Done<RelayInfo> done) {
  parts_->relays.create(request, std::move(done));
}
std::vector<RelayInfo> Node::list_relays() const { return parts_->relays.list(); }
Result<RelayInfo> Node::show_relay(const std::string& name) const {
  return parts_->relays.show(name);
}
Status Node::delete_relay(const std::string& name) { return parts_->relays.remove(name); }

// --- portals

Policies& Node::policies() { return parts_->policies; }
void Node::create_inlet(const InletRequest& request, Done<InletStatus> done) {
  Policies& policies = parts_->policies;
  if (!request.policy || show_inlet(request.alias)) {
    return parts_->inlets.create(request, std::move(done));
  }
  const Policy* old = policies.find(PolicyScope::kResource, request.alias);
  const std::optional<Expr> before = old != nullptr ? old->expr : std::nullopt;
  // Before the inlet exists: its first connection must meet the policy.
  if (const Status set = policies.put(PolicyScope::kResource, request.alias, *request.policy);
      !set) {
    return done(std::unexpected(set.error()));
  }
  parts_->inlets.create(request, [&policies, alias = request.alias, before,
                                  done = std::move(done)](Result<InletStatus> status) {
    if (!status) {
      const Status undone = before ? policies.put(PolicyScope::kResource, alias, *before)
                                   : policies.remove(PolicyScope::kResource, alias);
      (void)undone;  // the policy of a resource that does not exist
    }
    done(std::move(status));
  });
}
std::vector<InletStatus> Node::list_inlets() const { return parts_->inlets.list(); }
Result<InletStatus> Node::show_inlet(const std::string& alias) const {
  return parts_->inlets.show(alias);
}
Result<InletStatus> Node::delete_inlet(const std::string& alias) {
  auto removed = parts_->inlets.remove(alias);
  if (removed) parts_->forget_policy(alias);
  return removed;
}
void Node::create_outlet(const OutletRequest& request, Done<OutletStatus> done) {
  parts_->outlets.create(request, std::move(done));
}
std::vector<OutletStatus> Node::list_outlets() const { return parts_->outlets.list(); }
Result<OutletStatus> Node::show_outlet(const std::string& address) const {
  return parts_->outlets.show(address);
}
Result<OutletStatus> Node::delete_outlet(const std::string& address) {
  auto removed = parts_->outlets.remove(address);
  if (removed) parts_->forget_policy(address);
  return removed;
}

// --- flow control, messages, forwarders

Status Node::add_consumer(const std::string& id, const wire::MultiAddr& address) {
  if (address.size() != 1) return fail(Errc::kInvalid, "Invalid address", address.text());
  const auto route = address.to_local_route();
  if (!route || route->size() != 1) {
    return fail(Errc::kInvalid, "Unable to extract an address from the route", address.text());
  }
  // An id that nobody has is accepted and means nothing, as in Ockam.
  if (const auto flow = parts_->core.flows.by_text(id)) {
    parts_->workers.allow(*flow, route->front().value);
  }
  return {};
}

void Node::send_message(const wire::MultiAddr& to, Bytes payload, std::uint64_t timeout_ms,
                        Done<Bytes> done, std::optional<std::vector<Identifier>> authorized) {
  if (to.empty()) return done(fail(Errc::kInvalid, "the address is empty"));
  ConnectOptions options;
  options.authorized = std::move(authorized);
  options.channel_timeout_ms = timeout_ms;
  options.link_timeout_ms = timeout_ms;
  // A first hop that this node does not have can only end in a time-out: say so at once.
  const auto check = [this](const Connection& connection) -> Status {
    const wire::Address first = connection.route.front();
    const std::vector<WorkerInfo> workers = list_workers();
    const bool known = parts_->workers.has(first.value) ||
                       std::any_of(workers.begin(), workers.end(), [&](const WorkerInfo& worker) {
                         return worker.address == first.value;
                       });
    if (known) return {};
    return fail(Errc::kNotFound, "No such alias", first.text());
  };
  round_trip(parts_->connections, parts_->messenger, to, std::move(options), std::move(payload),
             timeout_ms, check, [done = std::move(done)](Result<Reply> reply) {
               if (!reply) return done(pass(reply));
               done(std::move(reply->payload));
             });
}

void Node::create_forwarder(const std::string& target, Done<ForwarderInfo> done) {
  parts_->forwarders.create(target, std::move(done));
}
std::vector<ForwarderInfo> Node::list_forwarders() const { return parts_->forwarders.list(); }
Status Node::delete_forwarder(const std::string& address) {
  return parts_->forwarders.remove(address);
}

}  // namespace weir
