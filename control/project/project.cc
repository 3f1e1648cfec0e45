#include "control/project/project.h"

#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kProjectBytesMax = 1 << 20;

std::unexpected<Error> wrong(const char* field) {
  return fail(Errc::kInvalid, "the project's JSON is malformed", field);
}

bool read_text(const Json& json, const char* key, std::string& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

bool read_optional(const Json& json, const char* key, std::optional<std::string>& out) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return true;
  if (!found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

template <typename JsonType, typename T>
JsonType optional_value(const std::optional<T>& value) {
  if (!value) return nullptr;
  return *value;
}

// "host:port" of the transport that a route starts with.
Json host_port(const std::optional<std::string>& route) {
  if (!route) return nullptr;
  const auto address = wire::MultiAddr::parse(*route);
  if (!address) return nullptr;
  const auto hop = address->leading_transport();
  if (!hop) return nullptr;
  return hop->host_port();
}

}  // namespace

Result<Project> Project::parse(std::string_view text) {
  if (text.size() > kProjectBytesMax) return wrong("too long");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return wrong("not an object");
  Project project;
  if (!read_text(json, "id", project.id)) return wrong("id");
  if (!read_text(json, "name", project.name)) return wrong("name");
  if (!read_text(json, "space_name", project.space_name)) return wrong("space_name");
  if (!read_text(json, "access_route", project.access_route)) return wrong("access_route");
  if (!read_text(json, "space_id", project.space_id)) return wrong("space_id");
  const auto users = json.find("users");
  if (users == json.end() || !users->is_array()) return wrong("users");
  for (const Json& user : *users) {
    if (!user.is_string()) return wrong("users");
    project.users.push_back(user.get<std::string>());
  }
  std::optional<std::string> identity;
  if (!read_optional(json, "identity", identity)) return wrong("identity");
  if (identity) {
    const auto id = Identifier::parse(*identity);
    if (!id) return wrong("identity");
    project.identity = *id;
  }
  for (const auto& [key, out] :
       {std::pair{"authority_access_route", &project.authority_access_route},
        {"authority_identity", &project.authority_identity},
        {"version", &project.version},
        {"operation_id", &project.operation_id},
        {"project_change_history", &project.project_change_history}}) {
    if (!read_optional(json, key, *out)) return wrong(key);
  }
  const auto running = json.find("running");
  if (running != json.end() && running->is_boolean()) project.running = running->get<bool>();
  const auto roles = json.find("user_roles");
  if (roles == json.end() || !roles->is_array()) return wrong("user_roles");
  project.user_roles = *roles;
  if (const auto okta = json.find("okta_config"); okta != json.end() && !okta->is_null()) {
    project.okta_config = *okta;
  }
  if (const auto kafka = json.find("kafka_config"); kafka != json.end() && !kafka->is_null()) {
    project.kafka_config = *kafka;
  }
  return project;
}

nlohmann::ordered_json Project::document() const {
  using Ordered = nlohmann::ordered_json;
  Ordered json;
  json["id"] = id;
  json["name"] = name;
  json["space_name"] = space_name;
  json["access_route"] = access_route;
  json["users"] = users;
  json["space_id"] = space_id;
  json["identity"] = identity ? Ordered(identity->text()) : Ordered(nullptr);
  json["authority_access_route"] = optional_value<Ordered>(authority_access_route);
  json["authority_identity"] = optional_value<Ordered>(authority_identity);
  if (okta_config) json["okta_config"] = *okta_config;
  if (kafka_config) json["kafka_config"] = *kafka_config;
  json["version"] = optional_value<Ordered>(version);
  json["running"] = optional_value<Ordered>(running);
  json["operation_id"] = optional_value<Ordered>(operation_id);
  json["user_roles"] = user_roles;
  json["project_change_history"] = optional_value<Ordered>(project_change_history);
  return json;
}

Json Project::shown() const {
  Json json = document();
  json["access_address"] =
      access_route.empty() ? Json(nullptr) : host_port(std::optional(access_route));
  json["authority_access_address"] = host_port(authority_access_route);
  Json allowed = Json::array();
  for (const char* key : {"access_address", "authority_access_address"}) {
    const Json& address = json[key];
    const bool listed = std::find(allowed.begin(), allowed.end(), address) != allowed.end();
    if (!address.is_null() && !listed) allowed.push_back(address);
  }
  json["egress_allow_list"] = std::move(allowed);
  return json;
}

Bytes Project::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  std::uint64_t count = 7;
  for (const auto* field : {&authority_access_route, &authority_identity, &version, &operation_id,
                            &project_change_history}) {
    count += field->has_value() ? 1 : 0;
  }
  count += (identity ? 1 : 0) + (running ? 1 : 0);
  const auto text = [&writer](std::uint64_t key, const std::optional<std::string>& value) {
    if (value) writer.u64(key).text(*value);
  };
  writer.map(count).u64(1).text(id).u64(2).text(name).u64(3).text(space_name);
  writer.u64(5).text(access_route).u64(6).array(users.size());
  for (const std::string& user : users) writer.text(user);
  writer.u64(7).text(space_id);
  if (identity) writer.u64(8).bytes(identity->span());
  text(9, authority_access_route);
  text(10, authority_identity);
  text(13, version);
  if (running) writer.u64(14).boolean(*running);
  text(15, operation_id);
  writer.u64(16).array(0);
  text(17, project_change_history);
  return out;
}

std::optional<std::string> project_id_of(const wire::MultiAddr& route) {
  for (const wire::MultiAddrPart& part : route.parts()) {
    if (part.proto == wire::Proto::kService) return part.value();
  }
  return std::nullopt;
}

Result<ProjectAccess> ProjectAccess::of(const Project& project, Identities& identities) {
  ProjectAccess access;
  access.id = project.id;
  access.name = project.name;
  auto route = wire::MultiAddr::parse(project.access_route);
  if (!route) return pass(route);
  access.route = std::move(*route);
  if (!project.project_change_history) {
    return fail(Errc::kInvalid, "the project has no change history", project.name);
  }
  const auto own = identities.import_hex(*project.project_change_history, project.identity);
  if (!own) return fail(own.error().code, own.error().what, own.error().detail);
  access.identity = (*own)->identifier();
  if (!project.authority_identity) return access;
  const auto authority = identities.import_hex(*project.authority_identity);
  if (!authority)
    return fail(authority.error().code, authority.error().what, authority.error().detail);
  access.authority = (*authority)->identifier();
  if (!project.authority_access_route) return access;
  auto authority_route = wire::MultiAddr::parse(*project.authority_access_route);
  if (!authority_route) return pass(authority_route);
  access.authority_route = std::move(*authority_route);
  return access;
}

}  // namespace weir
