// --project, --authority-identity, --authority-route, --credential-scope (spec/03 4.6, spec/07).
#pragma once

#include <vector>

#include "tools/weir/arguments.h"
#include "tools/weir/context.h"
#include "tools/weir/node_options.h"
#include "tools/weir/spec.h"

namespace weir::cli {

std::vector<OptionSpec> trust_options();
// Without any of them: the default project, if there is one. A project that does not exist is
// warned of and then means none, as in Ockam.
void add_trust_options(Context& context, const Arguments& arguments, NodeOptions& options);

}  // namespace weir::cli
