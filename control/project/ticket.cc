#include "control/project/ticket.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/hex.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr char kMissingFields[] = "Missing fields in enrollment ticket";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string dumped(const Ordered& json) {
  return json.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

Result<wire::MultiAddr> route_of(const std::string& text) { return wire::MultiAddr::parse(text); }

// The fields as texts, whatever form they came in.
struct Fields {
  std::string project_route;
  std::optional<std::string> project_id;  // else the route's first service
  std::string project_identifier;
  std::string project_name;
  std::string code;
  std::string project_change_history;
  std::string authority_change_history;
  std::string authority_route;
};

Result<Ticket> from_fields(const Fields& fields) {
  Ticket ticket;
  auto project_route = route_of(fields.project_route);
  if (!project_route) return pass(project_route);
  auto authority_route = route_of(fields.authority_route);
  if (!authority_route) return pass(authority_route);
  const auto id = fields.project_id ? fields.project_id : project_id_of(*project_route);
  if (!id) {
    return fail(Errc::kInvalid, "Couldn't extract the project id from route",
                project_route->text());
  }
  auto identifier = Identifier::parse(fields.project_identifier);
  if (!identifier) return pass(identifier);
  auto code = OneTimeCode::parse(fields.code);
  if (!code) return pass(code);
  ticket.project_route = std::move(*project_route);
  ticket.project_id = *id;
  ticket.project_identifier = *identifier;
  ticket.project_name = fields.project_name;
  ticket.code = *code;
  ticket.project_change_history = fields.project_change_history;
  ticket.authority_change_history = fields.authority_change_history;
  ticket.authority_route = std::move(*authority_route);
  return ticket;
}

std::optional<Result<Ticket>> from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Fields fields;
  const auto read = [](const Json& object, const char* key, std::string& out) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return false;
    out = found->get<std::string>();
    return true;
  };
  const auto route = json.find("project_route");
  if (route == json.end() || !route->is_object() ||
      !read(*route, "id", fields.project_id.emplace()) ||
      !read(*route, "route", fields.project_route) ||
      !read(json, "project_identifier", fields.project_identifier) ||
      !read(json, "project_name", fields.project_name) ||
      !read(json, "one_time_code", fields.code) ||
      !read(json, "project_change_history", fields.project_change_history) ||
      !read(json, "authority_change_history", fields.authority_change_history) ||
      !read(json, "authority_route", fields.authority_route)) {
    return std::nullopt;
  }
  return from_fields(fields);
}

std::optional<Result<Ticket>> from_legacy(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto code = json.find("one_time_code");
  const auto document = json.find("project");
  if (code == json.end() || !code->is_string() || document == json.end()) return std::nullopt;
  auto project = Project::parse(document->dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!project) return pass(project);
  auto one_time_code = OneTimeCode::parse(code->get<std::string>());
  if (!one_time_code) return pass(one_time_code);
  return Ticket::of(*project, *one_time_code);
}

}  // namespace

Result<Ticket> Ticket::parse(std::string_view given) {
  std::string_view text = trimmed(given);
  if (text.size() > kTicketBytesMax) return fail(Errc::kInvalid, "the ticket is too long");
  std::string decoded;
  if (const auto raw = from_hex(text); raw && !text.empty()) {
    if (!wire::valid_utf8(*raw)) {
      return fail(Errc::kInvalid, "Failed to hex decode enrollment ticket");
    }
    decoded = std::string(as_text(*raw));
    text = trimmed(decoded);
  }
  if (auto legacy = from_legacy(text)) return std::move(*legacy);
  if (auto json = from_json(text)) return std::move(*json);
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (parts.size() < 7) {
    const auto comma = text.find(',', from);
    parts.emplace_back(text.substr(from, comma - from));
    if (comma == std::string_view::npos) break;
    from = comma + 1;
  }
  if (parts.size() < 7) return fail(Errc::kInvalid, kMissingFields);
  return from_fields(
      {parts[0], std::nullopt, parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]});
}

std::string Ticket::text() const {
  return project_route.text() + "," + project_identifier.text() + "," + project_name + "," +
         code.text() + "," + project_change_history + "," + authority_change_history + "," +
         authority_route.text();
}

std::string Ticket::hex() const { return to_hex(as_bytes(text())); }

std::string Ticket::json() const {
  Ordered json;
  json["one_time_code"] = code.text();
  json["project_route"]["id"] = project_id;
  json["project_route"]["route"] = project_route.text();
  json["project_identifier"] = project_identifier.text();
  json["project_name"] = project_name;
  json["project_change_history"] = project_change_history;
  json["authority_change_history"] = authority_change_history;
  json["authority_route"] = authority_route.text();
  return dumped(json);
}

std::string Ticket::legacy_json() const {
  Ordered json;
  json["one_time_code"] = code.text();
  json["project"] = project().document();
  return dumped(json);
}

std::string Ticket::legacy_hex() const { return to_hex(as_bytes(legacy_json())); }

Project Ticket::project() const {
  Project project;
  project.id = project_id;
  project.name = project_name;
  project.access_route = project_route.text();
  project.identity = project_identifier;
  project.authority_access_route = authority_route.text();
  project.authority_identity = authority_change_history;
  project.project_change_history = project_change_history;
  return project;
}

Result<Ticket> Ticket::of(const Project& project, const OneTimeCode& code) {
  if (!project.project_change_history || !project.authority_identity ||
      !project.authority_access_route || !project.identity) {
    return fail(Errc::kInvalid, kMissingFields, project.name);
  }
  Fields fields{project.access_route,
                std::nullopt,
                project.identity->text(),
                project.name,
                code.text(),
                *project.project_change_history,
                *project.authority_identity,
                *project.authority_access_route};
  return from_fields(fields);
}

}  // namespace weir
