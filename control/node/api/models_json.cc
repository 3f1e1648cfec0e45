#include "control/node/api/models_json.h"

namespace weir::api {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of_identifiers(const std::vector<Identifier>& identifiers) {
  Json out = Json::array();
  for (const Identifier& identifier : identifiers) out.push_back(identifier.text());
  return out;
}

Json json_of(const std::vector<NamedValue>& values) {
  Json out = Json::object();
  for (const NamedValue& value : values) out[value.name] = value.value;
  return out;
}

}  // namespace

std::string compact_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const wire::Address& address) {
  Json inner = Json::array();
  for (const std::uint8_t byte : address.value_bytes()) inner.push_back(byte);
  return {{"tt", address.type}, {"inner", std::move(inner)}};
}

Json json_of(const TransportStatus& status) {
  return {{"type", transport_type_text(status.type)},
          {"mode", transport_mode_text(status.mode)},
          {"socket_addr", status.socket_address},
          {"worker_addr", status.worker_address},
          {"processor_address", status.processor_address},
          {"flow_control_id", status.flow_control_id.text}};
}

Json json_of(const SecureChannelListener& listener) {
  return {{"address", json_of(listener.address)},
          {"flow_control_id", listener.flow_control_id.text},
          {"is_key_exchange_only", listener.key_exchange_only}};
}

Json json_of(const InletStatus& inlet) {
  Json out = {{"bind_addr", inlet.bind_address},
              {"worker_addr", or_null(inlet.worker_address)},
              {"alias", inlet.alias},
              {"payload", or_null(inlet.payload)},
              {"outlet_route", or_null(inlet.outlet_route)},
              {"status", connection_status_text(inlet.status)},
              {"outlet_addr", inlet.outlet_address},
              {"privileged", inlet.privileged}};
  if (inlet.last_failure) out["last_failure"] = *inlet.last_failure;
  if (inlet.last_stream_reason) out["last_stream_reason"] = *inlet.last_stream_reason;
  return out;
}

Json json_of(const OutletStatus& outlet) {
  Json out = {{"to", outlet.to.text()},
              {"worker_addr", json_of(outlet.worker_address)},
              {"payload", or_null(outlet.payload)},
              {"privileged", outlet.privileged}};
  if (outlet.authorized) out["authorized"] = json_of_identifiers(*outlet.authorized);
  return out;
}

Json json_of(const ServiceStatus& service) {
  return {{"addr", service.address}, {"type", service.type}};
}

Json json_of(const RelayInfo& relay) {
  Json flow_control_id = nullptr;
  if (relay.flow_control_id) flow_control_id = relay.flow_control_id->text;
  return {{"forwarding_route", or_null(relay.forwarding_route)},
          {"remote_address", or_null(relay.remote_address)},
          {"worker_address", or_null(relay.worker_address)},
          {"flow_control_id", std::move(flow_control_id)},
          {"connection_status", connection_status_text(relay.connection_status)},
          {"destination_address", relay.destination_address.text()},
          {"name", relay.name},
          {"last_failure", or_null(relay.last_failure)}};
}

Json json_of(const SecureChannelStatus& channel) {
  Json authorized = nullptr;
  if (channel.authorized) authorized = json_of_identifiers(*channel.authorized);
  return {{"address", channel.address.text()},
          {"route", channel.route.text()},
          {"authorized_identifiers", std::move(authorized)},
          {"flow_control_id", channel.flow_control_id.text},
          {"their_identifier", channel.their_identifier.text()},
          {"their_change_history", or_null(channel.their_change_history)}};
}

Json json_of(const NodeResources& node) {
  Json out = {{"name", node.name},
              {"identity_name", node.identity_name},
              {"is_default", node.is_default},
              {"status", node.process.text()}};
  if (node.process.state != ProcessStatus::State::kStopped) out["pid"] = node.process.pid;
  out["route"] = {{"short", node.route.short_route.text()}};
  if (node.route.verbose_route) out["route"]["verbose"] = node.route.verbose_route->text();
  out["status_endpoint_address"] = nullptr;
  if (node.status_endpoint) out["status_endpoint_address"] = node.status_endpoint->text();
  out["transports"] = json_of(node.transports);
  out["secure_channel_listeners"] = json_of(node.secure_channel_listeners);
  out["inlets"] = json_of(node.inlets);
  out["outlets"] = json_of(node.outlets);
  out["services"] = json_of(node.services);
  return out;
}

Json json_of(const ForwarderStatus& forwarder) {
  return {{"address", forwarder.address},
          {"target", forwarder.target},
          {"connected", or_null(forwarder.connected)},
          {"idle_s", or_null(forwarder.idle_s)}};
}

Json json_of(const CountersReport& report) {
  Json shards = Json::array();
  for (const ShardCounters& shard : report.shards) {
    Json drops = Json::array();
    for (const DropCount& drop : shard.drops) {
      drops.push_back(Json{{"name", drop.name}, {"reason", drop.words}, {"count", drop.count}});
    }
    shards.push_back(Json{{"counters", json_of(shard.values)}, {"drops", std::move(drops)}});
  }
  return {{"control", json_of(report.control)},
          {"shards", std::move(shards)},
          {"limits", json_of(report.limits)}};
}

}  // namespace weir::api
