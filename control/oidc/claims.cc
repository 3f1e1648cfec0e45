#include "control/oidc/claims.h"

#include <algorithm>

#include "dataplane/wire/cbor.h"

namespace weir::oidc {
namespace {

using Json = nlohmann::json;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kClaimTextBytesMax && wire::valid_utf8(as_bytes(text));
}

std::optional<std::string> text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  return std::nullopt;
}

bool has_value(const Json& claims, const std::string& claim, const std::string& value) {
  const auto found = claims.find(claim);
  if (found == claims.end()) return false;
  if (!found->is_array()) return text_of(*found) == value;
  return std::ranges::any_of(*found, [&value](const Json& one) { return text_of(one) == value; });
}

}  // namespace

Result<ClaimRule> ClaimRule::parse(std::string_view text) {
  constexpr char kForm[] =
      "a mapping is written CLAIM=ATTRIBUTE, CLAIM[VALUE]=ATTRIBUTE or "
      "CLAIM[VALUE]=ATTRIBUTE=TEXT";
  ClaimRule rule;
  std::string_view target;
  const auto open = text.find('[');
  const auto close = text.find("]=");
  const auto equals = text.find('=');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close &&
      open < equals) {
    rule.claim = text.substr(0, open);
    rule.value = std::string(text.substr(open + 1, close - open - 1));
    target = text.substr(close + 2);
    const auto with = target.find('=');
    rule.attribute = target.substr(0, with);
    rule.attribute_value =
        with == std::string_view::npos ? "true" : std::string(target.substr(with + 1));
  } else if (equals != std::string_view::npos) {
    rule.claim = text.substr(0, equals);
    rule.attribute = text.substr(equals + 1);
    if (rule.attribute.find('=') != std::string::npos) return fail(Errc::kInvalid, kForm);
  }
  const bool good = is_name(rule.claim) && is_name(rule.attribute) &&
                    (!rule.value || is_name(*rule.value)) &&
                    rule.attribute_value.size() <= kClaimTextBytesMax &&
                    wire::valid_utf8(as_bytes(rule.attribute_value));
  if (!good) return fail(Errc::kInvalid, kForm);
  return rule;
}

std::string ClaimRule::text() const {
  if (!value) return claim + "=" + attribute;
  return claim + "[" + *value + "]=" + attribute + "=" + attribute_value;
}

Result<RequiredClaim> RequiredClaim::parse(std::string_view text) {
  const auto equals = text.find('=');
  RequiredClaim required;
  if (equals != std::string_view::npos) {
    required.claim = text.substr(0, equals);
    required.value = text.substr(equals + 1);
  }
  if (!is_name(required.claim) || !is_name(required.value)) {
    return fail(Errc::kInvalid, "what is required is written CLAIM=VALUE");
  }
  return required;
}

Result<std::map<std::string, std::string>> attributes_by(const ClaimPolicy& policy,
                                                         const Json& claims) {
  if (!claims.is_object()) return fail(Errc::kInvalid, "the provider's claims are malformed");
  for (const RequiredClaim& one : policy.required) {
    if (!has_value(claims, one.claim, one.value)) {
      return fail(Errc::kRefused, "the account is not one that may join",
                  one.text() + " is needed");
    }
  }
  std::map<std::string, std::string> attributes;
  bool names_subject = false;
  const auto take = [&](const std::string& claim, const std::string& attribute) {
    const auto found = claims.find(claim);
    if (found == claims.end()) return;
    auto text = text_of(*found);
    if (text && text->size() <= kClaimTextBytesMax) attributes[attribute] = std::move(*text);
  };
  for (const ClaimRule& rule : policy.rules) {
    names_subject = names_subject || rule.claim == "sub";
    if (!rule.value) {
      take(rule.claim, rule.attribute);
    } else if (has_value(claims, rule.claim, *rule.value)) {
      attributes[rule.attribute] = rule.attribute_value;
    }
  }
  if (!names_subject) take("sub", "sub");
  return attributes;
}

}  // namespace weir::oidc
