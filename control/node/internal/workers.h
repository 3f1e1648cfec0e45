// The worker table: every address that this node has made, which flows may reach it (consumers,
// spec/04 3.1-3.5), and what runs when a message for control arrives there.
//
// A consumer may be declared before its address exists: the permission is kept here and goes to the
// shards with the worker.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "control/node/internal/core.h"
#include "control/node/internal/flat_map.h"
#include "control/node/internal/random_name.h"

namespace weir::control {

struct WorkerSpec {
  WorkerAddress address;
  WorkerKind kind = WorkerKind::kControl;
  std::vector<FlowId> allowed = {};
  EncodedRoute forward = {};
  FlowId forward_flow = kNoFlow;
  std::uint8_t gate = kOpenGate;
  // true: the handler keeps the message's credit and gives it back later by core.message_done.
  std::function<bool(MessageEvent& message)> handle = {};
};

class WorkerTable {
 public:
  explicit WorkerTable(NodeCore& core) : core_(core), seed_(core.rng.next_u64()) {}

  // kAlreadyExists: "operation failed for address 0#x".
  Status add(WorkerSpec spec);
  // An address that another command creates at the shards (outlets); returns the flows to send
  // along.
  Status reserve(const WorkerAddress& address, const std::vector<FlowId>& allowed);
  // Forgets the address and its permissions; for `add`ed ones the shards are told.
  void remove(const WorkerAddress& address);
  // It is the shard's alone from now on (a handshake that became a channel).
  void drop_handler(const WorkerAddress& address);
  bool has(const WorkerAddress& address) const;
  std::vector<WorkerAddress> list() const;

  void allow(FlowId flow, const WorkerAddress& address);
  // Every permission of a flow that has ended.
  void end_flow(FlowId flow);
  std::vector<FlowId> flows_of(const WorkerAddress& address) const;
  bool allowed(FlowId flow, FlowId spawner, const WorkerAddress& address) const;

  void deliver(MessageEvent& message);
  std::size_t permissions() const { return grants_.size() - free_grants_.size(); }

 private:
  using Handle = std::function<bool(MessageEvent& message)>;
  static constexpr std::uint32_t kNone = 0xffffffff;

  // An address: a worker, or only permissions for one that may come. 48 bytes, as there are two for
  // every tunnel.
  struct Worker {
    std::optional<RandomName> random;  // else `text`
    bool exists = false;
    bool ours = false;  // made by AddWorker
    ControlId id = 0;
    std::uint32_t grants = kNone;
    std::uint32_t next_of_hash = kNone;
    std::unique_ptr<const WorkerAddress> text;
  };
  // One flow may reach one address: in two lists, the address's and the flow's.
  struct Grant {
    FlowId flow = kNoFlow;
    std::uint32_t worker = kNone;
    std::uint32_t next_of_worker = kNone;
    std::uint32_t previous_of_worker = kNone;
    std::uint32_t next_of_flow = kNone;
    std::uint32_t previous_of_flow = kNone;
  };

  std::uint32_t hash_of(std::string_view address) const;
  static WorkerAddress text_of(const Worker& worker);
  bool is_named(const Worker& worker, std::string_view address) const;
  std::uint32_t locate(std::string_view address) const;  // kNone if there is none
  std::uint32_t locate_or_make(const WorkerAddress& address);
  // Without a worker and permissions it has no reason to be.
  void forget_if_unused(std::uint32_t index);
  bool has_grant(FlowId flow, std::uint32_t index) const;
  bool grant(FlowId flow, std::uint32_t index);
  void revoke(std::uint32_t grant);

  NodeCore& core_;
  const std::uint64_t seed_;
  std::deque<Worker> workers_;
  std::vector<std::uint32_t> free_workers_;
  std::size_t count_ = 0;                             // of those that exist
  FlatMap<std::uint32_t, std::uint32_t> by_address_;  // hash -> first of its list
  std::deque<Grant> grants_;
  std::vector<std::uint32_t> free_grants_;
  FlatMap<FlowId, std::uint32_t> by_flow_;  // first grant
  std::unordered_map<ControlId, std::shared_ptr<Handle>> handlers_;
};

}  // namespace weir::control
