// weir service, worker, flow-control (spec/07 section 12) and forwarder (spec/09 section 2).
#include <fmt/core.h>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/items.h"
#include "tools/weir/nodes.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kForwarders[] = "/node/forwarder";

const ItemKind kForwarder = {.singular = "forwarder",
                             .plural = "forwarders",
                             .name_key = "ADDRESS",
                             .no_name = "No forwarder address provided",
                             .not_found = {},
                             .not_found_code = {}};

NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, node_argument(arguments, "at")));
}

void run_service_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& service : api.get<api::ServiceStatusList>("/node/services").items) {
    json.push_back(json_from(service));
    blocks.push_back(fmt::format("Service {}\nAddress /service/{}", service.type, service.address));
  }
  context.print(
      {.plain = list_text(blocks, fmt::format("No services found at node {}", api.node_name())),
       .machine = {},
       .json = std::move(json)});
}

void run_start_hop(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const std::string address = service_name_of(arguments.text_or("addr", "hop"));
  context.note(warning_line("SECURITY WARNING: Don't use Hop service in production nodes"));
  const auto answer = api.try_call(wire::Method::kPost, "/node/services/hop",
                                   api::StartService{.address = address}.encode());
  if (!answer) {
    give_up(Failure{"Failed to start Hop service", {answer.error().text()}, {}, {}, kExitFailed});
  }
  context.note(done_line("Service started at address " + address));
}

void run_worker_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  std::vector<std::string> blocks;
  for (const auto& worker : api.get<api::WorkerList>("/node/workers").items) {
    blocks.push_back("Worker " + worker.address);
  }
  context.print({.plain = list_text(blocks, fmt::format("No workers found on {}", api.node_name())),
                 .machine = {},
                 .json = {}});
}

void run_add_consumer(Context& context, const Arguments& arguments) {
  api::AddConsumer request;
  request.flow_control_id.text = arguments.text("FLOW_CONTROL_ID");
  request.address = route_of(arguments.text("ADDRESS"));
  api_at(context, arguments)
      .call(wire::Method::kPost, "/node/flow_controls/add_consumer", request.encode());
}

std::string forwarder_text(const api::ForwarderStatus& forwarder) {
  return fmt::format("Forwarder /service/{}\nTo {}, {}, unused for {} s", forwarder.address,
                     forwarder.target, forwarder.connected.value_or(false) ? "connected" : "idle",
                     forwarder.idle_s.value_or(0));
}

void run_forwarder_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& forwarder : api.get<api::ForwarderList>(kForwarders).items) {
    json.push_back(json_from(forwarder));
    blocks.push_back(forwarder_text(forwarder));
  }
  context.print(
      {.plain = list_text(blocks, fmt::format("No forwarders found on {}", api.node_name())),
       .machine = {},
       .json = std::move(json)});
}

void run_forwarder_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  std::vector<std::string> names;
  for (const auto& forwarder : api.get<api::ForwarderList>(kForwarders).items) {
    names.push_back(forwarder.address);
  }
  delete_items(context, arguments, kForwarder, names, [&](const std::string& name) -> Output {
    api.remove(fmt::format("{}/{}", kForwarders, name));
    return {.plain = done_line(
                fmt::format("Forwarder {} on node {} has been deleted", name, api.node_name())),
            .machine = name,
            .json = Json{{"address", name}, {"node", api.node_name()}}};
  });
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

}  // namespace

CommandSpec service_commands() {
  return group("service", "Manage services")
      .with(group("start", "Start a service")
                .with(command("hop", "Pass messages on to the next address of their route",
                              run_start_hop)
                          .with(option("addr", "ADDRESS", "Its address").by_default("hop"))
                          .with(at_option())))
      .with(command("list", "List the services of a node", run_service_list).with(at_option()));
}

CommandSpec worker_commands() {
  return group("worker", "Look at workers")
      .with(command("list", "List the workers of a node", run_worker_list).with(at_option()));
}

CommandSpec flow_control_commands() {
  return group("flow-control", "Manage who may send to whom")
      .with(command("add-consumer", "Let a flow control's producer send to a worker",
                    run_add_consumer)
                .with(required_positional("FLOW_CONTROL_ID", "32 hex digits"))
                .with(required_positional("ADDRESS", "The worker, such as /service/echo",
                                          check_route))
                .with(at_option())
                .help_when_empty());
}

CommandSpec forwarder_commands() {
  return group("forwarder", "Look at what passes messages on for paths over several nodes (weir)")
      .with(command("list", "List the forwarders of a node", run_forwarder_list).with(at_option()))
      .with(with_delete_arguments(command("delete", "Delete a forwarder", run_forwarder_delete),
                                  kForwarder)
                .with(at_option()));
}

}  // namespace weir::cli
