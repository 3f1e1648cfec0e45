#include "control/node/internal/parts.h"

#include <nlohmann/json.hpp>

#include "control/identity/identities.h"
#include "control/store/state.h"

namespace weir {

using namespace control;

NodeParts::NodeParts(NodeConfig config, std::vector<ShardPort*> shards, State* state,
                     Identities& identities, Resolver& resolver, Clock& clock, Rng& rng,
                     Logger logger)
    : core(std::move(config), std::move(shards), identities, resolver, clock, rng,
           std::move(logger)),
      workers(core),
      messenger(core, workers),
      links(core, workers),
      policies(core.config.name,
               state != nullptr && core.config.persist ? &state->policies() : nullptr),
      rights(core, state, policies),
      channels(core, workers, rights),
      channel_listeners(core, workers, links, channels),
      connections(core, workers, links, channels),
      keeper(core, state),
      services(core, workers, connections, rights),
      relay_service(core, workers, rights),
      relays(core, workers, connections, keeper),
      inlets(core, workers, messenger, connections, channels, keeper, rights),
      outlets(core, workers, keeper, rights),
      forwarders(core, workers, links),
      first_meetings(core),
      authority(core, workers, links, state),
      authority_client(core, connections, messenger),
      own_credentials(core, state, authority_client),
      revocations(core, connections, messenger),
      latency(core) {
  links.ended = [this](const control::Link& link) {
    channel_listeners.on_link_down(link.id);
    relay_service.on_flow_ended(link.flow);
    forwarders.on_link_ended(link);
    connections.on_link_ended(link);
  };
  channels.ended = [this](const control::Channel& channel) {
    relay_service.on_flow_ended(channel.flow);
    connections.on_channel_ended(channel, "the secure channel was closed");
    if (const auto it = under_channel.find(channel.id); it != under_channel.end()) {
      const ControlId connection = it->second;
      under_channel.erase(it);
      connections.close(connection);
    }
  };
  channels.own_credentials = &own_credentials;
  channels.credential_shown = [this] { revocations.check(); };
  own_credentials.renewed = [this](const Identifier& identity, const Bytes& credential) {
    channels.show_credential(identity, credential);
  };
  revocations.revoked = [this](const Identifier& issuer, const std::vector<Identifier>& who) {
    rights.set_revoked(issuer, who);
  };
  rights.changed = [this](const std::optional<Identifier>& peer) { on_rights_changed(peer); };
  outlets.set_policy = [this](const std::string& address, const Expr& policy) {
    return policies.put(PolicyScope::kResource, address, policy);
  };
  channels.orphaned = [this](const control::Channel& channel) {
    connections.on_channel_ended(channel, "the connection under the secure channel ended");
  };
}

void NodeParts::start(Done<std::optional<SocketAddress>> done) {
  core.tcp_flow = core.flows.make();
  if (const Status loaded = policies.load(); !loaded) {
    core.log(LogLevel::kError, "policies not read, or not written: {}", loaded.error().text());
  }
  rights.load();
  if (Status started = start_services(); !started) return done(pass(started));
  own_credentials.start();
  revocations.start();
  if (!core.config.tcp_listener) return done(std::optional<SocketAddress>{});
  links.listen(*core.config.tcp_listener, core.tcp_flow,
               [this, done = std::move(done)](Result<ListenerInfo> listener) {
                 if (!listener) return done(pass(listener));
                 bound = listener->bound;
                 default_listener = listener->address;
                 done(std::optional<SocketAddress>(listener->bound));
               });
}

void NodeParts::forget_policy(const std::string& resource) {
  const Status removed = policies.remove(PolicyScope::kResource, resource);
  if (removed) return;
  core.log(LogLevel::kError, "the policy of {} was not removed: {}", resource,
           removed.error().text());
}

Status NodeParts::start_services() {
  const auto must = [](Status status) { CHECK(status.has_value()); };  // nothing is there yet
  const bool is_authority = core.config.authority.has_value();
  must(is_authority ? services.start_echo_for_channels(kEchoAddress)
                    : services.start_echo(kEchoAddress));
  if (!core.config.default_services && !is_authority) return {};
  must(channel_listeners.add({kApiAddress, std::nullopt, std::nullopt}));
  core.api_flow = channel_listeners.all().at(kApiAddress).flow;
  if (is_authority) {
    return authority.start(
        *core.config.authority,
        [this](const Identifier& who, const Identifier& issuer) -> std::optional<AttributeMap> {
          const AttributeMap* found = rights.attributes(who, issuer);
          if (found == nullptr) return std::nullopt;
          return *found;
        });
  }
  if (!core.config.project_id.empty()) start_project_alias(core.config.project_id);
  must(services.start_uppercase(kUppercaseAddress));
  relay_service.start();
  if (!core.config.expose_node_manager) return {};
  core.log(LogLevel::kWarn,
           "the node manager answers on the TCP listener: whoever reaches it controls this node");
  must(workers.add({.address = kNodeManagerAddress,
                    .allowed = {core.tcp_flow},
                    .handle = [this](MessageEvent& message) { return on_api_request(message); }}));
  return {};
}

// Only handshakes come this way: what follows goes to the responder's own address.
void NodeParts::start_project_alias(const std::string& project_id) {
  const Status added = workers.add({.address = project_id,
                                    .allowed = {core.tcp_flow, core.api_flow},
                                    .handle = [this](MessageEvent& message) {
                                      const auto next = first_local(message.onward);
                                      if (!next || *next != kApiAddress) return false;
                                      return channel_listeners.on_message1(kApiAddress, message);
                                    }});
  if (!added) {
    core.log(LogLevel::kError, "the address of project {} is taken", project_id);
  }
}

bool NodeParts::on_api_request(MessageEvent& message) {
  if (!api || message.ret.count == 0) return false;
  if (api_pending >= core.config.limits.pending_requests_max) {
    core.count(ControlCounter::kApiRequestsOverLimit);
    return false;
  }
  ++api_pending;
  api(std::move(message.payload),
      [this, link = message.link, ret = std::move(message.ret)](Bytes response) {
        --api_pending;
        core.message_done(link);
        if (response.empty()) return;
        core.send_message(ret, encoded_local(kNodeManagerAddress), std::move(response));
      });
  return true;
}

void NodeParts::handle(Event& event) {
  struct Visitor {
    NodeParts& parts;
    void operator()(std::monostate) {}
    void operator()(Listening& e) {
      const auto node = parts.core.listening.extract(e.id);
      if (!node.empty()) node.mapped()(e);
    }
    void operator()(LinkUp& e) { parts.links.on_up(e); }
    void operator()(ConnectFailed& e) { parts.links.on_failed(e); }
    void operator()(LinkDown& e) { parts.links.on_down(e); }
    void operator()(MessageEvent& e) { parts.workers.deliver(e); }
    void operator()(ChannelInstalled&) {}
    void operator()(ChannelClosed& e) { parts.channels.on_closed(e); }
    void operator()(ChannelRefresh& e) { parts.channels.on_refresh(e); }
    void operator()(ChannelOrphaned& e) { parts.channels.on_orphaned(e); }
    void operator()(StreamEnded& e) {
      if (!parts.inlets.on_stream_ended(e)) parts.outlets.on_stream_ended(e);
    }
    void operator()(OutletStale& e) { parts.outlets.on_stale(e); }
    void operator()(Reported& e) { parts.on_reported(e); }
    void operator()(StageClocksBack& e) { parts.latency.on_back(e); }
    void operator()(ShardStopped&) {}
  };
  std::visit(Visitor{*this}, event);
}

void NodeParts::create_channel(const ChannelRequest& request, Done<SecureChannelInfo> done) {
  if (request.to.empty()) return done(fail(Errc::kInvalid, "the address is empty"));
  ConnectOptions options;
  options.identity = request.identity;
  options.channel_timeout_ms = request.timeout_ms;
  // The last part is the listener (`/secure/api` means the same there); what is before it is made
  // first, with the same identity. Whom to trust is said of the channel that was asked for, as in
  // Ockam.
  wire::MultiAddr to = request.to.slice(0, request.to.size() - 1);
  wire::MultiAddrPart last = request.to.parts().back();
  if (last.proto == wire::Proto::kSecure) last.proto = wire::Proto::kService;
  to.push_back(std::move(last));
  connections.open(
      to, std::move(options),
      [this, request, done = std::move(done)](Result<Connection> connection) {
        if (!connection) return done(pass(connection));
        const ControlId under = connection->id;
        channels.create(connection->route,
                        {request.identity, request.authorized, request.timeout_ms},
                        [this, under, done](Result<control::Channel> channel) {
                          if (!channel) {
                            connections.close(under);
                            return done(pass(channel));
                          }
                          under_channel[channel->id] = under;
                          done(info(*channel));
                        });
      },
      nullptr);
}

void NodeParts::on_rights_changed(const std::optional<Identifier>& peer) {
  if (peer && core.principals.find(*peer) == kNoPrincipal) return;
  for (const PrincipalId loser : channels.rights_changed(peer)) outlets.end_streams_of(loser);
  relay_service.on_rights_changed(peer);
  inlets.on_rights_changed(peer);
}

SecureChannelInfo NodeParts::info(const control::Channel& channel) {
  SecureChannelInfo result;
  result.encryptor = channel.encryptor;
  if (auto route = wire::MultiAddr::from_route(channel.route.view())) {
    result.route = std::move(*route);
  }
  result.authorized = channel.authorized;
  result.flow_control_id = core.flows.text(channel.flow);
  result.peer = channel.peer;
  if (auto history = core.identities.export_hex(channel.peer)) {
    result.peer_history_hex = std::move(*history);
  }
  result.initiator = channel.initiator;
  return result;
}

void NodeParts::report(Done<CountersReport> done) {
  const ControlId id = core.next_id();
  Counting& counting = counting_[id];
  counting.done = std::move(done);
  counting.missing = core.shards.size();
  counting.report.shards.resize(core.shards.size());
  for (std::size_t i = 0; i < kControlCounters; ++i) {
    counting.report.control.push_back({control_counter_name(i), core.counters[i]});
  }
  for (std::size_t shard = 0; shard < core.shards.size(); ++shard) {
    const ControlId request = core.next_id();
    counting_shard_[request] = {id, static_cast<ShardId>(shard)};
    core.send(static_cast<ShardId>(shard), Report{request, ReportKind::kCounters});
  }
}

void NodeParts::on_reported(Reported& event) {
  if (event.request == 0) return forwarders.on_links(event.links);
  const auto it = counting_shard_.find(event.request);
  if (it == counting_shard_.end()) return;
  const auto [id, shard] = it->second;
  counting_shard_.erase(it);
  Counting& counting = counting_.at(id);
  counting.report.shards[shard] = std::move(event.counters);
  if (--counting.missing != 0) return;
  const Counting finished = std::move(counting);
  counting_.erase(id);
  finished.done(finished.report);
}

void NodeParts::restore_listeners() {
  for (const auto& [address, options] : keeper.list(Kept::kTcpListener)) {
    const auto parsed = SocketAddress::parse(address);
    if (!parsed) continue;
    links.listen(*parsed, core.flows.make(),
                 [this, text = address](const Result<ListenerInfo>& listener) {
                   if (listener) return;
                   core.log(LogLevel::kError, "TCP listener {} not restored: {}", text,
                            listener.error().text());
                 });
  }
  for (const auto& [address, options] : keeper.list(Kept::kChannelListener)) {
    const Status added = channel_listeners.add(
        {address, identifiers_from(options, "authorized"), identifier_from(options, "identity")});
    if (!added) {
      core.log(LogLevel::kError, "secure channel listener {} not restored: {}", address,
               added.error().text());
    }
  }
  for (const auto& [address, options] : keeper.list(Kept::kHop)) {
    const Status added = services.start_hop(address);
    if (!added) core.log(LogLevel::kError, "hop not restored: {}", added.error().text());
  }
}

void NodeParts::restore() {
  restore_listeners();
  outlets.restore();
  relays.restore();
  inlets.restore();
}

void NodeParts::shutdown() {
  // While what carries them is still there: a channel behind a relay says Close through the one to
  // the relay.
  channels.close_accepted();
  relays.stop_all();
  inlets.stop_all();
  channels.close_all();
  links.close_all();
  first_meetings.store();
  rights.keep();
}

}  // namespace weir
