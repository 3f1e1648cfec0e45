// A recording as one self-contained HTML file.
#pragma once

#include <string>

#include "tools/latency/recording.h"

namespace weir::latency {

std::string report_html(const Recording& recording);

}  // namespace weir::latency
