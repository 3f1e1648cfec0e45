// A node that runs in the command's own process: `node create --foreground` and what is built on
// it.
#pragma once

#include <string>

#include "tools/weir/arguments.h"
#include "tools/weir/context.h"
#include "tools/weir/node_options.h"

namespace weir::cli {

// Runs until a signal (or the end of stdin, with --exit-on-eof). Of the arguments it reads
// skip-is-running-check, exit-on-eof, restore and child-process.
void run_node_here(Context& context, const Arguments& arguments, const std::string& name,
                   const NodeOptions& options);

// Gives up with "Node NAME is already running", unless --skip-is-running-check.
void refuse_running(Context& context, const std::string& name, const Arguments& arguments);

}  // namespace weir::cli
