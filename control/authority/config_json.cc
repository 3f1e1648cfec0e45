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
  const Json json = {{"project_id", config.project_id},
                     {"trusted", trusted},
                     {"direct_authentication", config.direct_authentication},
                     {"token_enrollment", config.token_enrollment},
                     {"adds_trust_context", config.adds_trust_context},
                     {"enforces_admin_checks", config.enforces_admin_checks},
                     {"credential_life_s", config.credential_life_s},
                     {"account_authority", settings.account_authority_history}};
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
  return settings;
}

}  // namespace weir
