// weir tcp-inlet create|list|show|delete (spec/07 5.3, spec/05 9.3).
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/unique_fd.h"
#include "dataplane/io/socket_address.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/names.h"
#include "tools/weir/nodes.h"
#include "tools/weir/policy_values.h"
#include "tools/weir/route_builder.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kInlets[] = "/node/inlet";
constexpr std::uint64_t kTimeoutMs = 10'000;
constexpr std::uint64_t kConnectionWaitMs = 5'000;

const ItemKind kInlet = {.singular = "tcp inlet",
                         .plural = "tcp inlets",
                         .name_key = "ALIAS",
                         .no_name = "No TCP Inlet alias provided",
                         .not_found = {},
                         .not_found_code = {}};

NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, node_argument(arguments, "at")));
}

std::vector<std::string> names_of(const std::vector<api::InletStatus>& inlets) {
  std::vector<std::string> names;
  for (const api::InletStatus& inlet : inlets) names.push_back(inlet.alias);
  return names;
}

// Only a courtesy: the node binds for real, but it does so as somebody else may see it.
void check_port_free(const wire::HostnamePort& listen) {
  const auto address = SocketAddress::parse(listen.text());
  if (!address || address->port() == 0) return;
  const UniqueFd probe(::socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!probe || ::bind(probe.get(), &address->any, address->size()) == 0) return;
  give_up(fmt::format("Another process is already listening on port {}!", listen.port),
          "choose another port with --from, or 0 for any");
}

wire::MultiAddr outlet_route(Context& context, const Arguments& arguments, const NodeRecord& node) {
  const std::string to = arguments.text_or("to", "outlet");
  const auto route = wire::MultiAddr::parse(to);
  if (!route || to.find('/') == std::string::npos || route->empty()) {
    // A bare service name means "behind the relay of the default project".
    if (to.find('/') != std::string::npos) {
      give_up(fmt::format("invalid value '{}' for '--to'", to),
              "a route such as /node/n1/service/"
              "outlet");
    }
    const auto project = context.state().projects().get_default();
    if (!project) {
      give_up(Failure{fmt::format("invalid value '{}' for '--to': No projects found", to),
                      {"a service name alone is looked up behind a relay of the default project"},
                      "enroll with `weir project enroll TICKET`, or give a whole route, such as "
                      "/node/n1/service/outlet",
                      "OCK500",
                      kExitFailed});
    }
    return must(wire::MultiAddr::parse(
        fmt::format("/project/{}/service/forward_to_{}/secure/api/service/{}", project->name,
                    arguments.text_or("via", "default"), to)));
  }
  if (arguments.has("via")) {
    give_up(fmt::format("invalid value '{}' for '--via': 'via' can't be passed if 'to' is a route",
                        arguments.text("via")),
            "put the relay into the route: .../service/forward_to_NAME/secure/api/service/outlet");
  }
  return buildable_route(context, *route, node.name, "--to");
}

std::string connected_text(const api::InletStatus& made, const NodeRecord& node, bool waited) {
  const std::string head =
      fmt::format("TCP Inlet in the Node {} bound to {}", node.name, made.bind_address);
  if (is_up(made.status)) {
    return done_line(fmt::format("Created a new {}\n    sending traffic to the TCP Outlet at {}",
                                 head, made.outlet_address));
  }
  if (!waited) {
    return done_line(
        fmt::format("Created a new {}\n    It will automatically connect to the TCP "
                    "Outlet at {} as soon as it is available",
                    head, made.outlet_address));
  }
  return warning_line(
      fmt::format("Created a new {}\n    but it failed to connect to the TCP Outlet "
                  "at {}{}\n    It will retry to connect automatically",
                  head, made.outlet_address, made.last_failure ? ": " + *made.last_failure : ""));
}

// The node answers every failure with 400 and a text of its own.
api::InletStatus create_at(const NodeApi& api, const api::CreateInlet& request) {
  auto answer = api.try_call(wire::Method::kPost, kInlets, request.encode());
  if (answer) return must(api::InletStatus::decode(*answer));
  const Error& error = answer.error();
  if (error.code == Errc::kIo && error.detail.starts_with("Failed to connect to node")) {
    give_up(error.detail, fmt::format("is it running? `weir node start {}`", api.node_name()));
  }
  give_up(Failure{"Bad request when creating an inlet", {error.text()}, {}, {}, kExitFailed});
}

void run_create(Context& context, const Arguments& arguments) {
  api::CreateInlet request;
  const std::string from = arguments.text_or("from", "127.0.0.1:0");
  const auto listen = must(wire::SchemeHostnamePort::parse(from));
  if (listen.scheme != wire::SchemeHostnamePort::Scheme::kTcp) {
    refuse_usage(fmt::format("'--from {}': only tcp:// is built yet in weir", from));
  }
  request.listen = listen.hostname_port;
  request.alias = arguments.text_or("NAME", random_name(context.rng()));
  if (arguments.has("alias")) {
    context.note(warning_line("--alias is deprecated. Use the NAME argument instead"));
    request.alias = arguments.text("alias");
  }
  if (arguments.has("authorized")) request.authorized = identifier_of(arguments.text("authorized"));
  if (const auto policy = arguments.optional("allow")) {
    warn_about_policy(context, *policy);
    request.policy = policy_of(*policy);
  }
  const NodeRecord node = node_or_new(context, node_argument(arguments, "at"));
  if (arguments.has("identity")) {
    request.identity =
        identifier_of(named_identity(context, arguments.text("identity")).identifier);
  }
  request.to = outlet_route(context, arguments, node);
  request.wait_for_outlet =
      api::Duration::from_ms(context.duration_ms(arguments, "connection-wait", kConnectionWaitMs));
  request.wait_connection = !arguments.has("no-connection-wait");
  request.skip_handshake =
      arguments.has("skip-handshake") || setting_is_on(context.env(), "TCP_PORTAL_SKIP_HANDSHAKE");
  request.enable_nagle =
      arguments.has("enable-nagle") || setting_is_on(context.env(), "TCP_PORTAL_ENABLE_NAGLE");
  check_port_free(request.listen);
  const NodeApi api = api_of(context, node, context.duration_ms(arguments, "timeout", kTimeoutMs));
  const api::InletStatus made = create_at(api, request);
  context.print({.plain = connected_text(made, node, request.wait_connection),
                 .machine = made.bind_address,
                 .json = json_from(made)});
}

void run_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& inlet : api.get<api::InletStatusList>(kInlets).items) {
    json.push_back(json_from(inlet));
    blocks.push_back(inlet_text(inlet));
  }
  context.print(
      {.plain = list_text(blocks, fmt::format("No TCP Inlets found on {}", api.node_name())),
       .machine = {},
       .json = std::move(json)});
}

void run_show(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const auto inlets = api.get<api::InletStatusList>(kInlets).items;
  show_items(context, arguments, kInlet, names_of(inlets), nullptr,
             [&](const std::string& name) -> Output {
               const auto inlet = std::find_if(inlets.begin(), inlets.end(),
                                               [&](const auto& one) { return one.alias == name; });
               return {.plain = inlet_text(*inlet), .machine = {}, .json = json_from(*inlet)};
             });
}

void run_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const auto inlets = api.get<api::InletStatusList>(kInlets).items;
  delete_items(context, arguments, kInlet, names_of(inlets),
               [&](const std::string& name) -> Output {
                 api.remove(fmt::format("{}/{}", kInlets, name));
                 return {.plain = done_line(fmt::format("TCP inlet with alias {} on Node {} has "
                                                        "been deleted",
                                                        name, api.node_name())),
                         .machine = {},
                         .json = Json{{"alias", name}, {"node", api.node_name()}}};
               });
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

CommandSpec create_command() {
  return command("create", "Listen for TCP clients and carry them to an outlet", run_create)
      .with(positional("NAME", "Its alias; a random name by default", check_alias))
      .with(at_option())
      .with(option("from", "SOCKET_ADDRESS", "Where clients connect: HOST:PORT or PORT")
                .by_default("127.0.0.1:0")
                .checked(check_host_port))
      .with(option("to", "ROUTE", "The way to the outlet"))
      .with(option("via", "RELAY_NAME", "The relay, where --to is a service name"))
      .with(option("identity", "IDENTITY_NAME", "Identity of its secure channels"))
      .with(option("authorized", "IDENTIFIER", "The only identity accepted at the other end")
                .checked(check_identifier))
      .with(option("connection-wait", "DURATION", "How long a secure channel may take")
                .by_default("5s")
                .checked(check_duration))
      .with(option("retry-wait", "DURATION", "Accepted; the node retries by itself")
                .by_default("20s")
                .checked(check_duration))
      .with(option("timeout", "DURATION", "How long to wait for the node")
                .by_default("10s")
                .checked(check_duration))
      .with(flag("no-connection-wait", "Answer at once, connect in the background"))
      .with(flag("skip-handshake", "Send data without a handshake of the portal"))
      .with(flag("enable-nagle", "Let the kernel gather small writes to clients"))
      .with(option("alias", "ALIAS", "Deprecated: use NAME").hidden().checked(check_alias))
      .with(option("allow", "POLICY_EXPRESSION",
                   "Who may be at the other end: the policy of the resource NAME")
                .alias("expression")
                .checked(check_policy))
      .with(not_built_option("http-header", "HTTP_HEADER"))
      .with(not_built_option("tls-certificate-provider", "ROUTE"))
      .with(not_built_flag("udp").alias("enable-udp-puncture"))
      .with(not_built_flag("no-tcp-fallback").alias("disable-tcp-fallback"))
      .with(not_built_flag("tls"))
      .with(not_built_flag("privileged"));
}

}  // namespace

CommandSpec tcp_inlet_commands() {
  return group("tcp-inlet", "Manage TCP inlets: where a portal goes in")
      .with(create_command())
      .with(with_delete_arguments(command("delete", "Delete a TCP inlet", run_delete), kInlet)
                .with(at_option()))
      .with(command("list", "List the TCP inlets of a node", run_list).with(at_option()))
      .with(command("show", "Show a TCP inlet", run_show)
                .with(positional("ALIAS", "The inlet"))
                .with(at_option()));
}

}  // namespace weir::cli
