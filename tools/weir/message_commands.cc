// weir message send (spec/07 section 3).
#include <fmt/core.h>

#include "base/hex.h"
#include "dataplane/wire/bare.h"
#include "tools/weir/commands.h"
#include "tools/weir/engine.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/nodes.h"
#include "tools/weir/route_builder.h"
#include "tools/weir/trust_options.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kTimeoutMs = 10'000;

Bytes payload_of(const Arguments& arguments) {
  const std::string& message = arguments.text("MESSAGE");
  if (!arguments.has("hex")) return wire::encode_bare_string(message);
  auto bytes = from_hex(message);
  if (!bytes) give_up("The message is not a valid hex string", "pairs of hex digits, no blanks");
  return std::move(*bytes);
}

// Every failure has the same first line, whatever its cause: what scripts know (spec/07 section 3).
[[noreturn]] void give_up_unanswered(std::string cause, std::string help = {}) {
  give_up(Failure{"Received content is not a valid utf8 string",
                  {std::move(cause)},
                  std::move(help),
                  {},
                  kExitFailed});
}

Bytes send_from_node(Context& context, const Arguments& arguments, const wire::MultiAddr& route,
                     const NodeRecord& node, Bytes payload) {
  const NodeApi api = api_of(context, node, context.duration_ms(arguments, "timeout", kTimeoutMs));
  const api::SendMessage request{.to = route.text(), .message = std::move(payload)};
  auto answer = api.try_call(wire::Method::kPost, "v0/message", request.encode());
  if (!answer) {
    const Error& error = answer.error();
    give_up_unanswered(error.detail.empty() ? error.text() : error.detail);
  }
  return std::move(*answer);
}

Bytes send_from_here(Context& context, const Arguments& arguments, const wire::MultiAddr& route,
                     Bytes payload) {
  const IdentityRecord identity = arguments.has("identity")
                                      ? named_identity(context, arguments.text("identity"))
                                      : default_identity(context, Tell::kNo);
  NodeOptions trust;
  add_trust_options(context, arguments, trust);
  const auto node = must(start_temporary_node(context, identity, trust));
  auto answer = node->send_message(route, std::move(payload),
                                   context.duration_ms(arguments, "timeout", kTimeoutMs));
  if (!answer) give_up_unanswered(answer.error().text());
  return std::move(*answer);
}

NodeRecord sending_node(Context& context, const std::string& name) {
  auto node = context.state().nodes().get(name);
  if (!node) give_up_unanswered(fmt::format("There is no node with name {}", name));
  return std::move(*node);
}

void run_send(Context& context, const Arguments& arguments) {
  Bytes payload = payload_of(arguments);
  const auto from = node_argument(arguments, "from");
  Bytes answer;
  if (from) {
    const NodeRecord node = sending_node(context, *from);
    const auto route = buildable_route(context, route_of(arguments.text("to")), from, "--to");
    answer = send_from_node(context, arguments, route, node, std::move(payload));
  } else {
    const auto route =
        buildable_route(context, route_of(arguments.text("to")), std::nullopt, "--to");
    answer = send_from_here(context, arguments, route, std::move(payload));
  }
  std::string text;
  if (arguments.has("hex")) {
    text = to_hex(answer);
  } else {
    auto received = wire::decode_bare_string(answer);
    if (!received) {
      give_up_unanswered("the answer is no text", "--hex prints any answer");
    }
    text = std::move(*received);
  }
  context.print({.plain = text, .machine = {}, .json = {}});
}

}  // namespace

CommandSpec message_commands() {
  return group("message", "Send messages to services")
      .with(
          command("send", "Send a message and print the answer", run_send)
              .with(required_positional("MESSAGE", "The text"))
              .with(option("to", "ROUTE", "The way to the service")
                        .short_form('t')
                        .required()
                        .checked(check_route))
              .with(option("from", "NODE", "The node that sends; by default this command does")
                        .short_form('f'))
              .with(flag("hex", "The message and the answer are hex bytes"))
              .with(option("timeout", "TIMEOUT", "How long to wait for the answer")
                        .by_default("10s")
                        .checked(check_duration))
              .with(option("identity", "IDENTITY_NAME", "Who sends, without --from"))
              .with(option("retry-count", "N", "No effect").alias("retry").hidden())
              .with(option("retry-delay", "DURATION", "No effect").hidden().checked(check_duration))
              .with(flag("no-retry", "No effect").hidden())
              .with(trust_options())
              .help_when_empty());
}

}  // namespace weir::cli
