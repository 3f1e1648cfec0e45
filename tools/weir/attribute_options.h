// Attributes on the command line: -a K=V, --relay, --enroller, --tls (spec/03 8.3).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/weir/arguments.h"
#include "tools/weir/spec.h"

namespace weir::cli {

// `bare_is_true`: `-a key` alone means key=true (tickets); else it is an error.
std::vector<OptionSpec> attribute_options(bool bare_is_true);
std::map<std::string, std::string> attributes_given(const Arguments& arguments, bool bare_is_true);
// `"k=v"` lines in sorted order.
std::string attribute_lines(const std::map<std::string, std::string>& attributes,
                            std::string_view indent);

}  // namespace weir::cli
