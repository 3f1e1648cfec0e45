// What a node says of itself (control/node/types.h) as bodies of its API. Pure.
#pragma once

#include "control/node/api/models.h"
#include "control/node/types.h"

namespace weir::api {

TransportStatus to_body(const TransportInfo& info);
SecureChannelStatus to_body(const SecureChannelInfo& info);
SecureChannelListener to_body(const ChannelListenerInfo& info);
ServiceStatus to_body(const ServiceInfo& info);
WorkerStatus to_body(const WorkerInfo& info);
RelayInfo to_body(const weir::RelayInfo& info);
InletStatus to_body(const weir::InletStatus& status);
OutletStatus to_body(const weir::OutletStatus& status);
ForwarderStatus to_body(const ForwarderInfo& info);
NodeStatus to_body(const NodeConfig& config);
NodeResources to_body(const weir::NodeResources& resources);
LatencyStarted to_body(const LatencySession& session);
LatencyReport to_body(const LatencyReading& reading);
// Drop reasons with a count of 0 are left out.
CountersReport to_body(const weir::CountersReport& report, const NodeLimits& limits);

// By kind: uppercase, echo, hop, then what weir does not know; the order within a kind is kept.
void sort_services(std::vector<ServiceStatus>& services);

template <class From>
auto to_bodies(const std::vector<From>& items) {
  std::vector<decltype(to_body(items.front()))> out;
  out.reserve(items.size());
  for (const From& item : items) out.push_back(to_body(item));
  return out;
}

}  // namespace weir::api
