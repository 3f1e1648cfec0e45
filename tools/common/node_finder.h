// The running node that a name means, for tools beside `weir` itself.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "control/store/home.h"
#include "control/store/records.h"

namespace weir::tools {

// `name`: "n1" or "/node/n1"; none: the default node of the home. Errors say what to do: kInvalid
// no name at all, kNotFound no such node, kRefused it is not running, kIo the state is unreadable.
Result<NodeRecord> find_running_node(const std::optional<std::string>& name, const EnvLookup& env);

}  // namespace weir::tools
