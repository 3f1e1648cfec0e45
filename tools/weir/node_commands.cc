// weir node list|show|start|stop|delete|default|logs. `create` and `counters` have their own files.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "control/store/home.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/items.h"
#include "tools/weir/node_process.h"
#include "tools/weir/nodes.h"

namespace weir::cli {
namespace {

constexpr char kName[] = "NODE_NAME";

const ItemKind kNode = {.singular = "node",
                        .plural = "nodes",
                        .name_key = kName,
                        .no_name = {},
                        .not_found = {},
                        .not_found_code = {}};

std::vector<std::string> node_names(Context& context) {
  std::vector<std::string> names;
  for (const NodeRecord& node : must(context.state().nodes().list())) names.push_back(node.name);
  return names;
}

std::optional<api::NodeResources> live_resources(Context& context, const NodeRecord& node) {
  if (node_status(node) != ProcessStatus::kRunning) return std::nullopt;
  return api_of(context, node).resources();
}

Output node_output(Context& context, const NodeRecord& node) {
  const auto live = live_resources(context, node);
  return {.plain = node_text(node, live), .machine = std::nullopt, .json = node_json(node, live)};
}

void run_list(Context& context, const Arguments&) {
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const NodeRecord& node : must(context.state().nodes().list())) {
    const ProcessStatus status = node_status(node);
    const bool has_process = status != ProcessStatus::kStopped;
    Json state = {{"status", status == ProcessStatus::kRunning  ? "running"
                             : status == ProcessStatus::kZombie ? "zombie"
                                                                : "stopped"}};
    if (has_process) state["pid"] = node.pid;
    json.push_back({{"is_default", node.is_default},
                    {"node_name", node.name},
                    {"pid", has_process ? Json(node.pid) : Json(nullptr)},
                    {"status", std::move(state)}});
    blocks.push_back(fmt::format("Node {}{} is {}", node.name, node.is_default ? " (default)" : "",
                                 status_word(status)) +
                     (has_process ? fmt::format("\nWith PID {}", node.pid) : ""));
  }
  context.print({.plain = list_text(blocks, "No nodes found on this system."),
                 .machine = std::nullopt,
                 .json = std::move(json)});
}

void run_show(Context& context, const Arguments& arguments) {
  ItemKind kind = kNode;
  kind.not_found = "There is no node with name {}";
  kind.not_found_code = "OCK404";
  show_items(
      context, arguments, kind, node_names(context),
      [&] { return chosen_node(context, std::nullopt).name; },
      [&](const std::string& name) { return node_output(context, named_node(context, name)); });
}

// The stopped nodes a user may mean, or the one that was named.
std::vector<NodeRecord> nodes_to_start(Context& context, const Arguments& arguments) {
  if (arguments.has(kName)) return {named_node(context, arguments.text(kName))};
  if (!context.can_ask()) return {chosen_node(context, std::nullopt)};
  std::vector<std::string> stopped;
  for (const NodeRecord& node : must(context.state().nodes().list())) {
    if (node_status(node) != ProcessStatus::kRunning) stopped.push_back(node.name);
  }
  if (stopped.empty()) give_up("All the nodes are already started, nothing to do");
  if (stopped.size() > 1) stopped = context.choose("Which nodes do you want to start?", stopped);
  std::vector<NodeRecord> nodes;
  for (const std::string& name : stopped) nodes.push_back(named_node(context, name));
  return nodes;
}

void run_start(Context& context, const Arguments& arguments) {
  for (const NodeRecord& node : nodes_to_start(context, arguments)) {
    if (node_status(node) == ProcessStatus::kRunning) {
      context.print({.plain = fmt::format("  \u2717 The node '{}' is already running. If you want "
                                          "to restart it you can call `weir node stop {}` and "
                                          "then `weir node start {}`",
                                          node.name, node.name, node.name),
                     .machine = std::nullopt,
                     .json = std::nullopt});
      continue;
    }
    NodeOptions options = must(options_from_json(node.options));
    // The port it had, so that those who know it find it again.
    if (!node.tcp_listener_address.empty())
      options.tcp_listener_address = node.tcp_listener_address;
    options.identity = node.identity_name;
    const NodeRecord started = start_node(context, node.name, options, true, false);
    Output output = node_output(context, started);
    if (!context.globals().quiet) {
      // On a pipe Ockam's child prints the name, and the command the document behind it.
      output.machine = started.name + json_text(*output.json, false);
      if (context.globals().compact) output.machine.reset();
    }
    context.print(output);
  }
}

void run_stop(Context& context, const Arguments& arguments) {
  if (arguments.has("force")) {
    context.note(warning_line("--force is deprecated. This flag has no effect"));
  }
  const std::vector<NodeRecord> all = must(context.state().nodes().list());
  const auto is_up = [](const NodeRecord& node) {
    return node_status(node) == ProcessStatus::kRunning;
  };
  const bool any_up = std::any_of(all.begin(), all.end(), is_up);
  if (!any_up) {
    context.print({.plain = info_line("There are no nodes running"),
                   .machine = std::nullopt,
                   .json = std::nullopt});
    return;
  }
  const NodeRecord node = chosen_node(context, arguments.optional(kName));
  if (!is_up(node))
    give_up(fmt::format("The node {} was not found", node.name), "it is not running");
  if (!stop_process(node.pid, node.pid_start_ticks)) {
    give_up(fmt::format("The node {} could not be stopped", node.name),
            fmt::format("its process is {}; is it yours?", node.pid));
  }
  must(context.state().nodes().set_stopped(node.name, node.pid));
  context.print({.plain = done_line(fmt::format("The node with name {} was stopped", node.name)),
                 .machine = std::nullopt,
                 .json = std::nullopt});
}

Output remove_node(Context& context, const std::string& name) {
  const NodeRecord node = named_node(context, name);
  if (node_status(node) == ProcessStatus::kRunning &&
      !stop_process(node.pid, node.pid_start_ticks)) {
    give_up(fmt::format("The node {} could not be stopped", name));
  }
  must(context.state().nodes().remove(name));
  must(remove_node_directory(context.home(), name));
  return {.plain = done_line(fmt::format("The node with name '{}' has been deleted", name)),
          .machine = name,
          .json = Json{{"name", name}}};
}

void run_delete(Context& context, const Arguments& arguments) {
  if (arguments.has("force")) {
    context.note(warning_line("--force is deprecated. This flag has no effect"));
  }
  delete_items(context, arguments, kNode, node_names(context),
               [&](const std::string& name) { return remove_node(context, name); });
}

void run_default(Context& context, const Arguments& arguments) {
  if (!arguments.has(kName)) {
    context.print({.plain = done_line(fmt::format("The default node is '{}'",
                                                  chosen_node(context, std::nullopt).name)),
                   .machine = std::nullopt,
                   .json = std::nullopt});
    return;
  }
  // Ockam accepts any name and is then without default node; here nothing changes.
  const NodeRecord node = named_node(context, arguments.text(kName));
  if (node.is_default) give_up(fmt::format("The node '{}' is already the default", node.name));
  must(context.state().nodes().set_default(node.name));
  context.print({.plain = done_line(fmt::format("The node '{}' is now the default", node.name)),
                 .machine = node.name,
                 .json = std::nullopt});
}

// The most recently written file of the node's folder whose name says stdout.
std::optional<std::string> newest_log(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  std::optional<fs::directory_entry> newest;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().filename().string().find("stdout") == std::string::npos) continue;
    std::error_code gone;
    if (!newest || entry.last_write_time(gone) > newest->last_write_time(gone)) newest = entry;
  }
  if (!newest) return std::nullopt;
  return newest->path().string();
}

void run_logs(Context& context, const Arguments& arguments) {
  const NodeRecord node = chosen_node(context, arguments.optional(kName));
  const auto path = newest_log(node_directory(context.home(), node.name));
  if (!path) {
    give_up(fmt::format("there is no log file for the node {}", node.name),
            "a foreground node logs to its terminal");
  }
  context.print({.plain = done_line("The path for the log file is: " + *path),
                 .machine = *path,
                 .json = Json{{"path", *path}}});
}

CommandSpec on_node(const char* word, const char* about, RunFunction run) {
  return command(word, about, run).with(positional(kName, "The node; by default the default node"));
}

}  // namespace

CommandSpec node_commands() {
  return group("node", "Manage nodes")
      .with(node_create_command())
      .with(with_delete_arguments(command("delete", "Delete a node, stopping it first", run_delete),
                                  kNode)
                .with(flag("force", "Deprecated, no effect").short_form('f').hidden()))
      .with(command("list", "List the nodes", run_list))
      .with(on_node("logs", "Print the path of a node's log", run_logs))
      .with(on_node("show", "Show a node and all it carries", run_show))
      .with(on_node("start", "Start a stopped node as it was", run_start))
      .with(on_node("stop", "Stop a running node", run_stop)
                .with(flag("force", "Deprecated, no effect").short_form('f').hidden()))
      .with(on_node("default", "Show or change the default node", run_default))
      .with(node_counters_command());
}

}  // namespace weir::cli
