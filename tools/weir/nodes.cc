#include "tools/weir/nodes.h"

#include <fmt/core.h>

#include "base/check.h"
#include "tools/weir/failure.h"
#include "tools/weir/names.h"
#include "tools/weir/node_process.h"
#include "tools/weir/values.h"
#include "tools/weir/vault_secret.h"

namespace weir::cli {
namespace {

const char* status_name(ProcessStatus status) {
  switch (status) {
    case ProcessStatus::kRunning:
      return "running";
    case ProcessStatus::kZombie:
      return "zombie";
    case ProcessStatus::kStopped:
      break;
  }
  return "stopped";
}

std::string port_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  return colon == std::string::npos ? "" : address.substr(colon + 1);
}

}  // namespace

NodeRecord named_node(Context& context, const std::string& name) {
  auto node = context.state().nodes().get(name);
  if (!node && node.error().code == Errc::kNotFound) {
    give_up(Failure{fmt::format("There is no node with name {}", name),
                    {},
                    "see `weir node list`",
                    "OCK404",
                    kExitFailed});
  }
  return must(std::move(node));
}

NodeRecord chosen_node(Context& context, const std::optional<std::string>& name) {
  if (name) return named_node(context, *name);
  auto node = context.state().nodes().get_default();
  if (!node && node.error().code == Errc::kNotFound) {
    give_up("There is no default node",
            "make one with `weir node create`, or name a node with --at");
  }
  return must(std::move(node));
}

NodeRecord node_or_new(Context& context, const std::optional<std::string>& name) {
  if (name) return named_node(context, *name);
  auto node = context.state().nodes().get_default();
  if (!node && node.error().code == Errc::kNotFound) {
    const NodeRecord made =
        start_node(context, random_name(context.rng()), NodeOptions{}, false, false);
    context.print({.plain = done_line("Created a new Node named " + made.name),
                   .machine = made.name,
                   .json = std::nullopt});
    return made;
  }
  const NodeRecord found = must(std::move(node));
  if (node_status(found) != ProcessStatus::kRunning) {
    give_up("Default node exists but is not running",
            fmt::format("start it with `weir node start {}`", found.name));
  }
  return found;
}

std::optional<std::string> node_argument(const Arguments& arguments, std::string_view key) {
  if (!arguments.has(key)) return std::nullopt;
  return node_name_of(arguments.text(key));
}

NodeApi api_of(Context& context, const NodeRecord& node) {
  return NodeApi(node, default_timeout_ms(context.env()));
}

NodeRecord start_node(Context& context, const std::string& name, const NodeOptions& options,
                      bool restore, bool skip_running_check) {
  BackgroundStart start;
  start.home = context.home();
  start.timeout_ms = default_timeout_ms(context.env());
  start.words = {"node", "create", "--foreground"};
  const std::vector<std::string> words = option_words(options);
  start.words.insert(start.words.end(), words.begin(), words.end());
  if (restore) start.words.emplace_back("--restore");
  if (skip_running_check) start.words.emplace_back("--skip-is-running-check");
  if (context.globals().quiet) start.words.emplace_back("--quiet");
  start.words.emplace_back("--no-input");
  start.words.push_back(name);
  // A state or a vault that cannot be opened is this process's failure, told once.
  auto before = context.state().nodes().get(name);
  const bool keeps_identity = options.identity.empty() && before.has_value();
  unlock_for_node(context, keeps_identity ? before->identity_name : options.identity);
  start_in_background(start);
  return named_node(context, name);
}

const char* status_word(ProcessStatus status) {
  switch (status) {
    case ProcessStatus::kRunning:
      return "UP";
    case ProcessStatus::kZombie:
      return "ZOMBIE";
    case ProcessStatus::kStopped:
      break;
  }
  return "DOWN";
}

std::string inlet_text(const api::InletStatus& status) {
  std::string out = fmt::format("Inlet {} at {} is {}", status.alias, status.bind_address,
                                is_up(status.status) ? "UP" : "DOWN");
  if (status.outlet_route) out += "\nWith route to outlet " + *status.outlet_route;
  out += "\nOutlet Address: " + status.outlet_address;
  if (status.last_failure) out += "\nLast failure: " + *status.last_failure;
  if (status.last_stream_reason) out += "\nLast failed connection: " + *status.last_stream_reason;
  return out;
}

Json node_json(const NodeRecord& node, const std::optional<api::NodeResources>& live) {
  // What the process table and the state know wins over what the node said when it started.
  const ProcessStatus status = node_status(node);
  Json json = live ? json_from(*live) : Json::object();
  if (!live) {
    json["identity_name"] = node.identity_name;
    json["status_endpoint_address"] = nullptr;
    for (const char* key :
         {"transports", "secure_channel_listeners", "inlets", "outlets", "services"}) {
      json[key] = Json::array();
    }
    json["route"]["short"] = "/node/" + node.name;
    const std::string port = port_of(node.tcp_listener_address);
    if (!port.empty()) json["route"]["verbose"] = "/dnsaddr/localhost/tcp/" + port;
  }
  json["name"] = node.name;
  json["is_default"] = node.is_default;
  json["status"] = status_name(status);
  json.erase("pid");
  if (status != ProcessStatus::kStopped) json["pid"] = node.pid;
  return json;
}

std::string node_text(const NodeRecord& node, const std::optional<api::NodeResources>& live) {
  const ProcessStatus status = node_status(node);
  const std::string port = port_of(node.tcp_listener_address);
  std::string out = fmt::format("    {}{}:\n", node.name, node.is_default ? " (default)" : "");
  out += fmt::format("    The node is {}", status_word(status));
  if (status != ProcessStatus::kStopped) out += fmt::format(", with PID {}", node.pid);
  out += fmt::format("\n    With route /node/{}", node.name);
  if (!port.empty()) out += " or /dnsaddr/localhost/tcp/" + port;
  if (live && live->status_endpoint) {
    out += "\n    Status endpoint listening at " + live->status_endpoint->text();
  }
  out += "\n    Identity: " + (live ? live->identity_name : node.identity_name);
  if (!live) return out;
  out += "\n    Transports:";
  for (const auto& info : live->transports) {
    out += "\n      TCP, Listening at " + info.socket_address;
  }
  out += "\n    Secure Channels:";
  for (const auto& info : live->secure_channel_listeners) {
    out += "\n      Listener at /service/" + info.address.value;
  }
  out += live->inlets.empty() && live->outlets.empty() ? "\n    No Portals" : "\n    Portals:";
  for (const auto& info : live->inlets) {
    out += fmt::format("\n      Inlet {} at {} is {}", info.alias, info.bind_address,
                       is_up(info.status) ? "UP" : "DOWN");
  }
  for (const auto& info : live->outlets) {
    out +=
        fmt::format("\n      Outlet /service/{} to {}", info.worker_address.value, info.to.text());
  }
  out += "\n    Services:";
  for (const auto& info : live->services) {
    out += fmt::format("\n      Service {} at /service/{}", info.type, info.address);
  }
  return out;
}

}  // namespace weir::cli
