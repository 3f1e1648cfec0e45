#include "control/node/api/internal/policy_routes.h"

namespace weir::api::internal {
namespace {

PolicyScope scope_of(const ResourceTypeOrName& resource) {
  return resource.type ? PolicyScope::kResourceType : PolicyScope::kResource;
}

// A text that cannot be read must not look as if there were no policy.
Result<Expr> expression_of(const Policy& policy) {
  if (policy.expr) return *policy.expr;
  return fail(Errc::kInternal, "the stored policy cannot be read",
              policy.subject + ": " + policy.text);
}

}  // namespace

Status check_action(std::string_view action) {
  if (action == kActionHandleMessage) return {};
  return fail(Errc::kInvalid, "Matching variant not found");
}

Status set_policy(Policies& policies, std::string_view action, const SetPolicy& request) {
  if (Status known = check_action(action); !known) return known;
  return policies.put(scope_of(request.resource), request.resource.text(),
                      request.expression.to_expr());
}

Result<PolicyInfo> get_policy(const Policies& policies, std::string_view action,
                              const ResourceTypeOrName& resource) {
  if (Status known = check_action(action); !known) return std::unexpected(known.error());
  const Policy* policy = policies.find(scope_of(resource), resource.text());
  if (policy == nullptr) {
    return std::unexpected(Error{Errc::kNotFound, "No policy found for resource", resource.text()});
  }
  auto expr = expression_of(*policy);
  if (!expr) return pass(expr);
  return PolicyInfo{resource, kActionHandleMessageNumber, std::move(*expr)};
}

Result<PoliciesList> list_policies(const Policies& policies, const PolicyFilter& filter) {
  PoliciesList list;
  for (const Policy& policy : policies.list()) {
    ResourceTypeOrName resource{std::nullopt, policy.subject};
    if (policy.scope == PolicyScope::kResourceType) {
      resource = {resource_type_of(policy.subject), {}};
      if (!resource.type) continue;  // a type of another version
    }
    if (filter.resource &&
        (scope_of(*filter.resource) != policy.scope || filter.resource->text() != policy.subject)) {
      continue;
    }
    auto expr = expression_of(policy);
    if (!expr) return pass(expr);
    if (resource.type) {
      list.types.push_back({*resource.type, kActionHandleMessageNumber, std::move(*expr)});
    } else {
      list.names.push_back({policy.subject, kActionHandleMessageNumber, std::move(*expr)});
    }
  }
  return list;
}

Status delete_policy(Policies& policies, std::string_view action,
                     const ResourceTypeOrName& resource) {
  if (Status known = check_action(action); !known) return known;
  return policies.remove(scope_of(resource), resource.text());
}

}  // namespace weir::api::internal
