#include "tools/weir/policy_values.h"

#include "base/check.h"
#include "control/policy/resource.h"

namespace weir::cli {

std::string check_policy(std::string_view text) {
  const auto policy = PolicyExpression::parse(text);
  return policy ? std::string() : policy.error();
}

std::string check_resource_type(std::string_view text) {
  if (resource_type_of(text)) return {};
  std::string known;
  for (const std::string_view type : kResourceTypeTexts) {
    known.append(known.empty() ? "" : ", ").append(type);
  }
  return "Valid values are: " + known;
}

std::string check_policy_attribute(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals == std::string_view::npos || equals == 0 ? "an attribute is KEY=VALUE" : "";
}

std::string check_policy_attributes(std::string_view text) {
  for (const std::string& one : split_attributes(text)) {
    if (std::string problem = check_policy_attribute(one); !problem.empty()) return problem;
  }
  return {};
}

PolicyExpression policy_of(std::string_view text) {
  auto policy = PolicyExpression::parse(text);
  CHECK(policy.has_value());
  return std::move(*policy);
}

void warn_about_policy(Context& context, std::string_view text) {
  for (const std::string& warning : policy_warnings(text)) context.note(warning_line(warning));
}

std::vector<std::string> split_attributes(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    const std::size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace weir::cli
