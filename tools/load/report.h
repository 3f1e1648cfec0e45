// Results as text for people and as JSON for programs. Both say the same, and neither gives a
// latency when our own sending loop was late too often.
#pragma once

#include <cstdint>
#include <string>

#include "tools/load/options.h"
#include "tools/load/run.h"

namespace weir::load {

std::string report_text(const Options& options, const RunResult& result);
// One object; see README.md for its shape.
std::string report_json(const Options& options, const RunResult& result);

// One line about one measurement, for sweeps.
std::string step_line(const Options& options, const StepResult& step);
std::string with_commas(double value);
inline std::string with_commas(std::uint64_t value) {
  return with_commas(static_cast<double>(value));
}

}  // namespace weir::load
