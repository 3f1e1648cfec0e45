// A whole run: threads, set-up, warm-up, one measurement or a sweep of them, Ctrl-C.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/common/process.h"
#include "tools/load/knee.h"
#include "tools/load/meter.h"
#include "tools/load/options.h"

namespace weir::load {

using tools::Machine;
using tools::ProcessUse;

// One measurement: all threads together.
struct StepResult {
  double offered_per_s = 0;  // 0: closed loop, or no operations
  double seconds = 0;        // of the window
  Stats stats;
  double own_cpu_s = 0;
  std::optional<ProcessUse> peer_before;
  std::optional<ProcessUse> peer_after;

  double achieved_per_s() const {
    return seconds > 0 ? static_cast<double>(stats.done_in_window) / seconds : 0;
  }
  // Sends that left later than the bound, in percent of all.
  double late_percent(std::uint64_t bound_ns) const;
  // Above this many percent of late sends no latency is given.
  static constexpr double kLatePercentMax = 1;
};

struct RunResult {
  std::string error;  // not empty: it did not come to a measurement
  bool interrupted = false;
  double set_up_s = 0;
  std::uint32_t flows = 0;
  std::optional<ProcessUse> peer_before_set_up;
  std::optional<ProcessUse> peer_after_set_up;
  std::vector<StepResult> steps;
  std::optional<std::size_t> knee;  // of a sweep
};

// Installs a handler for SIGINT and SIGTERM: the first ends the measurement, the second the
// program.
RunResult run(const Options& options);

}  // namespace weir::load
