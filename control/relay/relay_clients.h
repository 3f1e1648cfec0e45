// Relays that this node has elsewhere (spec/04 6.4): a registration at another node's relay
// service, kept alive by a session. Everything that arrives by the relay is the data plane's
// business.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/node/internal/connections.h"
#include "control/node/internal/store.h"
#include "control/session/session.h"

namespace weir::control {

class RelayClients {
 public:
  RelayClients(NodeCore& core, WorkerTable& workers, Connections& connections,
               ResourceKeeper& keeper)
      : core_(core), workers_(workers), connections_(connections), keeper_(keeper) {}
  ~RelayClients();

  // Created even when the relay node cannot be reached: status Down, and it keeps trying.
  void create(const RelayRequest& request, Done<RelayInfo> done);
  std::vector<RelayInfo> list() const;
  Result<RelayInfo> show(const std::string& name) const;
  Status remove(const std::string& name);
  void restore();
  void stop_all();

 private:
  struct Relay {
    RelayRequest request;
    std::unique_ptr<Session> session;
    ControlId connection = 0;
    Connection up;  // while registering or up
    WorkerAddress main_remote;
    TimerId registration_timer = kNoTimer;
    Done<wire::Route> attempt;     // of the session
    std::string remote_address;    // while up
    std::string forwarding_route;  // while up
    TimerId answer_timer = kNoTimer;
    Done<RelayInfo> answer;  // of create, until it is given
  };
  void open(Relay& relay, unsigned timeouts, Done<wire::Route> done);
  void close(Relay& relay);
  void register_at(Relay& relay, unsigned timeouts, const Connection& connection);
  void on_message(Relay& relay, MessageEvent& message);
  void on_service_message(Relay& relay, MessageEvent& message);
  void answer(Relay& relay);
  RelayInfo info(const Relay& relay) const;
  Relay* find(const std::string& name);

  NodeCore& core_;
  WorkerTable& workers_;
  Connections& connections_;
  ResourceKeeper& keeper_;
  std::map<std::string, std::unique_ptr<Relay>> relays_;
};

}  // namespace weir::control
