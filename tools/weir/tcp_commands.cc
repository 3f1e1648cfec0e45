// weir tcp-listener and tcp-connection (spec/07 5.1, spec/01 6.7).
#include <fmt/core.h>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/nodes.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kConnections[] = "/node/tcp/connection";
constexpr char kListeners[] = "/node/tcp/listener";

NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, node_argument(arguments, "at")));
}

std::string line_of(const api::TransportStatus& status) {
  const bool is_listener = status.mode == api::TransportMode::kListen;
  return fmt::format("TCP, {} at {}",
                     is_listener ? "Listening" : api::transport_mode_text(status.mode),
                     status.socket_address);
}

std::string without_type(const std::string& address) {
  return address.starts_with("0#") ? address.substr(2) : address;
}

void print_list(Context& context, const std::vector<api::TransportStatus>& items,
                const std::string& when_empty) {
  std::vector<std::string> blocks;
  for (const api::TransportStatus& item : items) blocks.push_back(line_of(item));
  context.print({.plain = list_text(blocks, when_empty), .machine = {}, .json = {}});
}

void run_listener_create(Context& context, const Arguments& arguments) {
  const NodeRecord node = node_or_new(context, node_argument(arguments, "at"));
  const auto made =
      api_of(context, node)
          .post<api::TransportStatus>(
              kListeners, api::CreateTcpListener{.address = arguments.text("ADDRESS")}.encode());
  const std::string port = made.socket_address.substr(made.socket_address.rfind(':') + 1);
  context.print({.plain = done_line("Tcp listener created! You can send messages to it via this "
                                    "route:\n    /dnsaddr/localhost/tcp/" +
                                    port),
                 .machine = {},
                 .json = {}});
}

void run_listener_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  print_list(context, api.get<api::TransportStatusList>(kListeners).items,
             fmt::format("No TCP Listeners found at node {}", api.node_name()));
}

void run_listener_show(Context& context, const Arguments& arguments) {
  const auto status = api_at(context, arguments)
                          .get<api::TransportStatus>(fmt::format(
                              "{}/{}", kListeners, without_type(arguments.text("ADDRESS"))));
  context.print({.plain = fmt::format("TCP Listener:\n  Type: {}\n  Mode: {}\n  Socket address: {}"
                                      "\n  Processor address: {}\n  Flow Control Id: {}",
                                      api::transport_type_text(status.type),
                                      api::transport_mode_text(status.mode), status.socket_address,
                                      status.processor_address, status.flow_control_id.text),
                 .machine = {},
                 .json = json_from(status)});
}

void run_listener_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const std::string address = without_type(arguments.text("ADDRESS"));
  // Looked up before the question: nobody should confirm the deletion of nothing.
  api.get<api::TransportStatus>(fmt::format("{}/{}", kListeners, address));
  if (!context.confirm(arguments.has("yes"),
                       "Are you sure you want to delete this TCP listener?")) {
    return;
  }
  api.remove(kListeners, api::DeleteTransport{.address = address}.encode());
  context.print({.plain = done_line(fmt::format("TCP listener {} has been deleted from node {}",
                                                address, api.node_name())),
                 .machine = {},
                 .json = Json{{"node", api.node_name()}}});
}

void run_connection_create(Context& context, const Arguments& arguments) {
  const NodeRecord node = node_or_new(context, node_argument(arguments, "from"));
  const std::string& to = arguments.text("to");
  const auto made = api_of(context, node)
                        .post<api::TransportStatus>(
                            kConnections, api::CreateTcpConnection{.address = to}.encode());
  const std::string address = "/worker/" + without_type(made.worker_address);
  context.print({.plain = done_line(fmt::format("TCP connection {} created successfully\n    From "
                                                "/node/{} to {}",
                                                address, node.name, to)),
                 .machine = address,
                 .json = Json{{"address", address}, {"from", node.name}, {"to", to}}});
}

void run_connection_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  print_list(context, api.get<api::TransportStatusList>(kConnections).items,
             fmt::format("No TCP Connections found at node {}", api.node_name()));
}

void run_connection_show(Context& context, const Arguments& arguments) {
  const auto status = api_at(context, arguments)
                          .get<api::TransportStatus>(fmt::format(
                              "{}/{}", kConnections, without_type(arguments.text("ADDRESS"))));
  context.print({.plain = fmt::format("  \u2714 TCP Connection:\n      Type: TCP\n      Mode: {}\n"
                                      "      Socket address: {}\n      Processor address: {}\n"
                                      "      Flow Control Id: {}",
                                      api::transport_mode_text(status.mode), status.socket_address,
                                      status.processor_address, status.flow_control_id.text),
                 .machine = {},
                 .json = {}});
}

void run_connection_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const std::string address = without_type(arguments.text("ADDRESS"));
  if (!context.confirm(arguments.has("yes"),
                       "Are you sure you want to delete this TCP connection?")) {
    return;
  }
  api.remove(kConnections, api::DeleteTransport{.address = address}.encode());
  context.print(
      {.plain = done_line(fmt::format("TCP connection {} has been successfully deleted", address)),
       .machine = {},
       .json = Json{{"address", address}}});
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

OptionSpec yes_flag() { return flag("yes", "Do not ask for confirmation").short_form('y'); }

}  // namespace

CommandSpec tcp_listener_commands() {
  return group("tcp-listener", "Manage TCP listeners")
      .with(command("create", "Listen on an address", run_listener_create)
                .with(required_positional("ADDRESS", "IP:PORT or HOST:PORT", check_socket_address))
                .with(at_option()))
      .with(command("delete", "Stop listening on an address", run_listener_delete)
                .with(required_positional("ADDRESS", "Socket address or processor address"))
                .with(at_option())
                .with(yes_flag()))
      .with(
          command("list", "List the TCP listeners of a node", run_listener_list).with(at_option()))
      .with(command("show", "Show a TCP listener", run_listener_show)
                .with(required_positional("ADDRESS", "Socket address or processor address"))
                .with(at_option()));
}

CommandSpec tcp_connection_commands() {
  return group("tcp-connection", "Manage TCP connections")
      .with(command("create", "Connect to a node's TCP listener", run_connection_create)
                .with(option("from", "NODE", "The node that connects"))
                .with(option("to", "ADDRESS", "HOST:PORT to connect to")
                          .short_form('t')
                          .required()
                          .checked(check_socket_address))
                .help_when_empty())
      .with(command("delete", "Close a TCP connection", run_connection_delete)
                .with(required_positional("ADDRESS", "Socket address or worker address"))
                .with(at_option())
                .with(yes_flag())
                .help_when_empty())
      .with(command("list", "List the TCP connections of a node", run_connection_list)
                .with(at_option()))
      .with(command("show", "Show a TCP connection", run_connection_show)
                .with(required_positional("ADDRESS", "Socket address or worker address"))
                .with(at_option()));
}

}  // namespace weir::cli
