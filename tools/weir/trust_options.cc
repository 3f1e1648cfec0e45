#include "tools/weir/trust_options.h"

#include <fmt/core.h>

#include "tools/weir/failure.h"
#include "tools/weir/values.h"

namespace weir::cli {

std::vector<OptionSpec> trust_options() {
  return {option("project", "PROJECT_NAME", "Its project [default: the default project]"),
          option("authority-identity", "IDENTITY",
                 "The authority whose credentials count, without a project (hex)")
              .checked(check_hex),
          option("authority-route", "AUTHORITY_ROUTE", "Where to get its own credential")
              .checked(check_route),
          option("credential-scope", "CREDENTIAL_SCOPE", "The name under which that is kept")};
}

void add_trust_options(Context& context, const Arguments& arguments, NodeOptions& options) {
  options.authority_identity = arguments.text_or("authority-identity", "");
  options.authority_route = arguments.text_or("authority-route", "");
  options.credential_scope = arguments.text_or("credential-scope", "");
  const bool has_authority =
      !options.authority_identity.empty() || !options.authority_route.empty();
  if (arguments.has("project")) {
    if (has_authority) {
      give_up("--project cannot be used with --authority-identity or --authority-route",
              "name a project, or an authority");
    }
    const std::string& name = arguments.text("project");
    const auto known = context.state().projects().get(name);
    if (known) {
      options.project = name;
    } else if (known.error().code == Errc::kNotFound) {
      context.note(
          warning_line(fmt::format("There is no project {}: nobody's credentials count", name)));
    } else {
      give_up(known.error());
    }
    return;
  }
  if (has_authority || arguments.has("authority")) return;
  const auto found = context.state().projects().get_default();
  if (found) options.project = found->name;
}

}  // namespace weir::cli
