// The policy endpoints (spec/04 5.12), over the Policies of a node. The Error is an answer without
// path and method: kNotFound is 404, anything else 500.
#pragma once

#include <string_view>

#include "control/node/api/models_policy.h"
#include "control/policy/access.h"

namespace weir::api::internal {

// Whether there is such an action; the only one is handle_message.
Status check_action(std::string_view action);
Status set_policy(Policies& policies, std::string_view action, const SetPolicy& request);
Result<PolicyInfo> get_policy(const Policies& policies, std::string_view action,
                              const ResourceTypeOrName& resource);
Result<PoliciesList> list_policies(const Policies& policies, const PolicyFilter& filter);
Status delete_policy(Policies& policies, std::string_view action,
                     const ResourceTypeOrName& resource);

}  // namespace weir::api::internal
