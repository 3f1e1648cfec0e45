#include "control/node/api/convert.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/telemetry/counters.h"

namespace weir::api {
namespace {

constexpr std::string_view kNoWorker = "<none>";

std::string local_text(const std::string& address) {
  return address == kNoWorker ? address : wire::address_text(wire::kTypeLocal, as_bytes(address));
}

ConnectionStatus to_body(weir::ConnectionStatus status) {
  return status == weir::ConnectionStatus::kUp ? ConnectionStatus::kUp : ConnectionStatus::kDown;
}

TransportMode to_body(weir::TransportMode mode) {
  switch (mode) {
    case weir::TransportMode::kListen:
      return TransportMode::kListen;
    case weir::TransportMode::kIncoming:
      return TransportMode::kIncoming;
    case weir::TransportMode::kOutgoing:
      return TransportMode::kOutgoing;
  }
  return TransportMode::kListen;
}

ProcessStatus running(std::int64_t pid) {
  return {ProcessStatus::State::kRunning, static_cast<std::uint32_t>(pid)};
}

ShardCounters shard_to_body(const std::vector<std::uint64_t>& counters) {
  constexpr std::size_t kValues = static_cast<std::size_t>(Counter::kCount);
  constexpr std::size_t kDrops = static_cast<std::size_t>(DropReason::kCount);
  ShardCounters out;
  for (std::size_t i = 0; i < kValues && i < counters.size(); ++i) {
    out.values.push_back({counter_name(static_cast<Counter>(i)), counters[i]});
  }
  for (std::size_t i = 0; i < kDrops && kValues + i < counters.size(); ++i) {
    const std::uint64_t count = counters[kValues + i];
    const auto reason = static_cast<DropReason>(i);
    if (count > 0)
      out.drops.push_back({drop_reason_name(reason), drop_reason_words(reason), count});
  }
  return out;
}

std::vector<NamedValue> limits_to_body(const NodeLimits& limits) {
  return {{"half_open_handshakes_max", limits.half_open_handshakes_max},
          {"half_open_handshakes_per_link_max", limits.half_open_handshakes_per_link_max},
          {"half_open_handshake_ms", limits.half_open_handshake_ms},
          {"relays_max", limits.relays_max},
          {"relays_per_owner_max", limits.relays_per_owner_max},
          {"channels_max", limits.channels_max},
          {"forwarders_max", limits.forwarders_max},
          {"pending_requests_max", limits.pending_requests_max}};
}

}  // namespace

TransportStatus to_body(const TransportInfo& info) {
  return {.mode = to_body(info.mode),
          .socket_address = info.socket_address.text(),
          .worker_address = local_text(info.worker_address),
          .processor_address = local_text(info.processor_address),
          .flow_control_id = {info.flow_control_id}};
}

SecureChannelStatus to_body(const SecureChannelInfo& info) {
  SecureChannelStatus out;
  out.address.push_back(wire::Proto::kService, info.encryptor);
  out.route = info.route;
  out.authorized = info.authorized;
  out.flow_control_id = {info.flow_control_id};
  out.their_identifier = info.peer;
  if (!info.peer_history_hex.empty()) out.their_change_history = info.peer_history_hex;
  return out;
}

SecureChannelListener to_body(const ChannelListenerInfo& info) {
  return {wire::Address::local(info.address), {info.flow_control_id}, info.key_exchange_only};
}

ServiceStatus to_body(const ServiceInfo& info) { return {info.address, info.type}; }
WorkerStatus to_body(const WorkerInfo& info) { return {info.address}; }

RelayInfo to_body(const weir::RelayInfo& info) {
  RelayInfo out;
  out.forwarding_route = info.forwarding_route;
  out.remote_address = info.remote_address;
  if (info.worker_address) out.worker_address = local_text(*info.worker_address);
  if (info.flow_control_id) out.flow_control_id = FlowControlId{*info.flow_control_id};
  out.connection_status = to_body(info.status);
  out.destination_address = info.at;
  out.name = info.name;
  out.last_failure = info.last_failure;
  return out;
}

InletStatus to_body(const weir::InletStatus& status) {
  return {.bind_address = status.bind_address,
          .worker_address = status.worker_address,
          .alias = status.alias,
          .payload = status.payload,
          .outlet_route = status.outlet_route,
          .status = to_body(status.status),
          .outlet_address = status.outlet_address,
          .privileged = status.privileged,
          .last_failure = status.last_failure,
          .last_stream_reason = status.last_stream_reason};
}

OutletStatus to_body(const weir::OutletStatus& status) {
  OutletStatus out;
  out.to = status.to;
  out.worker_address = wire::Address::local(status.address);
  out.payload = status.payload;
  out.privileged = status.privileged;
  if (!status.authorized.empty()) out.authorized = status.authorized;
  return out;
}

ForwarderStatus to_body(const ForwarderInfo& info) {
  return {info.address, info.target, info.connected, info.idle_s};
}

NodeStatus to_body(const NodeConfig& config) {
  return {config.name, config.identity, running(config.pid)};
}

NodeResources to_body(const weir::NodeResources& resources) {
  NodeResources out;
  out.name = resources.name;
  out.identity_name = resources.identity_name;
  out.is_default = resources.is_default;
  out.process = running(resources.pid);
  out.route.short_route.push_back(wire::Proto::kNode, resources.name);
  if (resources.tcp_listener) {
    const std::uint16_t port = resources.tcp_listener->port();
    wire::MultiAddr& verbose = out.route.verbose_route.emplace();
    verbose.push_back(wire::Proto::kDnsAddr, "localhost");
    verbose.push_back({wire::Proto::kTcp,
                       {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)}});
  }
  if (resources.status_endpoint) {
    out.status_endpoint = InternetAddress::parse(resources.status_endpoint->text());
  }
  out.transports = to_bodies(resources.tcp_listeners);
  out.secure_channel_listeners = to_bodies(resources.channel_listeners);
  out.inlets = to_bodies(resources.inlets);
  out.outlets = to_bodies(resources.outlets);
  out.services = to_bodies(resources.services);
  sort_services(out.services);
  return out;
}

CountersReport to_body(const weir::CountersReport& report, const NodeLimits& limits) {
  CountersReport out;
  for (const CounterValue& value : report.control) out.control.push_back({value.name, value.value});
  for (const auto& shard : report.shards) out.shards.push_back(shard_to_body(shard));
  out.limits = limits_to_body(limits);
  return out;
}

void sort_services(std::vector<ServiceStatus>& services) {
  std::vector<ServiceStatus> sorted;
  sorted.reserve(services.size());
  constexpr std::array<std::string_view, 3> kOrder = {"uppercase", "echo", "hop"};
  for (const std::string_view type : kOrder) {
    for (const ServiceStatus& service : services) {
      if (service.type == type) sorted.push_back(service);
    }
  }
  for (const ServiceStatus& service : services) {
    if (std::find(kOrder.begin(), kOrder.end(), service.type) == kOrder.end()) {
      sorted.push_back(service);
    }
  }
  services = std::move(sorted);
}

}  // namespace weir::api
