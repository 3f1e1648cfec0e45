// An authority's configuration as JSON: what `node start` brings it back from, and what the command
// hands to the process that it starts. kInvalid says what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "control/authority/authority.h"

namespace weir {

// Everything but the identity, which the node knows. `account_authority_history` is the hex of a
// change history; its identifier is in the config.
struct AuthoritySettings {
  AuthorityConfig config;
  std::string account_authority_history;
};

std::string authority_json(const AuthoritySettings& settings);
Result<AuthoritySettings> authority_from_json(std::string_view text);

// {"I..": {"attribute": "value", ..}, ..}
Result<std::vector<TrustedMember>> trusted_from_json(std::string_view text);

}  // namespace weir
