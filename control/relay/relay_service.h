// The relay service: `forwarding_service` and `static_forwarding_service` (spec/04 6.1-6.3).
//
// A registration makes a kRelay worker in every shard; frames never come here. Differences from
// Ockam, all within its silence:
//   - a live name registered over a secure channel belongs to that identity: others are ignored;
//   - a relay ends with the connection or channel that registered it (Ockam keeps a zombie);
//   - any name is only bytes ("x#y" crashes Ockam);
//   - the number of relays is bounded, in all and per owner.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>

#include "control/node/internal/workers.h"

namespace weir::control {

inline constexpr std::size_t kRelayNameBytesMax = 1024;

class RelayService {
 public:
  RelayService(NodeCore& core, WorkerTable& workers) : core_(core), workers_(workers) {}

  void start();
  // The producer that registered is gone.
  void on_flow_ended(FlowId flow);
  std::size_t size() const { return relays_.size(); }

 private:
  struct Relay {
    FlowId flow = kNoFlow;  // of the producer that registered; none: local
    PrincipalId principal = kNoPrincipal;
  };
  void on_message(MessageEvent& message);
  bool may_register(const WorkerAddress& address, const MessageEvent& message);
  void forget(const WorkerAddress& address);

  NodeCore& core_;
  WorkerTable& workers_;
  std::map<WorkerAddress, Relay> relays_;
  std::map<FlowId, std::set<WorkerAddress>> by_flow_;
  std::map<PrincipalId, std::uint32_t> by_principal_;
};

}  // namespace weir::control
