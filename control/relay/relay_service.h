// The relay service: `forwarding_service` and `static_forwarding_service` (spec/04 6.1-6.3).
//
// A registration makes a kRelay worker in every shard; frames never come here. Differences from
// Ockam, all within its silence:
//   - a live name registered over a secure channel belongs to that identity: others are ignored;
//   - a relay ends with the connection or channel that registered it (Ockam keeps a zombie). An
//     older registration whose connection still lives then takes over: a registration that was
//     late on a dying connection must not leave a client without its relay, which believes to have
//     one;
//   - any name is only bytes ("x#y" crashes Ockam);
//   - the number of relays is bounded, in all and per owner;
//   - a relay ends when its owner loses the right to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/node/internal/rights.h"
#include "control/node/internal/workers.h"

namespace weir::control {

inline constexpr std::size_t kRelayNameBytesMax = 1024;
// Of one name; the oldest gives way.
inline constexpr std::size_t kRegistrationsMax = 4;

class RelayService {
 public:
  RelayService(NodeCore& core, WorkerTable& workers, Rights& rights)
      : core_(core), workers_(workers), rights_(rights) {}

  void start();
  // The producer that registered is gone.
  void on_flow_ended(FlowId flow);
  // Relays whose owner may no longer have them end.
  void on_rights_changed(const std::optional<Identifier>& peer);
  std::size_t size() const { return relays_.size(); }

 private:
  struct Registration {
    FlowId flow = kNoFlow;  // of the producer that registered; none: local
    PrincipalId principal = kNoPrincipal;
    EncodedRoute forward;
    FlowId forward_flow = kNoFlow;
  };
  void on_message(MessageEvent& message);
  // With an authority: a member whose `ockam-relay` is the name or `*` (spec/04 6.2).
  bool has_right(PrincipalId principal, std::string_view name) const;
  bool may_register(const WorkerAddress& address, const MessageEvent& message);
  void install(const WorkerAddress& address);
  void remove_worker(const WorkerAddress& address);
  // Takes one registration away; true if it was the current one.
  bool drop(const WorkerAddress& address, FlowId flow);

  NodeCore& core_;
  WorkerTable& workers_;
  Rights& rights_;
  // The last one is in force; at most kRegistrationsMax.
  std::map<WorkerAddress, std::vector<Registration>> relays_;
  // Names as keys of relays_, which stay where they are.
  FlatMap<FlowId, std::vector<const WorkerAddress*>> by_flow_;
  FlatMap<PrincipalId, std::uint32_t> by_principal_;
};

}  // namespace weir::control
