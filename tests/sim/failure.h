// How a run says that something is wrong: thrown by whoever sees it, caught by run_seed(). Never
// thrown through the node's own code.
#pragma once

#include <stdexcept>
#include <string>

namespace weir::sim {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace weir::sim
