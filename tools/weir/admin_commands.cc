// weir project-admin list|add|delete. Ockam asks its hosted controller, by email; here an admin is
// a member who may enroll others, named by identifier, or by the `email` attribute that an identity
// provider gave him.
#include <fmt/core.h>

#include <algorithm>

#include "control/authority/requests.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/project_access.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kAuthenticator[] = "direct_authenticator";
constexpr char kAttributeEmail[] = "email";

struct Asked {
  IdentityRecord who;
  AuthorityAccess authority;
  MemberList members;  // by identifier
};

Asked ask_members(Context& context, const Arguments& arguments) {
  const Project project = stored_project(context, arguments.optional("NAME"));
  IdentityRecord who = arguments.has("identity")
                           ? named_identity(context, arguments.text("identity"))
                           : default_identity(context, Tell::kNo);
  Asked asked{who, AuthorityAccess(context, project, who), {}};
  asked.members =
      must(decode_member_list(asked.authority.ask(kAuthenticator, wire::Method::kGet, "/members")));
  std::ranges::sort(asked.members, {}, &MemberList::value_type::first);
  return asked;
}

bool is_admin(const MemberEntry& entry) {
  return attribute_text(entry.attributes, kAttributeRole) == kRoleEnroller;
}

Json admin_json(const Identifier& id, const MemberEntry& entry) {
  const std::string email = attribute_text(entry.attributes, kAttributeEmail);
  return {{"email", email.empty() ? Json(nullptr) : Json(email)}, {"identifier", id.text()}};
}

std::string admin_text(const Identifier& id, const MemberEntry& entry) {
  const std::string email = attribute_text(entry.attributes, kAttributeEmail);
  return email.empty() ? id.text() : fmt::format("{} ({})", id.text(), email);
}

// Whom the user means: the identifier itself, or that of the only member with this email.
Identifier identifier_given(const MemberList& members, const std::string& who) {
  if (const auto id = Identifier::parse(who)) return *id;
  std::vector<Identifier> found;
  for (const auto& [id, entry] : members) {
    if (attribute_text(entry.attributes, kAttributeEmail) == who) found.push_back(id);
  }
  if (found.size() == 1) return found.front();
  give_up(Failure{found.empty() ? fmt::format("No member has the email {}", who)
                                : fmt::format("{} members have the email {}", found.size(), who),
                  {},
                  "name the identifier: `weir project-member list` shows it",
                  {},
                  kExitFailed});
}

const MemberEntry* entry_of(const MemberList& members, const Identifier& who) {
  const auto it = std::ranges::find(members, who, &MemberList::value_type::first);
  return it == members.end() ? nullptr : &it->second;
}

// The same attributes but for the role.
void set_admin(Asked& asked, const Identifier& who, bool admin) {
  AddMember request{who, {}};
  if (const MemberEntry* entry = entry_of(asked.members, who)) {
    request.attributes = entry->attributes;
  }
  const AttributeMap role = attributes_of({{kAttributeRole, kRoleEnroller}});
  for (const auto& [key, value] : role) {
    request.attributes.erase(key);
    if (admin) request.attributes[key] = value;
  }
  asked.authority.ask(kAuthenticator, wire::Method::kPost, "/", request.encode());
}

void run_list(Context& context, const Arguments& arguments) {
  const Asked asked = ask_members(context, arguments);
  Json json = Json::array();
  std::vector<std::string> lines;
  for (const auto& [id, entry] : asked.members) {
    if (!is_admin(entry)) continue;
    json.push_back(admin_json(id, entry));
    lines.push_back(admin_text(id, entry));
  }
  context.print({.plain = list_text(lines, "No admins found on that Project"),
                 .machine = {},
                 .json = std::move(json)});
}

void run_add(Context& context, const Arguments& arguments) {
  Asked asked = ask_members(context, arguments);
  const Identifier who = identifier_given(asked.members, arguments.text("WHO"));
  set_admin(asked, who, true);
  const MemberEntry* entry = entry_of(asked.members, who);
  context.print({.plain = done_line(fmt::format("{} added as an admin to project {}", who.text(),
                                                asked.authority.project().name)),
                 .machine = who.text(),
                 .json = admin_json(who, entry != nullptr ? *entry : MemberEntry{})});
}

void run_delete(Context& context, const Arguments& arguments) {
  Asked asked = ask_members(context, arguments);
  const auto self = must(Identifier::parse(asked.who.identifier));
  std::vector<Identifier> chosen;
  if (arguments.has("WHO")) {
    const Identifier who = identifier_given(asked.members, arguments.text("WHO"));
    const MemberEntry* entry = entry_of(asked.members, who);
    if (entry == nullptr || !is_admin(*entry)) {
      give_up(
          fmt::format("{} is no admin of project {}", who.text(), asked.authority.project().name));
    }
    chosen.push_back(who);
  } else if (arguments.has("all")) {
    for (const auto& [id, entry] : asked.members) {
      if (is_admin(entry) && id != self) chosen.push_back(id);
    }
  } else {
    give_up("No admin provided", "name one, or give --all");
  }
  // Who was given to the authority when it was made is written anew at each start of it.
  std::erase_if(chosen, [&](const Identifier& id) {
    const MemberEntry* entry = entry_of(asked.members, id);
    if (entry->attested_by != asked.authority.project().authority) return false;
    if (!arguments.has("WHO")) return true;
    give_up(fmt::format("{} is an admin by the authority's configuration", id.text()),
            "make the authority anew without it: weir authority create --trusted-identities ..");
  });
  const bool sure =
      chosen.empty() ||
      context.confirm(arguments.has("yes"), "Are you sure that they shall be admins no more?");
  if (!sure) return;
  std::string plain;
  Json json = Json::array();
  for (const Identifier& id : chosen) {
    json.push_back(admin_json(id, *entry_of(asked.members, id)));
    set_admin(asked, id, false);
    plain += done_line(fmt::format("{} is no longer an admin of project {}, but still a member\n",
                                   id.text(), asked.authority.project().name));
  }
  context.print({.plain = plain.empty() ? info_line("No admins were removed") : plain,
                 .machine = {},
                 .json = std::move(json)});
}

CommandSpec admin_command(const char* name, const char* about, RunFunction run) {
  return command(name, about, run)
      .with(option("identity", "IDENTITY_NAME", "Who asks [default: the default identity]"));
}

}  // namespace

CommandSpec project_admin_commands() {
  return group("project-admin", "Manage who may enroll others in a project")
      .with(admin_command("list", "List the admins", run_list)
                .with(positional("NAME", "The project [default: the default project]")))
      .with(admin_command("add", "Let somebody enroll others; made a member if he is none", run_add)
                .with(required_positional("WHO", "An identifier, or the email of a member"))
                .with(positional("NAME", "The project [default: the default project]")))
      .with(admin_command("delete", "Let an admin enroll nobody any more; he stays a member",
                          run_delete)
                .with(positional("WHO", "An identifier, or the email of a member"))
                .with(positional("NAME", "The project [default: the default project]"))
                .with(flag("all", "All but yourself"))
                .with(flag("yes", "Do not ask").short_form('y')));
}

}  // namespace weir::cli
