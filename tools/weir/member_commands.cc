// weir project-member list-ids|list|show|add|delete (spec/07 11.3).
#include <fmt/core.h>

#include "control/authority/requests.h"
#include "tools/weir/attribute_options.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/project_access.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr char kAuthenticator[] = "direct_authenticator";

IdentityRecord asking_identity(Context& context, const Arguments& arguments) {
  return arguments.has("identity") ? named_identity(context, arguments.text("identity"))
                                   : default_identity(context, Tell::kNo);
}

AuthorityAccess authority_of(Context& context, const Arguments& arguments) {
  const Project project = stored_project(context, arguments.optional("project-name"));
  return {context, project, asking_identity(context, arguments)};
}

Json member_json(const Identifier& id, const MemberEntry& entry) {
  Json attributes = {{"added_at", entry.added_at_s},
                     {"attributes", attribute_texts(entry.attributes)},
                     {"attested_by", nullptr},
                     {"expires_at", nullptr}};
  if (entry.attested_by) attributes["attested_by"] = entry.attested_by->text();
  if (entry.expires_at_s) attributes["expires_at"] = *entry.expires_at_s;
  return {{"attributes", std::move(attributes)}, {"identifier", id.text()}};
}

std::string member_text(const Identifier& id, const MemberEntry& entry) {
  std::string text = id.text();
  for (const auto& [key, value] : attribute_texts(entry.attributes)) {
    text += fmt::format("\n  {}={}", key, value);
  }
  if (entry.attested_by) text += "\nadded by " + entry.attested_by->text();
  return text;
}

void run_list_ids(Context& context, const Arguments& arguments) {
  AuthorityAccess authority = authority_of(context, arguments);
  const Bytes body = authority.ask(kAuthenticator, wire::Method::kGet, "/member_ids");
  Json json = Json::array();
  std::vector<std::string> lines;
  for (const Identifier& id : must(decode_member_ids(body))) {
    json.push_back({{"identifier", id.text()}});
    lines.push_back(id.text());
  }
  context.print({.plain = list_text(lines, "No members found on that Project"),
                 .machine = {},
                 .json = std::move(json)});
}

void run_list(Context& context, const Arguments& arguments) {
  AuthorityAccess authority = authority_of(context, arguments);
  MemberList members =
      must(decode_member_list(authority.ask(kAuthenticator, wire::Method::kGet, "/members")));
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const auto& [id, entry] : members) {
    const bool enrolls = attribute_text(entry.attributes, kAttributeRole) == kRoleEnroller;
    if (arguments.has("enrollers") && !enrolls) continue;
    json.push_back(member_json(id, entry));
    blocks.push_back(member_text(id, entry));
  }
  context.print({.plain = list_text(blocks, "No members found on that Project"),
                 .machine = {},
                 .json = std::move(json)});
}

void run_show(Context& context, const Arguments& arguments) {
  if (!arguments.has("IDENTIFIER")) give_up("No member provided");
  AuthorityAccess authority = authority_of(context, arguments);
  const Identifier id = identifier_of(arguments.text("IDENTIFIER"));
  const auto entry =
      must(MemberEntry::decode(authority.ask(kAuthenticator, wire::Method::kGet, "/" + id.text())));
  context.print({.plain = member_text(id, entry), .machine = {}, .json = member_json(id, entry)});
}

void run_add(Context& context, const Arguments& arguments) {
  const auto attributes = attributes_given(arguments, false);
  AuthorityAccess authority = authority_of(context, arguments);
  const Identifier id = identifier_of(arguments.text("IDENTIFIER"));
  const AddMember request{id, attributes_of(attributes)};
  authority.ask(kAuthenticator, wire::Method::kPost, "/", request.encode());
  context.print({.plain = done_line(fmt::format("Identifier {} is now a Project member\n{}",
                                                id.text(), attribute_lines(attributes, "      "))),
                 .machine = {},
                 .json = Json{{"attributes", attributes},
                              {"identifier", id.text()},
                              {"project", authority.project().name}}});
}

void run_delete(Context& context, const Arguments& arguments) {
  if (!arguments.has("IDENTIFIER") && !arguments.has("all")) {
    give_up("No member provided", "name one, or give --all");
  }
  AuthorityAccess authority = authority_of(context, arguments);
  std::vector<std::string> deleted;
  if (arguments.has("IDENTIFIER")) {
    const std::string id = identifier_of(arguments.text("IDENTIFIER")).text();
    authority.ask(kAuthenticator, wire::Method::kDelete, "/" + id);
    deleted.push_back(id);
  } else {
    // Ockam refuses this for everybody who is not enrolled with the Orchestrator.
    const auto ids =
        must(decode_member_ids(authority.ask(kAuthenticator, wire::Method::kGet, "/member_ids")));
    authority.ask(kAuthenticator, wire::Method::kDelete, "/members");
    const auto left =
        must(decode_member_ids(authority.ask(kAuthenticator, wire::Method::kGet, "/member_ids")));
    for (const Identifier& id : ids) {
      if (std::find(left.begin(), left.end(), id) == left.end()) deleted.push_back(id.text());
    }
  }
  std::string plain;
  for (const std::string& id : deleted) {
    plain += done_line(fmt::format("{} is no longer a Project member\n", id));
  }
  context.print({.plain = plain.empty() ? info_line("No members were removed") : plain,
                 .machine = {},
                 .json = Json{{"identifiers", deleted}, {"project", authority.project().name}}});
}

CommandSpec member_command(const char* name, const char* about, RunFunction run) {
  return command(name, about, run)
      .with(option("identity", "IDENTITY_NAME", "Who asks [default: the default identity]"))
      .with(option("project-name", "PROJECT_NAME", "The project [default: the default project]")
                .short_form('p')
                .alias("project"));
}

}  // namespace

CommandSpec project_member_commands() {
  const auto check = [](std::string_view text) { return check_identifier(text); };
  return group("project-member", "Manage the members of a project at its authority")
      .with(member_command("list-ids", "List the members' identifiers", run_list_ids))
      .with(member_command("list", "List the members", run_list)
                .with(flag("enrollers", "Only those who may enroll others").alias("enroller")))
      .with(member_command("show", "Show a member", run_show)
                .with(positional("IDENTIFIER", "The member", check)))
      .with(member_command("add", "Make an identity a member, or replace its attributes", run_add)
                .with(required_positional("IDENTIFIER", "Who", check))
                .with(attribute_options(false)))
      .with(member_command("delete", "Remove a member; its rights end", run_delete)
                .with(positional("IDENTIFIER", "The member", check))
                .with(flag("all", "All but yourself").conflicts_with("IDENTIFIER"))
                .with(flag("yes", "No effect").short_form('y').hidden()));
}

}  // namespace weir::cli
