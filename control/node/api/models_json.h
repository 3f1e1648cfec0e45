// Bodies as JSON, with Ockam's names and in its order (spec/07 4.4, 5-7; spec/08 2.5). The endpoint
// prints it as it is; the command sorts (nlohmann::json(value)) and indents.
#pragma once

#include <nlohmann/json.hpp>

#include "control/node/api/models.h"

namespace weir::api {

using Json = nlohmann::ordered_json;

// Compact, in declaration order. Text that is not UTF-8 is replaced, never thrown over.
std::string compact_text(const Json& json);

// {"tt": 0, "inner": [97, 112, 105]}
Json json_of(const wire::Address& address);
Json json_of(const TransportStatus& status);
Json json_of(const SecureChannelListener& listener);
Json json_of(const InletStatus& inlet);    // ours only when set: last_failure, last_stream_reason
Json json_of(const OutletStatus& outlet);  // ours only when set: authorized
Json json_of(const ServiceStatus& service);
Json json_of(const RelayInfo& relay);
Json json_of(const SecureChannelStatus& channel);
Json json_of(const NodeResources& node);
Json json_of(const ForwarderStatus& forwarder);
Json json_of(const CountersReport& report);

template <class T>
Json json_of(const std::vector<T>& items) {
  Json out = Json::array();
  for (const T& item : items) out.push_back(json_of(item));
  return out;
}

}  // namespace weir::api
