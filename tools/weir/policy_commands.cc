// weir policy create|list|show|delete (spec/07 section 9, spec/04 9.2); `policy test` is in
// policy_test_command.cc.
#include <fmt/core.h>

#include <algorithm>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/items.h"
#include "tools/weir/nodes.h"
#include "tools/weir/policy_values.h"

namespace weir::cli {
namespace {

constexpr char kPolicies[] = "/policy";
constexpr char kPoliciesOfAction[] = "/policy/handle_message";
constexpr char kResource[] = "RESOURCE";

const ItemKind kPolicy = {.singular = "policy",
                          .plural = "policies",
                          .name_key = kResource,
                          .no_name = {},
                          .not_found = {},
                          .not_found_code = {}};

// Here --at is a plain name only.
NodeApi api_at(Context& context, const Arguments& arguments) {
  return api_of(context, chosen_node(context, arguments.optional("at")));
}

void run_create(Context& context, const Arguments& arguments) {
  api::SetPolicy request;
  if (const auto name = arguments.optional("resource")) {
    request.resource = api::ResourceTypeOrName::of(*name);
    if (request.resource.type) {
      context.note(warning_line(fmt::format(
          "--resource {0} is deprecated. Please use --resource-type {0} instead", *name)));
    }
  } else if (const auto type = arguments.optional("resource-type")) {
    request.resource = api::ResourceTypeOrName::of(*type);
  } else {
    give_up("Resource or resource type must be provided");
  }
  const std::string& text = arguments.text("allow");
  request.expression = policy_of(text);
  warn_about_policy(context, text);
  const NodeRecord node = node_or_new(context, arguments.optional("at"));
  api_of(context, node).call(wire::Method::kPost, kPoliciesOfAction, request.encode());
  context.print({.plain = done_line(fmt::format("Policy created at node {}", node.name)),
                 .machine = {},
                 .json = {}});
}

// Those of RESOURCE, or all.
std::vector<api::PolicyInfo> listed(const NodeApi& api, const Arguments& arguments) {
  api::PolicyFilter filter;
  if (arguments.has(kResource)) {
    filter.resource = api::ResourceTypeOrName::of(arguments.text(kResource));
  }
  return api.get<api::PoliciesList>(kPolicies, filter.encode()).all();
}
std::vector<std::string> names_of(const std::vector<api::PolicyInfo>& policies) {
  std::vector<std::string> names;
  for (const api::PolicyInfo& policy : policies) names.push_back(policy.resource.text());
  return names;
}

const char* kind_word(const api::ResourceTypeOrName& resource) {
  return resource.type ? "resource type" : "resource";
}

Json policy_json(const api::PolicyInfo& policy) {
  return Json{{"action", kActionHandleMessage},
              {"expression", policy.expression.to_text()},
              {"resource", policy.resource.text()}};
}

void run_list(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  std::vector<api::PolicyInfo> policies = listed(api, arguments);
  Json json = Json::array();
  for (const api::PolicyInfo& policy : policies) json.push_back(policy_json(policy));
  // People see the types first.
  std::rotate(policies.begin(),
              std::find_if(policies.begin(), policies.end(),
                           [](const api::PolicyInfo& policy) { return !!policy.resource.type; }),
              policies.end());
  std::vector<std::string> blocks;
  for (const api::PolicyInfo& policy : policies) {
    blocks.push_back(fmt::format("Resource {}: {}\nExpression: {}",
                                 policy.resource.type ? "type" : "name", policy.resource.text(),
                                 policy.expression.to_text()));
  }
  Output output;
  output.plain = list_text(blocks, fmt::format("No policies on Node {}", api.node_name()));
  if (!blocks.empty()) output.json = std::move(json);
  context.print(output);
}

void run_show(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  const auto policies = listed(api, arguments);
  show_items(
      context, arguments, kPolicy, names_of(policies), [] { return std::string("tcp-outlet"); },
      [&](const std::string& name) -> Output {
        const auto policy =
            api.get<api::PolicyInfo>(kPoliciesOfAction, api::ResourceTypeOrName::of(name).encode());
        return {.plain = done_line(fmt::format("Policy for {} {} is {}", kind_word(policy.resource),
                                               name, policy.expression.to_text())),
                .machine = {},
                .json = policy_json(policy)};
      });
}

void run_delete(Context& context, const Arguments& arguments) {
  const NodeApi api = api_at(context, arguments);
  delete_items(context, arguments, kPolicy, names_of(listed(api, arguments)),
               [&](const std::string& name) -> Output {
                 const auto resource = api::ResourceTypeOrName::of(name);
                 api.remove(kPoliciesOfAction, resource.encode());
                 return {.plain = done_line(fmt::format("Policy for {} {} has been deleted",
                                                        kind_word(resource), name)),
                         .machine = {},
                         .json = {}};
               });
}

OptionSpec at_option() {
  return option("at", "NODE_NAME", "The node; by default the default node");
}

}  // namespace

CommandSpec policy_commands() {
  constexpr char kResourceHelp[] = "A resource's name, or a type of resources";
  return group("policy", "Manage policies: who may use the services of a node")
      .with(command("create", "Set the policy of a resource, or of a type of resources", run_create)
                .with(option("allow", "POLICY_EXPRESSION",
                             "Who is allowed: `role=member and region=eu`, an identifier, or "
                             "`(= subject.role \"member\")`")
                          .alias("expression")
                          .required()
                          .checked(check_policy))
                .with(option("resource", "RESOURCE", "An outlet's address, an inlet's alias, echo"))
                .with(option("resource-type", "RESOURCE_TYPE",
                             "tcp-inlet, tcp-outlet, echoer, kafka-consumer, kafka-producer, relay "
                             "or lessor")
                          .conflicts_with("resource")
                          .checked(check_resource_type))
                .with(at_option()))
      .with(command("show", "Show a policy", run_show)
                .with(positional(kResource, std::string(kResourceHelp) + " [default: tcp-outlet]"))
                .with(at_option()))
      .with(with_delete_arguments(command("delete", "Delete a policy", run_delete), kPolicy, false)
                .with(at_option()))
      .with(command("list", "List the policies of a node", run_list)
                .with(positional(kResource, kResourceHelp))
                .with(at_option()))
      .with(policy_test_command());
}

}  // namespace weir::cli
