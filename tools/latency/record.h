// Profiles a running node over its API socket.
#pragma once

#include "base/result.h"
#include "tools/latency/options.h"
#include "tools/latency/recording.h"

namespace weir::latency {

// Blocks for options.seconds, or until SIGINT, SIGTERM or SIGHUP; detaches in any case. What came
// before a failure is returned with its note; an error only when there is nothing.
Result<Recording> record(const Options& options);

}  // namespace weir::latency
