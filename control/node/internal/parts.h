// Everything a node consists of, in the order of construction.
#pragma once

#include <map>

#include "control/node/internal/authority_client.h"
#include "control/node/internal/authority_server.h"
#include "control/node/internal/channel_listeners.h"
#include "control/node/internal/channels.h"
#include "control/node/internal/connections.h"
#include "control/node/internal/first_meetings.h"
#include "control/node/internal/forwarders.h"
#include "control/node/internal/inlets.h"
#include "control/node/internal/latency.h"
#include "control/node/internal/links.h"
#include "control/node/internal/messenger.h"
#include "control/node/internal/outlets.h"
#include "control/node/internal/own_credentials.h"
#include "control/node/internal/revocation_watch.h"
#include "control/node/internal/rights.h"
#include "control/node/internal/store.h"
#include "control/node/internal/workers.h"
#include "control/node/node.h"
#include "control/policy/access.h"
#include "control/relay/relay_clients.h"
#include "control/relay/relay_service.h"
#include "control/service/services.h"

namespace weir {

class NodeParts {
 public:
  NodeParts(NodeConfig config, std::vector<ShardPort*> shards, State* state, Identities& identities,
            Resolver& resolver, Clock& clock, Rng& rng, Logger logger);

  void start(Done<std::optional<SocketAddress>> done);
  void handle(Event& event);
  void restore();
  void shutdown();
  // `_internal.nodemanager`: true when the credit is kept until the answer.
  bool on_api_request(MessageEvent& message);
  void create_channel(const ChannelRequest& request, Done<SecureChannelInfo> done);
  SecureChannelInfo info(const control::Channel& channel);
  Status start_services();
  void start_project_alias(const std::string& project_id);
  // The policy of a resource ends with it (spec/04 9.1).
  void forget_policy(const std::string& resource);
  void restore_listeners();
  void report(Done<CountersReport> done);

  control::NodeCore core;
  control::WorkerTable workers;
  control::Messenger messenger;
  control::Links links;
  Policies policies;
  control::Rights rights;
  control::Channels channels;
  control::ChannelListeners channel_listeners;
  control::Connections connections;
  control::ResourceKeeper keeper;
  control::Services services;
  control::RelayService relay_service;
  control::RelayClients relays;
  control::Inlets inlets;
  control::Outlets outlets;
  control::Forwarders forwarders;
  control::FirstMeetings first_meetings;
  control::AuthorityServer authority;
  control::AuthorityClient authority_client;
  control::OwnCredentials own_credentials;
  control::RevocationWatch revocations;
  control::LatencyProfiler latency;

  Node::ApiHandler api;
  std::uint32_t api_pending = 0;
  bool commands_kept = false;  // by a port whose ring is full
  std::optional<SocketAddress> bound;
  WorkerAddress default_listener;
  // Connections that `secure-channel create` made, by channel: they end together.
  std::map<ControlId, ControlId> under_channel;

 private:
  struct Counting {
    CountersReport report;
    std::size_t missing = 0;
    Done<CountersReport> done;
  };
  void on_reported(Reported& event);
  void on_rights_changed(const std::optional<Identifier>& peer);
  std::map<ControlId, Counting> counting_;
  std::map<ControlId, std::pair<ControlId, ShardId>> counting_shard_;
};

}  // namespace weir
