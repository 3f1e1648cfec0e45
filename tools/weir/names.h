// Random names for what the user did not name: adjective-noun, lower case (spec/07 1.3).
#pragma once

#include <string>

#include "base/rng.h"

namespace weir::cli {

std::string random_name(Rng& rng);

}  // namespace weir::cli
