// weir relay create|list|show|delete (spec/07 section 7).
#include <fmt/core.h>

#include <algorithm>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/items.h"
#include "tools/weir/nodes.h"
#include "tools/weir/route_builder.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kRelays[] = "/node/relay";

const ItemKind kRelay = {.singular = "relay",
                         .plural = "relays",
                         .name_key = "RELAY_NAME",
                         .no_name = "No relay name provided",
                         .not_found = {},
                         .not_found_code = {}};

std::vector<std::string> names_of(const std::vector<api::RelayInfo>& relays) {
  std::vector<std::string> names;
  for (const api::RelayInfo& relay : relays) names.push_back(relay.name);
  return names;
}

std::string relay_text(const api::RelayInfo& relay) {
  std::string text =
      fmt::format("Relay {} is {} at {}", relay.name,
                  is_up(relay.connection_status) ? "UP" : "DOWN", relay.destination_address.text());
  if (relay.remote_address) text += "\nWith address /service/" + *relay.remote_address;
  if (relay.last_failure) text += "\nLast failure: " + *relay.last_failure;
  return text;
}

// A word is a node's name; anything with a slash is a route.
wire::MultiAddr relay_route(Context& context, const Arguments& arguments,
                            const std::string& sender) {
  if (!arguments.has("at")) {
    const auto project = context.state().projects().get_default();
    if (!project) {
      give_up(
          Failure{"There is no default project defined. Please enroll or create a project.",
                  {},
                  "enroll with `weir project enroll TICKET`, or name the relay's node with --at, "
                  "such as --at n1 or --at /ip4/A/tcp/P",
                  "OCK401",
                  kExitFailed});
    }
    wire::MultiAddr route;
    route.push_back(wire::Proto::kProject, project->name);
    return route;
  }
  const std::string& at = arguments.text("at");
  wire::MultiAddr route;
  if (at.find('/') == std::string::npos) {
    named_node(context, at);
    route.push_back(wire::Proto::kNode, at);
  } else {
    auto parsed = wire::MultiAddr::parse(at);
    if (!parsed) {
      give_up(Failure{"Argument '--at' is invalid", {parsed.error().text()}, {}, {}, kExitFailed});
    }
    route = std::move(*parsed);
  }
  return buildable_route(context, route, sender, "--at");
}

void run_create(Context& context, const Arguments& arguments) {
  if (arguments.has("project-relay")) {
    context.note(warning_line("--project-relay is deprecated. This flag has no effect"));
  }
  api::CreateRelay request;
  request.name = arguments.text_or("RELAY_NAME", "default");
  request.relay_address = arguments.text_or("relay-address", request.name);
  if (arguments.has("authorized")) request.authorized = identifier_of(arguments.text("authorized"));
  const bool waits = !arguments.has("no-connection-wait");
  request.return_timing =
      waits ? api::ReturnTiming::kAfterConnection : api::ReturnTiming::kImmediately;
  if (!arguments.has("at")) relay_route(context, arguments, {});  // gives up
  const NodeRecord node = node_or_new(context, node_argument(arguments, "to"));
  request.at = relay_route(context, arguments, node.name);
  const auto relay = api_of(context, node).post<api::RelayInfo>(kRelays, request.encode());
  Output output;
  output.json = json_from(relay);
  if (is_up(relay.connection_status) && relay.remote_address && waits) {
    output.machine = "/service/" + *relay.remote_address;
    output.plain = done_line(fmt::format(
        "Now relaying messages from {}/service/{} \u2192 "
        "/node/{}/service/{}",
        request.at.text(), *relay.remote_address, node.name, relay.worker_address.value_or("")));
  } else if (waits) {
    output.plain = warning_line(fmt::format(
        "A relay was created at /node/{} but failed to connect to {}{}\n    It will "
        "retry to connect automatically",
        node.name, request.at.text(), relay.last_failure ? ": " + *relay.last_failure : ""));
  } else {
    output.plain =
        done_line(fmt::format("A relay was created at /node/{}\n    It will "
                              "automatically connect to {} as soon as it is available",
                              node.name, request.at.text()));
  }
  context.print(output);
}

void run_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_of(context, chosen_node(context, node_argument(arguments, "to")));
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& relay : api.get<api::RelayInfoList>(kRelays).items) {
    json.push_back(json_from(relay));
    blocks.push_back(relay_text(relay));
  }
  context.print(
      {.plain = list_text(blocks, fmt::format("No Relays found on node {}", api.node_name())),
       .machine = {},
       .json = std::move(json)});
}

// "0#ab" as /service/ab; null stays null.
Json service_json(const std::optional<std::string>& address) {
  if (!address) return nullptr;
  return "/service/" + (address->starts_with("0#") ? address->substr(2) : *address);
}

void run_show(Context& context, const Arguments& arguments) {
  const NodeApi api = api_of(context, chosen_node(context, node_argument(arguments, "at")));
  const auto relays = api.get<api::RelayInfoList>(kRelays).items;
  show_items(context, arguments, kRelay, names_of(relays), nullptr,
             [&](const std::string& name) -> Output {
               const auto& relay = *std::find_if(relays.begin(), relays.end(),
                                                 [&](const auto& r) { return r.name == name; });
               return {.plain = relay_text(relay),
                       .machine = name,
                       .json = Json{{"connection_status",
                                     api::connection_status_text(relay.connection_status)},
                                    {"destination", relay.destination_address.text()},
                                    {"name", relay.name},
                                    {"relay_route", optional_json(relay.forwarding_route)},
                                    {"remote_address", service_json(relay.remote_address)},
                                    {"worker_address", service_json(relay.worker_address)}}};
             });
}

void run_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_of(context, chosen_node(context, node_argument(arguments, "at")));
  const auto relays = api.get<api::RelayInfoList>(kRelays).items;
  delete_items(context, arguments, kRelay, names_of(relays),
               [&](const std::string& name) -> Output {
                 api.remove(fmt::format("{}/{}", kRelays, name));
                 return {.plain = done_line(fmt::format("Relay with name {} on Node {} has been "
                                                        "deleted",
                                                        name, api.node_name())),
                         .machine = {},
                         .json = {}};
               });
}

}  // namespace

CommandSpec relay_commands() {
  return group("relay", "Manage relays: a name at another node under which this one is reached")
      .with(
          command("create", "Register at a relay node", run_create)
              .with(positional("RELAY_NAME", "Its name [default: default]"))
              .with(option("to", "NODE_NAME", "The node that is to be reached"))
              .with(option("at", "ROUTE", "The relay's node: a name, or the way to it"))
              .with(option("authorized", "IDENTIFIER", "The only identity accepted as the relay's")
                        .checked(check_identifier))
              .with(option("relay-address", "RELAY_ADDRESS",
                           "The name at the relay; by default RELAY_NAME"))
              .with(flag("no-connection-wait", "Answer at once, connect in the background"))
              .with(flag("project-relay", "Deprecated, no effect").hidden())
              .with(option("retry-count", "N", "No effect").alias("retry").hidden())
              .with(option("retry-delay", "DURATION", "No effect").hidden().checked(check_duration))
              .with(flag("no-retry", "No effect").hidden()))
      .with(command("list", "List the relays of a node", run_list)
                .with(option("to", "NODE", "The node; by default the default node")))
      .with(command("show", "Show a relay", run_show)
                .with(positional("RELAY_NAME", "The relay"))
                .with(option("at", "NODE", "The node that is reached through it")))
      .with(with_delete_arguments(command("delete", "Delete a relay", run_delete), kRelay, false)
                .with(option("at", "NODE", "The node that is reached through it")));
}

}  // namespace weir::cli
