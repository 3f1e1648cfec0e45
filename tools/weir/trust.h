// What a node trusts and presents, from its options (spec/03 4.6): a project, or an authority
// without one.
#pragma once

#include "control/identity/identities.h"
#include "control/node/types.h"
#include "control/store/state.h"
#include "tools/weir/node_options.h"

namespace weir::cli {

// The project of that name, verified. kNotFound.
Result<ProjectAccess> project_access(State& state, Identities& identities, const std::string& name);

// Fills in authorities, credential_source, find_project and, for the project's own node,
// project_id. kInvalid when project and authority are both given, or half an authority is.
Status add_trust(State& state, Identities& identities, const NodeOptions& options,
                 NodeConfig& config);

}  // namespace weir::cli
