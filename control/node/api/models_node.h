// What a node says of itself (spec/04 5.3).
#pragma once

#include "control/node/api/models_channel.h"
#include "control/node/api/models_portal.h"
#include "control/node/api/models_service.h"
#include "control/node/api/models_transport.h"

namespace weir::api {

struct ProcessStatus {
  enum class State : std::uint8_t { kRunning = 0, kZombie = 1, kStopped = 2 };
  State state = State::kRunning;
  std::uint32_t pid = 0;  // meaningless when stopped

  const char* text() const;  // "running", "zombie", "stopped"
  friend bool operator==(const ProcessStatus&, const ProcessStatus&) = default;
};

struct NodeStatus {
  std::string name;
  Identifier identifier;
  ProcessStatus process;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.name);
    field(2, m.identifier);
    field(3, m.process);
  }
  Bytes encode() const;
  static Result<NodeStatus> decode(ByteSpan body);
};

struct RouteToNode {
  wire::MultiAddr short_route;                   // /node/NAME
  std::optional<wire::MultiAddr> verbose_route;  // /dnsaddr/localhost/tcp/PORT

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.short_route);
    field(2, m.verbose_route);
  }
};

struct NodeResources {
  std::string name;
  std::string identity_name;
  bool is_default = false;
  ProcessStatus process;
  RouteToNode route;
  std::optional<InternetAddress> status_endpoint;
  std::vector<TransportStatus> transports;  // TCP listeners only
  std::vector<SecureChannelListener> secure_channel_listeners;
  std::vector<InletStatus> inlets;
  std::vector<OutletStatus> outlets;
  std::vector<ServiceStatus> services;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.name);
    field(2, m.identity_name);
    field(3, m.is_default);
    field(4, m.process);
    field(5, m.route);
    field(6, m.status_endpoint);
    field(7, m.transports);
    field(8, m.secure_channel_listeners);
    field(9, m.inlets);
    field(10, m.outlets);
    field(11, m.services);
  }
  Bytes encode() const;
  static Result<NodeResources> decode(ByteSpan body);
};

}  // namespace weir::api
