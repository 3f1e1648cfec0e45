// The worker table: every address that this node has made, which flows may reach it (consumers,
// spec/04 3.1-3.5), and what runs when a message for control arrives there.
//
// A consumer may be declared before its address exists: the permission is kept here and goes to the
// shards with the worker.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "control/node/internal/core.h"

namespace weir::control {

struct WorkerSpec {
  WorkerAddress address;
  WorkerKind kind = WorkerKind::kControl;
  std::vector<FlowId> allowed = {};
  EncodedRoute forward = {};
  FlowId forward_flow = kNoFlow;
  // true: the handler keeps the message's credit and gives it back later by core.message_done.
  std::function<bool(MessageEvent& message)> handle = {};
};

class WorkerTable {
 public:
  explicit WorkerTable(NodeCore& core) : core_(core) {}

  // kAlreadyExists: "operation failed for address 0#x".
  Status add(WorkerSpec spec);
  // An address that another command creates at the shards (outlets); returns the flows to send
  // along.
  Status reserve(const WorkerAddress& address, const std::vector<FlowId>& allowed);
  // Forgets the address and its permissions; for `add`ed ones the shards are told.
  void remove(const WorkerAddress& address);
  bool has(const WorkerAddress& address) const { return workers_.contains(address); }
  std::vector<WorkerAddress> list() const;

  void allow(FlowId flow, const WorkerAddress& address);
  // Every permission of a flow that has ended.
  void end_flow(FlowId flow);
  std::vector<FlowId> flows_of(const WorkerAddress& address) const;
  bool allowed(FlowId flow, FlowId spawner, const WorkerAddress& address) const;

  void deliver(MessageEvent& message);
  std::size_t permissions() const;

 private:
  using Handle = std::function<bool(MessageEvent& message)>;
  struct Worker {
    ControlId id = 0;
    bool ours = false;  // made by AddWorker
  };

  NodeCore& core_;
  std::unordered_map<WorkerAddress, Worker> workers_;
  std::unordered_map<ControlId, std::shared_ptr<Handle>> handlers_;
  std::unordered_map<WorkerAddress, std::set<FlowId>> flows_by_address_;
  std::unordered_map<FlowId, std::set<WorkerAddress>> addresses_by_flow_;
};

}  // namespace weir::control
