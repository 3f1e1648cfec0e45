// Flow control ids: the contract's numbers, the texts that users see, and who produces what
// (spec/04 3.1, 3.3). Consumers are in workers.h.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/rng.h"
#include "control/node/internal/routes.h"
#include "dataplane/contract.h"

namespace weir::control {

class FlowTable {
 public:
  explicit FlowTable(Rng& rng) : rng_(rng) {}

  // A new id of control's own.
  FlowId make();
  // 32 random hex digits, the same for the same id until it ends.
  const std::string& text(FlowId flow);
  std::optional<FlowId> by_text(const std::string& text) const;

  // The worker addresses by which a route names this producer: sender and receiver of a connection,
  // encryptor of a channel.
  void add_producer(FlowId flow, const std::vector<WorkerAddress>& aliases);
  bool is_producing(FlowId flow) const { return aliases_.contains(flow); }
  // The producer behind the first hop of a route; kNoFlow for a local one.
  FlowId behind(const WorkerAddress& first_hop) const;
  FlowId behind(const EncodedRoute& route) const;

  // Forgets text and aliases.
  void end(FlowId flow);

 private:
  Rng& rng_;
  std::uint32_t last_ = 0;
  std::unordered_map<FlowId, std::string> texts_;
  std::unordered_map<std::string, FlowId> by_text_;
  std::unordered_map<FlowId, std::vector<WorkerAddress>> aliases_;
  std::unordered_map<WorkerAddress, FlowId> producers_;
};

}  // namespace weir::control
