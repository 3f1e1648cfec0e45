// weir tcp-outlet create|list|show|delete (spec/07 5.2, spec/05 11.1).
#include <fmt/core.h>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/items.h"
#include "tools/weir/nodes.h"
#include "tools/weir/policy_values.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kOutlets[] = "/node/outlet";

const ItemKind kOutlet = {.singular = "tcp outlet",
                          .plural = "tcp outlets",
                          .name_key = "ALIAS",
                          .no_name = "No TCP Outlet alias provided",
                          .not_found = {},
                          .not_found_code = {}};

NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, node_argument(arguments, "at")));
}

std::string block_of(const api::OutletStatus& status) {
  return fmt::format("Outlet /service/{}\nTo {}", status.worker_address.value, status.to.text());
}

std::vector<std::string> names_of(const std::vector<api::OutletStatus>& outlets) {
  std::vector<std::string> names;
  for (const api::OutletStatus& outlet : outlets) names.push_back(outlet.worker_address.value);
  return names;
}

std::optional<std::string> address_of(Context& context, const Arguments& arguments) {
  if (arguments.has("NAME") && arguments.has("from")) {
    context.note(
        warning_line("The <NAME> argument is being overridden by the --from flag\n"
                     "    Consider using either the <NAME> argument or the --from flag"));
  }
  if (arguments.has("from")) return service_name_of(arguments.text("from"));
  if (arguments.has("NAME")) return service_name_of(arguments.text("NAME"));
  return std::nullopt;
}

void run_create(Context& context, const Arguments& arguments) {
  api::CreateOutlet request;
  request.to = must(wire::SchemeHostnamePort::parse(arguments.text("to"))).hostname_port;
  const auto address = address_of(context, arguments);
  if (address) request.address = wire::Address::local(*address);
  request.skip_handshake =
      arguments.has("skip-handshake") || setting_is_on(context.env(), "TCP_PORTAL_SKIP_HANDSHAKE");
  request.enable_nagle = arguments.has("enable-nagle");
  if (arguments.has("authorized")) {
    request.authorized = identifiers_of(arguments.list("authorized"));
  }
  if (const auto policy = arguments.optional("allow")) {
    warn_about_policy(context, *policy);
    request.policy = policy_of(*policy);
  }
  const NodeRecord node = node_or_new(context, node_argument(arguments, "at"));
  const auto made = api_of(context, node).post<api::OutletStatus>(kOutlets, request.encode());
  const std::string service = "/service/" + made.worker_address.value;
  context.print({.plain = done_line(fmt::format("Created a new TCP Outlet in the Node {} at {} "
                                                "bound to tcp://{}",
                                                node.name, service, made.to.text())),
                 .machine = service,
                 .json = json_from(made)});
}

void run_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& outlet : api.get<api::OutletStatusList>(kOutlets).items) {
    json.push_back({{"from", "/service/" + outlet.worker_address.value}, {"to", outlet.to.text()}});
    blocks.push_back(block_of(outlet));
  }
  context.print(
      {.plain = list_text(blocks, fmt::format("No TCP Outlets found on node {}", api.node_name())),
       .machine = {},
       .json = std::move(json)});
}

void run_show(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const auto outlets = api.get<api::OutletStatusList>(kOutlets).items;
  show_items(context, arguments, kOutlet, names_of(outlets), nullptr,
             [&](const std::string& name) -> Output {
               const auto outlet = api.get<api::OutletStatus>(fmt::format("{}/{}", kOutlets, name));
               return {.plain = block_of(outlet),
                       .machine = {},
                       .json = Json{{"node_name", api.node_name()},
                                    {"to", outlet.to.text()},
                                    {"worker_address", "/service/" + name}}};
             });
}

void run_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const auto outlets = api.get<api::OutletStatusList>(kOutlets).items;
  delete_items(context, arguments, kOutlet, names_of(outlets),
               [&](const std::string& name) -> Output {
                 api.remove(fmt::format("{}/{}", kOutlets, name));
                 return {.plain = done_line(fmt::format("TCP outlet with alias {} on Node {} has "
                                                        "been deleted",
                                                        name, api.node_name())),
                         .machine = name,
                         .json = Json{{"alias", name}, {"node", api.node_name()}}};
               });
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

}  // namespace

CommandSpec tcp_outlet_commands() {
  return group("tcp-outlet", "Manage TCP outlets: where a portal comes out")
      .with(command("create", "Send what comes through portals to a TCP server", run_create)
                .with(positional("NAME", "Its address: NAME or /service/NAME [default: outlet]"))
                .with(option("to", "SOCKET_ADDRESS", "The server: HOST:PORT or PORT")
                          .required()
                          .checked(check_host_port))
                .with(option("from", "OUTLET_ADDRESS", "Its address; wins over NAME"))
                .with(option("at", "NODE_NAME", "The node; by default the default node"))
                .with(option("authorized", "IDENTIFIER",
                             "Serve only portals of this identity; repeatable (weir)")
                          .short_form('a')
                          .repeatable()
                          .checked(check_identifier))
                .with(flag("skip-handshake", "Send data without a handshake of the portal"))
                .with(flag("enable-nagle", "Accepted; has no effect at an outlet"))
                .with(option("allow", "POLICY_EXPRESSION",
                             "Who is allowed: the policy of the resource NAME")
                          .alias("expression")
                          .checked(check_policy))
                .with(not_built_flag("tls"))
                .with(not_built_flag("privileged"))
                .with(not_built_flag("udp"))
                .with(not_built_flag("ebpf")))
      .with(with_delete_arguments(command("delete", "Delete a TCP outlet", run_delete), kOutlet)
                .with(at_option()))
      .with(command("list", "List the TCP outlets of a node", run_list).with(at_option()))
      .with(command("show", "Show a TCP outlet", run_show)
                .with(positional("ALIAS", "The outlet's address"))
                .with(at_option()));
}

}  // namespace weir::cli
