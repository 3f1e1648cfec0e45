// weir policy test (ours): what a policy says about a subject, and which of its terms decided.
// Exit code 0: allowed, 1: denied.
#include <fmt/core.h>

#include "control/policy/access.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/nodes.h"
#include "tools/weir/policy_values.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr int kExitDenied = 1;
constexpr char kExpression[] = "POLICY_EXPRESSION";

void add_attribute(AttributeMap& attributes, std::string_view text) {
  const std::size_t equals = text.find('=');
  attributes[to_bytes(as_bytes(text.substr(0, equals)))] =
      to_bytes(as_bytes(text.substr(equals + 1)));
}

// Of --attribute and --attributes; unset: the subject has no credential.
std::optional<AttributeMap> attributes_of(const Arguments& arguments) {
  AttributeMap attributes;
  for (const std::string& one : arguments.list("attribute")) add_attribute(attributes, one);
  for (const std::string& several : arguments.list("attributes")) {
    for (const std::string& one : split_attributes(several)) add_attribute(attributes, one);
  }
  if (attributes.empty() && !arguments.has("has-credential")) return std::nullopt;
  return attributes;
}

// What kind of resource the node has under that name.
std::optional<ResourceType> type_at(const NodeApi& api, const std::string& name) {
  if (name == "echo") return ResourceType::kEchoer;
  if (name == "forwarding_service") return ResourceType::kRelay;
  const auto resources = api.resources();
  if (!resources) return std::nullopt;
  for (const auto& outlet : resources->outlets) {
    if (outlet.worker_address.value == name) return ResourceType::kTcpOutlet;
  }
  for (const auto& inlet : resources->inlets) {
    if (inlet.alias == name) return ResourceType::kTcpInlet;
  }
  return std::nullopt;
}

// By what the node has stored: the same rules as in the node, over its list.
Decision decide_at_node(Context& context, const Arguments& arguments, AccessRequest request,
                        Trace& trace) {
  if (request.resource.empty() && !request.type) {
    refuse_usage(
        "the following required arguments were not provided:\n  <POLICY_EXPRESSION>\nor "
        "--resource <RESOURCE> or --resource-type <RESOURCE_TYPE>, to test what a node has");
  }
  const NodeApi api = api_of(context, chosen_node(context, arguments.optional("at")));
  const std::string name(request.resource);
  if (!request.type) request.type = type_at(api, name);
  if (!request.type) {
    context.note(warning_line(fmt::format(
        "Node {} has no resource {}: only a policy of that name counts", api.node_name(), name)));
  }
  Policies policies(api.node_name(), nullptr);
  const auto list = api.get<api::PoliciesList>("/policy", api::PolicyFilter{}.encode());
  for (const api::PolicyInfo& policy : list.all()) {
    must(policies.put(policy.resource.type ? PolicyScope::kResourceType : PolicyScope::kResource,
                      policy.resource.text(), policy.expression));
  }
  return policies.decide(request, &trace);
}

std::string term_text(const Trace::Term& term) {
  std::string text = "\n      " + term.text + " is " + term.result;
  if (term.result != "true" && term.result != "false") {
    text = "\n      " + term.text + ": " + term.result;
  }
  for (std::size_t i = 0; i < term.names.size(); ++i) {
    const auto& [name, value] = term.names[i];
    text += (i == 0 ? "   [" : ", ") + name + (value == "not set" ? " is " : " = ") + value;
  }
  return text + (term.names.empty() ? "" : "]");
}

std::string text_of(const Decision& decision, const Trace& trace) {
  std::string text = decision.allow ? done_line("Allowed: ") : std::string("  \u2717 Denied: ");
  text += decision.reason;
  if (!decision.expression.empty()) text += "\n    Policy: " + decision.expression;
  if (!trace.terms.empty()) text += "\n    Decided by:";
  for (const Trace::Term& term : trace.terms) text += term_text(term);
  return text;
}

Json json_of(const Decision& decision, const Trace& trace) {
  Json terms = Json::array();
  for (const Trace::Term& term : trace.terms) {
    Json names = Json::object();
    for (const auto& [name, value] : term.names) {
      names[name] = value == "not set" ? Json(nullptr) : Json(value);
    }
    terms.push_back({{"names", names}, {"result", term.result}, {"term", term.text}});
  }
  Json policy = nullptr;
  if (!decision.policy.empty()) {
    const bool type = decision.source == Decision::Source::kResourceType;
    policy = {{"kind", type ? "resource type" : "resource"}, {"name", decision.policy}};
  }
  return {{"allowed", decision.allow},
          {"decided_by", terms},
          {"expression", decision.expression.empty() ? Json(nullptr) : Json(decision.expression)},
          {"policy", policy},
          {"reason", decision.reason}};
}

void run_test(Context& context, const Arguments& arguments) {
  const std::string resource = arguments.text_or("resource", "");
  const auto attributes = attributes_of(arguments);
  AccessRequest request;
  request.resource = resource;
  if (const auto type = arguments.optional("resource-type")) request.type = resource_type_of(*type);
  // Somebody is asking; who it is matters only if the policy looks at it.
  request.subject = Identifier{};
  if (arguments.has("identity")) request.subject = identifier_of(arguments.text("identity"));
  request.attributes = attributes ? &*attributes : nullptr;
  Trace trace;
  Decision decision;
  if (const auto text = arguments.optional(kExpression)) {
    warn_about_policy(context, *text);
    decision = decide_by(policy_of(*text).to_expr(), request, &trace);
  } else {
    decision = decide_at_node(context, arguments, request, trace);
  }
  context.print(
      {.plain = text_of(decision, trace), .machine = {}, .json = json_of(decision, trace)});
  if (!decision.allow) give_up(Failure{{}, {}, {}, {}, kExitDenied});
}

}  // namespace

CommandSpec policy_test_command() {
  return command("test", "Say whether a policy allows a subject, and which term decided (weir)",
                 run_test)
      .with(positional(kExpression, "The policy; without it, what the node has for the resource",
                       check_policy))
      .with(option("attribute", "KEY=VALUE", "An attribute of the subject's credential; repeatable")
                .short_form('a')
                .repeatable()
                .checked(check_policy_attribute))
      .with(option("attributes", "KEY=VALUE,..", "Several at once")
                .repeatable()
                .checked(check_policy_attributes))
      .with(flag("has-credential", "The subject has a credential, be it without attributes"))
      .with(
          option("identity", "IDENTIFIER", "Who asks; by default I000..").checked(check_identifier))
      .with(option("resource", "RESOURCE", "What is asked for: an outlet's address, an alias"))
      .with(option("resource-type", "RESOURCE_TYPE",
                   "Its type; by default what the node has under that name")
                .checked(check_resource_type))
      .with(option("at", "NODE_NAME", "The node, where no expression is given")
                .conflicts_with(kExpression));
}

}  // namespace weir::cli
