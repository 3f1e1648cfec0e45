#include "tools/weir/attribute_options.h"

#include <fmt/core.h>

#include "control/authority/attributes.h"
#include "tools/weir/failure.h"

namespace weir::cli {

std::vector<OptionSpec> attribute_options(bool bare_is_true) {
  std::vector<OptionSpec> options = {
      option("attribute", bare_is_true ? "ATTRIBUTE[=VALUE]" : "ATTRIBUTE=VALUE",
             "An attribute of the member; may be repeated")
          .short_form('a')
          .repeatable(),
      option("relay", "RELAY_NAME", "It may register this relay; * for any"),
      flag("enroller", "It may enroll others")};
  if (bare_is_true)
    options.push_back(flag("tls", "It may have the project's certificate").hidden());
  return options;
}

std::map<std::string, std::string> attributes_given(const Arguments& arguments, bool bare_is_true) {
  std::map<std::string, std::string> attributes;
  for (const std::string& text : arguments.list("attribute")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos && !bare_is_true) {
      give_up(fmt::format("Invalid attribute: {}", text), "attributes are written KEY=VALUE");
    }
    attributes[text.substr(0, equals)] =
        equals == std::string::npos ? "true" : text.substr(equals + 1);
  }
  if (arguments.has("relay")) attributes[kAttributeRelay] = arguments.text("relay");
  if (arguments.has("enroller")) attributes[kAttributeRole] = kRoleEnroller;
  if (arguments.has("tls")) attributes[kAttributeTls] = "true";
  return attributes;
}

std::string attribute_lines(const std::map<std::string, std::string>& attributes,
                            std::string_view indent) {
  std::string lines;
  for (const auto& [key, value] : attributes) {
    lines += fmt::format("{}\"{}={}\"\n", indent, key, value);
  }
  return lines;
}

}  // namespace weir::cli
