// A project: where its relay node and its authority are, and who they are (spec/03 section 10). A
// file that users exchange; what is stored of an imported one is the same JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identities.h"
#include "dataplane/wire/multiaddr.h"

namespace weir {

struct Project {
  std::string id;
  std::string name;
  std::string space_name;
  std::string access_route;  // a MultiAddr, or empty
  std::vector<std::string> users;
  std::string space_id;
  std::optional<Identifier> identity;
  std::optional<std::string> authority_access_route;
  std::optional<std::string> authority_identity;  // a change history in hex
  std::optional<std::string> version;
  std::optional<bool> running;
  std::optional<std::string> operation_id;
  nlohmann::json user_roles = nlohmann::json::array();  // as received
  std::optional<std::string> project_change_history;
  std::optional<nlohmann::json> okta_config;  // as received
  std::optional<nlohmann::json> kafka_config;

  // kInvalid names the field. Unknown fields are ignored.
  static Result<Project> parse(std::string_view json);
  // The document as a file: fields in the declared order, absent ones null.
  nlohmann::ordered_json document() const;
  // What `project show` prints: the same and the addresses taken apart.
  nlohmann::json shown() const;
  // The body of the controller's API. Without okta_config and kafka_config.
  Bytes encode() const;
};

// What a node needs of a project, with everything checked: the histories verify and are stored, the
// routes parse, the identity is that of its history.
struct ProjectAccess {
  std::string id;
  std::string name;
  wire::MultiAddr route;  // of the project node's channel listener
  Identifier identity;
  // Absent: nobody's credentials count.
  std::optional<Identifier> authority;
  std::optional<wire::MultiAddr> authority_route;  // of its channel listener

  static Result<ProjectAccess> of(const Project& project, Identities& identities);
  // The scope under which a member's credential is kept.
  std::string scope() const { return "project-member-" + id; }
};

// The first /service/X of a project's route names the project (spec/03 9.3).
std::optional<std::string> project_id_of(const wire::MultiAddr& route);

}  // namespace weir
