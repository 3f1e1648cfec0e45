// weir secure-channel and secure-channel-listener (spec/07 section 6).
#include <fmt/core.h>

#include "base/hex.h"
#include "tools/weir/commands.h"
#include "tools/weir/engine.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/nodes.h"
#include "tools/weir/route_builder.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kChannels[] = "/node/secure_channel";
constexpr char kShowChannel[] = "/node/show_secure_channel";
constexpr char kChannelListeners[] = "/node/secure_channel_listener";
constexpr char kShowChannelListener[] = "/node/show_secure_channel_listener";
constexpr std::uint64_t kShowTimeoutMs = 10'000;

NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, node_argument(arguments, "at")));
}

std::optional<std::vector<Identifier>> authorized_of(const Arguments& arguments) {
  if (!arguments.has("authorized")) return std::nullopt;
  return identifiers_of(arguments.list("authorized"));
}

void run_create(Context& context, const Arguments& arguments) {
  const NodeRecord node = node_or_new(context, node_argument(arguments, "from"));
  // The named identity, else the command's default one: not the node's (spec/07 section 6).
  const IdentityRecord identity = arguments.has("identity")
                                      ? named_identity(context, arguments.text("identity"))
                                      : default_identity(context, Tell::kNo);
  api::CreateSecureChannel request;
  request.to = buildable_route(context, route_of(arguments.text("to")), node.name, "--to");
  request.authorized = authorized_of(arguments);
  request.identity_name = identity.name;
  context.note("    Creating Secure Channel...\n");
  const auto made =
      api_of(context, node).post<api::SecureChannelCreated>(kChannels, request.encode());
  const std::string address = "/service/" + made.encryptor.value;
  Json json = Json::array();
  json.push_back(Json{{"address", address}});
  context.print({.plain = done_line(fmt::format("Secure Channel at {} created successfully\n    "
                                                "From /node/{} to {}",
                                                address, node.name, arguments.text("to"))),
                 .machine = address,
                 .json = std::move(json)});
}

std::string channel_text(const Json& channel) {
  return fmt::format("Secure channel running at {}\nWith route {}\nTo {}",
                     channel["address"].get<std::string>(), channel["route"].get<std::string>(),
                     channel["their_identifier"].get<std::string>());
}

api::SecureChannelStatus status_of(const NodeApi& api, const std::string& address) {
  return api.get<api::SecureChannelStatus>(
      kShowChannel, api::ShowSecureChannel{.address = wire::Address::local(address)}.encode());
}

void run_list(Context& context, const Arguments& arguments) {
  std::optional<std::string> name = arguments.optional("at");
  const NodeApi api = api_of(context, chosen_node(context, name));
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const wire::Address& address : api.get<api::SecureChannelList>(kChannels).items) {
    json.push_back(json_from(status_of(api, address.value)));
    blocks.push_back(channel_text(json.back()));
  }
  context.print({.plain = list_text(
                     blocks, fmt::format("No Secure Channels found at node {}", api.node_name())),
                 .machine = {},
                 .json = std::move(json)});
}

// A new channel to a listener anywhere, made by a node that lives for this command only.
Json foreign_channel(Context& context, const Arguments& arguments, const wire::MultiAddr& route) {
  const IdentityRecord identity = arguments.has("identity")
                                      ? named_identity(context, arguments.text("identity"))
                                      : default_identity(context, Tell::kNo);
  ChannelRequest request;
  request.to = buildable_route(context, route, std::nullopt, "--at");
  request.timeout_ms = context.duration_ms(arguments, "timeout", kShowTimeoutMs);
  const auto node = must(start_temporary_node(context, identity));
  const SecureChannelInfo made = must(node->create_secure_channel(request));
  return {{"address", "/service/" + made.encryptor},       {"authorized_identifiers", nullptr},
          {"flow_control_id", made.flow_control_id},       {"route", request.to.text()},
          {"their_change_history", made.peer_history_hex}, {"their_identifier", made.peer.text()}};
}

void run_show(Context& context, const Arguments& arguments) {
  const wire::MultiAddr at = route_of(arguments.text("at"));
  const auto node = at.leading(wire::Proto::kNode);
  Json json;
  // /node/N/service/X names a channel of that node; everything else a listener to open one to.
  if (node && at.size() == 2 && at.parts()[1].proto == wire::Proto::kService) {
    NodeApi api = api_of(context, named_node(context, *node),
                         context.duration_ms(arguments, "timeout", kShowTimeoutMs));
    json = json_from(status_of(api, at.parts()[1].value()));
  } else {
    json = foreign_channel(context, arguments, at);
  }
  context.print({.plain = channel_text(json), .machine = {}, .json = std::move(json)});
}

void run_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  if (!context.confirm(arguments.has("yes"),
                       "Are you sure you want to delete this secure channel?")) {
    return;
  }
  const std::string name = service_name_of(arguments.text("ADDRESS"));
  api.remove(kChannels, api::DeleteSecureChannel{.address = wire::Address::local(name)}.encode());
  const std::string address = "/service/" + name;
  // This output keeps its own rules: with a newline on a pipe, two lines with --output json.
  const OutputMode mode = context.output_mode();
  if (mode.is_terminal && !mode.json) {
    context.print({.plain = done_line(fmt::format("Secure channel {} deleted", address)),
                   .machine = {},
                   .json = {}});
    return;
  }
  Json json = Json::array();
  json.push_back(Json{{"address", address}});
  write_stdout(address + "\n" + (mode.json ? json_text(json, true) + "\n" : ""));
}

void run_listener_create(Context& context, const Arguments& arguments) {
  const NodeRecord node = node_or_new(context, node_argument(arguments, "at"));
  const std::string& address = arguments.text("ADDRESS");
  api::CreateSecureChannelListener request;
  request.address = wire::Address::local(address);
  request.authorized = authorized_of(arguments);
  request.identity_name = arguments.optional("identity");
  if (request.identity_name) named_identity(context, *request.identity_name);
  const auto answer =
      api_of(context, node).try_call(wire::Method::kPost, kChannelListeners, request.encode());
  if (!answer) {
    give_up(Failure{answer.error().detail.empty() ? answer.error().text() : answer.error().detail,
                    {"An error occurred while creating the secure channel listener"},
                    {},
                    {},
                    kExitFailed});
  }
  const std::string service = "/service/" + address;
  Json json = Json::array();
  json.push_back(Json{{"address", service}});
  context.print({.plain = done_line(fmt::format("Secure Channel Listener at {} created successfully"
                                                "\n    At node /node/{}",
                                                service, node.name)),
                 .machine = service,
                 .json = std::move(json)});
}

void run_listener_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  std::vector<std::string> blocks;
  for (const auto& listener : api.get<api::SecureChannelListenerList>(kChannelListeners).items) {
    blocks.push_back("Listener at /service/" + listener.address.value);
  }
  context.print({.plain = list_text(blocks, fmt::format("No secure channel listeners found at "
                                                        "node {}",
                                                        api.node_name())),
                 .machine = {},
                 .json = {}});
}

Bytes listener_body(const std::string& address) {
  return api::ChannelAddress{.address = wire::Address::local(address)}.encode();
}

void run_listener_show(Context& context, const Arguments& arguments) {
  const auto listener =
      api_at(context, arguments)
          .get<api::SecureChannelListener>(
              kShowChannelListener, listener_body(service_name_of(arguments.text("ADDRESS"))));
  context.print({.plain = "/service/" + listener.address.value, .machine = {}, .json = {}});
}

void run_listener_delete(Context& context, const Arguments& arguments) {
  const std::string address = service_name_of(arguments.text("ADDRESS"));
  const NodeApi api = api_at(context, arguments);
  api.remove(kChannelListeners, listener_body(address));
  context.print({.plain = done_line(fmt::format("Deleted secure-channel listener with address "
                                                "'/service/{}' on node '{}'",
                                                address, api.node_name())),
                 .machine = "0#" + address,
                 .json = {}});
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

OptionSpec authorized_option() {
  return option("authorized", "IDENTIFIER", "An identity that is accepted; repeatable")
      .short_form('a')
      .repeatable()
      .checked(check_identifier);
}

}  // namespace

CommandSpec secure_channel_commands() {
  return group("secure-channel", "Manage secure channels")
      .with(
          command("create", "Make a secure channel and print its address", run_create)
              .with(option("from", "NODE", "The node that makes it"))
              .with(option("to", "ROUTE", "The way to a secure channel listener")
                        .required()
                        .checked(check_route))
              .with(authorized_option())
              .with(option("identity", "IDENTITY_NAME", "Our identity; by default the default one"))
              .with(not_built_option("credential", "CREDENTIAL").short_form('c'))
              .help_when_empty())
      .with(command("delete", "Close a secure channel", run_delete)
                .with(required_positional("ADDRESS", "ID or /service/ID"))
                .with(at_option())
                .with(flag("yes", "Do not ask for confirmation").short_form('y'))
                .help_when_empty())
      .with(
          command("list", "List the secure channels that a node made", run_list).with(at_option()))
      .with(command("show", "Show a channel, or who answers at a listener", run_show)
                .with(option("at", "ROUTE", "/node/N/service/CHANNEL, or the way to a listener")
                          .required()
                          .checked(check_route))
                .with(option("identity", "IDENTITY_NAME", "Our identity for a new channel"))
                .with(option("timeout", "DURATION", "How long to wait")
                          .by_default("10s")
                          .checked(check_duration))
                .help_when_empty());
}

CommandSpec secure_channel_listener_commands() {
  return group("secure-channel-listener", "Manage secure channel listeners")
      .with(command("create", "Accept secure channels at an address", run_listener_create)
                .with(required_positional("ADDRESS", "The address of the new worker"))
                .with(at_option())
                .with(authorized_option())
                .with(option("identity", "IDENTITY_NAME",
                             "The identity that answers; by default the node's"))
                .help_when_empty())
      .with(command("delete", "Delete a secure channel listener", run_listener_delete)
                .with(required_positional("ADDRESS", "The listener"))
                .with(at_option())
                .help_when_empty())
      .with(command("list", "List the secure channel listeners of a node", run_listener_list)
                .with(at_option()))
      .with(command("show", "Show a secure channel listener", run_listener_show)
                .with(required_positional("ADDRESS", "The listener"))
                .with(at_option())
                .help_when_empty());
}

}  // namespace weir::cli
