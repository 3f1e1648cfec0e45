// TCP inlets (spec/05 section 9): a listening socket of the data plane, and the route behind it
// that a session keeps alive. The socket is bound at once, also when the outlet cannot be reached,
// and stays bound while the session is down; clients are then closed as they come.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/node/internal/connections.h"
#include "control/node/internal/messenger.h"
#include "control/node/internal/store.h"
#include "control/session/session.h"

namespace weir::control {

class Inlets {
 public:
  Inlets(NodeCore& core, WorkerTable& workers, Messenger& messenger, Connections& connections,
         Channels& channels, ResourceKeeper& keeper, Rights& rights)
      : core_(core),
        workers_(workers),
        messenger_(messenger),
        connections_(connections),
        channels_(channels),
        keeper_(keeper),
        rights_(rights) {}
  ~Inlets();

  void create(const InletRequest& request, Done<InletStatus> done);
  std::vector<InletStatus> list() const;
  Result<InletStatus> show(const std::string& alias) const;
  Result<InletStatus> remove(const std::string& alias);
  void restore();
  void stop_all();
  // Inlets whose other end may no longer send to them lose their route.
  void on_rights_changed(const std::optional<Identifier>& peer);
  // Logs why a stream ended; false when `portal` is no inlet.
  bool on_stream_ended(const StreamEnded& event);

 private:
  struct Inlet {
    ControlId id = 0;
    InletRequest request;
    SocketAddress bound;
    WorkerAddress worker;  // a name for its acceptor, only shown
    std::unique_ptr<Session> session;
    ControlId connection = 0;
    ControlId proof = 0;  // the request that waits for an answer through it
    Connection up;
    wire::Route route;  // while up
    std::string last_stream_reason;
    std::uint64_t started_ns = 0;
    TimerId answer_timer = kNoTimer;
    Done<InletStatus> answer;
  };
  void bind(Inlet& inlet, const SocketAddress& address);
  void bound(const std::string& alias, const Listening& event);
  void open(Inlet& inlet, unsigned timeouts, Done<wire::Route> done);
  void prove(Inlet& inlet, std::uint64_t timeout_ms, Done<wire::Route> done);
  void route_up(Inlet& inlet);
  void answer(Inlet& inlet);
  void keep(const Inlet& inlet);
  // kRefused when no policy lets the other end of the route send to this inlet.
  Status check_peer(const Inlet& inlet, const wire::Route& route) const;
  PrincipalId expected_peer(const wire::Route& route) const;
  InletStatus status(const Inlet& inlet) const;

  NodeCore& core_;
  WorkerTable& workers_;
  Messenger& messenger_;
  Connections& connections_;
  Channels& channels_;
  ResourceKeeper& keeper_;
  Rights& rights_;
  std::map<std::string, std::unique_ptr<Inlet>> inlets_;
  std::map<ControlId, Inlet*> by_id_;
};

}  // namespace weir::control
