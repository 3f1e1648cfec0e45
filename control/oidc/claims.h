// From what a provider says of a person to what an authority says of a member: the operator's
// mapping, and what an account must have at all. Nothing becomes an attribute that the operator has
// not named.
//
//   department=team                the claim's text (a number, true or false as text)
//   groups[dba]=may-dump           "true" if the claim is, or its list contains, "dba"
//   groups[admins]=ockam-role=enroller    the same with a value of its own
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::oidc {

inline constexpr std::size_t kClaimRulesMax = 64;
inline constexpr std::size_t kClaimTextBytesMax = 1024;

struct ClaimRule {
  std::string claim;
  std::optional<std::string> value;  // unset: the claim's own text
  std::string attribute;
  std::string attribute_value;  // with `value` only

  // kInvalid says how it is written.
  static Result<ClaimRule> parse(std::string_view text);
  std::string text() const;
  friend bool operator==(const ClaimRule&, const ClaimRule&) = default;
};

// CLAIM=VALUE: who lacks it is refused.
struct RequiredClaim {
  std::string claim;
  std::string value;

  static Result<RequiredClaim> parse(std::string_view text);
  std::string text() const { return claim + "=" + value; }
  friend bool operator==(const RequiredClaim&, const RequiredClaim&) = default;
};

struct ClaimPolicy {
  std::vector<ClaimRule> rules;
  std::vector<RequiredClaim> required;

  friend bool operator==(const ClaimPolicy&, const ClaimPolicy&) = default;
};

// A claim that is missing, or a list without [VALUE], gives no attribute. `sub` becomes the
// attribute `sub` unless a rule names it. kRefused: a required claim is not there.
Result<std::map<std::string, std::string>> attributes_by(const ClaimPolicy& policy,
                                                         const nlohmann::json& claims);

}  // namespace weir::oidc
