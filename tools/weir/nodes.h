// Which node a command means, and how to talk to it (spec/07 1.7).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/node/api/models_json.h"
#include "control/store/process.h"
#include "control/store/records.h"
#include "tools/weir/context.h"
#include "tools/weir/node_api.h"
#include "tools/weir/node_options.h"

namespace weir::cli {

// By name; gives up with "There is no node with name N".
NodeRecord named_node(Context& context, const std::string& name);
// The node named, or the default node; gives up with "There is no default node".
NodeRecord chosen_node(Context& context, const std::optional<std::string>& name);
// The same for commands that create something: without a name and without any default node, one is
// created and started, and its output printed. A stopped default node: "Default node exists but is
// not running". A named node is all that counts when there is one: Ockam also insists on the
// default.
NodeRecord node_or_new(Context& context, const std::optional<std::string>& name);
// The node of `--at`, `--from` or `--to`: plain, or /node/NAME.
std::optional<std::string> node_argument(const Arguments& arguments, std::string_view key);

NodeApi api_of(Context& context, const NodeRecord& node);
inline NodeApi api_of(Context& context, const NodeRecord& node, std::uint64_t timeout_ms) {
  NodeApi api = api_of(context, node);
  api.set_timeout_ms(timeout_ms);
  return api;
}

// Starts a node in the background and returns its row once it answers. `restore`: bring back what
// it had (node start); else it starts fresh.
NodeRecord start_node(Context& context, const std::string& name, const NodeOptions& options,
                      bool restore, bool skip_running_check);

// The JSON of `node show` (spec/07 4.4); `live` is what the node itself said.
Json node_json(const NodeRecord& node, const std::optional<api::NodeResources>& live);
std::string node_text(const NodeRecord& node, const std::optional<api::NodeResources>& live);
// "UP", "ZOMBIE" or "DOWN".
const char* status_word(ProcessStatus status);

// A body of the API as JSON with sorted keys.
template <class T>
Json json_from(const T& value) {
  return Json(api::json_of(value));
}
std::string inlet_text(const api::InletStatus& status);
inline bool is_up(api::ConnectionStatus status) { return status == api::ConnectionStatus::kUp; }

}  // namespace weir::cli
