// Flow control ids: the contract's numbers, the texts that users see, and who produces what
// (spec/04 3.1, 3.3). Consumers are in workers.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/rng.h"
#include "control/node/internal/flat_map.h"
#include "control/node/internal/random_name.h"
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

  // `name`: how a route names this producer: sender and receiver of a connection, encryptor of a
  // channel. Once for each.
  void add_producer(FlowId flow, const RandomName& name);
  bool is_producing(FlowId flow) const { return producing_.contains(flow); }
  // The producer behind the first hop of a route; kNoFlow for a local one.
  FlowId behind(const WorkerAddress& first_hop) const;
  FlowId behind(const EncodedRoute& route) const;

  // Forgets text and names. The names must be those that were added: their owner keeps them, so
  // that they are not kept here again.
  void end(FlowId flow, std::span<const RandomName> names);

 private:
  Rng& rng_;
  std::uint32_t last_ = 0;
  std::unordered_map<FlowId, std::string> texts_;
  std::unordered_map<std::string, FlowId> by_text_;
  struct Nothing {};
  FlatMap<FlowId, Nothing> producing_;
  FlatMap<RandomName, FlowId, RandomNameHash> producers_;
};

}  // namespace weir::control
