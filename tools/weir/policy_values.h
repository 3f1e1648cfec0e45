// Policies, resource types and attributes as values of the command line (spec/04 9.2, 9.4). As in
// values.h, each check_ function answers why a text is no such value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/policy/policy_expression.h"
#include "tools/weir/context.h"

namespace weir::cli {

std::string check_policy(std::string_view text);
std::string check_resource_type(std::string_view text);
std::string check_policy_attribute(std::string_view text);   // KEY=VALUE
std::string check_policy_attributes(std::string_view text);  // KEY=VALUE,KEY=VALUE

// CHECKed: the parser has seen it.
PolicyExpression policy_of(std::string_view text);
// On stderr: what is legal but probably not meant.
void warn_about_policy(Context& context, std::string_view text);

std::vector<std::string> split_attributes(std::string_view text);

}  // namespace weir::cli
