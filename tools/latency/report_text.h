// A recording as a page of text.
#pragma once

#include <string>

#include "tools/latency/recording.h"

namespace weir::latency {

std::string report_text(const Recording& recording);

}  // namespace weir::latency
