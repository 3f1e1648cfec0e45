// An authority's identity provider on the command line: --oidc-issuer and what belongs to it.
#pragma once

#include <optional>
#include <vector>

#include "control/authority/provider_enrollment.h"
#include "tools/weir/context.h"
#include "tools/weir/spec.h"

namespace weir::cli {

std::vector<OptionSpec> oidc_options();
// Unset without --oidc-issuer; gives up on what cannot be used.
std::optional<OidcEnrollment> oidc_given(const Arguments& arguments);

}  // namespace weir::cli
