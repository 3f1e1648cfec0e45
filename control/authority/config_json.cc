#include "control/authority/config_json.h"

#include <nlohmann/json.hpp>

#include "control/identity/change_history.h"

namespace weir {
namespace {

using Json = nlohmann::json;

Result<std::vector<TrustedMember>> trusted_from(const Json& json) {
  if (!json.is_object()) return fail(Errc::kInvalid, "trusted identities are a JSON object");
  std::vector<TrustedMember> members;
  for (const auto& [name, attributes] : json.items()) {
    auto id = Identifier::parse(name);
    if (!id) return fail(Errc::kInvalid, "not an identifier", name);
    if (!attributes.is_object()) {
      return fail(Errc::kInvalid, "attributes are a JSON object of texts", name);
    }
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : attributes.items()) {
      if (!value.is_string()) return fail(Errc::kInvalid, "an attribute's value is a text", key);
      texts[key] = value.get<std::string>();
    }
    TrustedMember member{*id, attributes_of(texts)};
    if (Status good = check_attributes(member.attributes); !good) return pass(good);
    members.push_back(std::move(member));
  }
  return members;
}

Json oidc_json(const OidcEnrollment& oidc) {
  Json rules = Json::array();
  for (const oidc::ClaimRule& rule : oidc.claims.rules) rules.push_back(rule.text());
  Json required = Json::array();
  for (const oidc::RequiredClaim& one : oidc.claims.required) required.push_back(one.text());
  return {{"issuer", oidc.provider.issuer},
          {"client_id", oidc.provider.client_id},
          {"scope", oidc.provider.scope},
          {"certificates", oidc.provider.ca_pem},
          {"claims", rules},
          {"required", required}};
}

Json okta_json(const OktaEnrollment& okta) {
  return {{"tenant_base_url", okta.tenant_base_url},
          {"certificate", okta.certificate},
          {"attributes", okta.attributes}};
}

std::string text_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_in(const Json& json, const char* key) {
  std::vector<std::string> texts;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return texts;
  for (const Json& one : *found) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

Result<OidcEnrollment> oidc_from(const Json& json) {
  if (!json.is_object()) return fail(Errc::kInvalid, "the authority's settings are damaged");
  OidcEnrollment enrollment;
  enrollment.provider.issuer = text_in(json, "issuer");
  enrollment.provider.client_id = text_in(json, "client_id");
  enrollment.provider.scope = text_in(json, "scope");
  enrollment.provider.ca_pem = text_in(json, "certificates");
  for (const std::string& text : texts_in(json, "claims")) {
    auto rule = oidc::ClaimRule::parse(text);
    if (!rule) return pass(rule);
    enrollment.claims.rules.push_back(std::move(*rule));
  }
  for (const std::string& text : texts_in(json, "required")) {
    auto one = oidc::RequiredClaim::parse(text);
    if (!one) return pass(one);
    enrollment.claims.required.push_back(std::move(*one));
  }
  if (Status good = enrollment.check(); !good) return pass(good);
  return enrollment;
}

Result<OktaEnrollment> okta_from(const Json& json) {
  if (!json.is_object()) return fail(Errc::kInvalid, "the authority's settings are damaged");
  OktaEnrollment enrollment{text_in(json, "tenant_base_url"), text_in(json, "certificate"),
                            texts_in(json, "attributes")};
  if (Status good = enrollment.check(); !good) return pass(good);
  return enrollment;
}

// Absent: unset. Present and wrong: an error, never an authority without it.
template <typename T, typename Read>
Status read_part(const Json& json, const char* key, std::optional<T>& out, Read read) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return {};
  auto part = read(*found);
  if (!part) return pass(part);
  out = std::move(*part);
  return {};
}

}  // namespace

Result<std::vector<TrustedMember>> trusted_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Errc::kInvalid, "not JSON");
  return trusted_from(json);
}

std::string authority_json(const AuthoritySettings& settings) {
  const AuthorityConfig& config = settings.config;
  Json trusted = Json::object();
  for (const TrustedMember& member : config.trusted) {
    trusted[member.identifier.text()] = attribute_texts(member.attributes);
  }
  Json json = {{"project_id", config.project_id},
               {"trusted", trusted},
               {"direct_authentication", config.direct_authentication},
               {"token_enrollment", config.token_enrollment},
               {"adds_trust_context", config.adds_trust_context},
               {"enforces_admin_checks", config.enforces_admin_checks},
               {"credential_life_s", config.credential_life_s},
               {"account_authority", settings.account_authority_history}};
  if (config.oidc) json["oidc"] = oidc_json(*config.oidc);
  if (config.okta) json["okta"] = okta_json(*config.okta);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<AuthoritySettings> authority_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Errc::kInvalid, "the authority's settings are damaged");
  AuthoritySettings settings;
  AuthorityConfig& config = settings.config;
  const auto flag = [&json](const char* key, bool otherwise) {
    const auto found = json.find(key);
    return found != json.end() && found->is_boolean() ? found->get<bool>() : otherwise;
  };
  const auto words = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  config.project_id = words("project_id");
  config.direct_authentication = flag("direct_authentication", true);
  config.token_enrollment = flag("token_enrollment", true);
  config.adds_trust_context = flag("adds_trust_context", true);
  config.enforces_admin_checks = flag("enforces_admin_checks", false);
  if (const auto life = json.find("credential_life_s");
      life != json.end() && life->is_number_unsigned()) {
    config.credential_life_s = life->get<std::uint64_t>();
  }
  if (const auto listed = json.find("trusted"); listed != json.end()) {
    auto trusted = trusted_from(*listed);
    if (!trusted) return pass(trusted);
    config.trusted = std::move(*trusted);
  }
  settings.account_authority_history = words("account_authority");
  if (Status read = read_part(json, "oidc", config.oidc, oidc_from); !read) return pass(read);
  if (Status read = read_part(json, "okta", config.okta, okta_from); !read) return pass(read);
  return settings;
}

}  // namespace weir
