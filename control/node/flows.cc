#include "control/node/internal/flows.h"

#include "base/check.h"
#include "base/hex.h"

namespace weir::control {

FlowId FlowTable::make() {
  // 24 bits under the shard's byte. After a wrap the oldest ids are long gone; one that is not
  // would have an entry here.
  FlowId flow = kNoFlow;
  do {
    last_ = (last_ + 1) & 0xffffff;
    flow = FlowId{kControlShard} << 24 | last_;
  } while (last_ == 0 || texts_.contains(flow) || producing_.contains(flow));
  return flow;
}

const std::string& FlowTable::text(FlowId flow) {
  auto [it, fresh] = texts_.try_emplace(flow);
  if (fresh) {
    std::uint8_t raw[16];
    rng_.fill(raw);
    it->second = to_hex(raw);
    by_text_.emplace(it->second, flow);
  }
  return it->second;
}

std::optional<FlowId> FlowTable::by_text(const std::string& text) const {
  const auto it = by_text_.find(text);
  if (it == by_text_.end()) return std::nullopt;
  return it->second;
}

void FlowTable::add_producer(FlowId flow, const RandomName& name) {
  producers_[name] = flow;
  producing_[flow];
}

FlowId FlowTable::behind(const WorkerAddress& first_hop) const {
  const auto name = RandomName::of(first_hop);
  if (!name) return kNoFlow;
  const FlowId* flow = producers_.find(*name);
  return flow == nullptr ? kNoFlow : *flow;
}

FlowId FlowTable::behind(const EncodedRoute& route) const {
  const auto first = first_local(route);
  return first ? behind(*first) : kNoFlow;
}

void FlowTable::end(FlowId flow, std::span<const RandomName> names) {
  for (const RandomName& name : names) producers_.erase(name);
  producing_.erase(flow);
  if (const auto it = texts_.find(flow); it != texts_.end()) {
    by_text_.erase(it->second);
    texts_.erase(it);
  }
}

}  // namespace weir::control
