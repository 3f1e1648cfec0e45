// weir project import|information|show|list|delete|ticket|enroll (spec/07 11.2). `create` is in
// project_create.cc.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include "base/hex.h"
#include "control/project/ticket.h"
#include "tools/weir/attribute_options.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/project_access.h"
#include "tools/weir/project_enroll.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kTicketLifeMs = 600'000;
constexpr std::uint64_t kLongLifeMs = 5ULL * 86'400'000;
constexpr std::uint64_t kManyUses = 10;

const ItemKind kProject = {.singular = "project",
                           .plural = "projects",
                           .name_key = "PROJECT_NAME",
                           .no_name = {},
                           .not_found = {},
                           .not_found_code = {}};

std::string project_text(const Project& project) {
  return fmt::format("Project {}\nId: {}\nRoute: {}\nAuthority: {}", project.name, project.id,
                     project.access_route, project.authority_access_route.value_or("none"));
}

void run_import(Context& context, const Arguments& arguments) {
  const std::string& path = arguments.text("project-file");
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up(fmt::format("Cannot read {}", path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Project project = must(Project::parse(text));
  check_project(context, project);
  store_project(context, project);
  context.print({.plain = done_line(fmt::format("Successfully imported project {}", project.name)),
                 .machine = std::nullopt,
                 .json = std::nullopt});
}

void print_project(Context& context, const Project& project) {
  context.print({.plain = project_text(project), .machine = {}, .json = project.shown()});
}

void run_information(Context& context, const Arguments& arguments) {
  print_project(context, stored_project(context, arguments.optional("PROJECT_NAME")));
}

void run_list(Context& context, const Arguments&) {
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const ProjectRecord& record : must(context.state().projects().list())) {
    const Project project = must(Project::parse(record.json));
    json.push_back(project.shown());
    blocks.push_back(project_text(project) + (record.is_default ? "\n(default)" : ""));
  }
  context.print({.plain = list_text(blocks, "No projects found on this system."),
                 .machine = {},
                 .json = std::move(json)});
}

// What this machine knows of it; the project's own nodes are deleted as nodes.
void run_delete(Context& context, const Arguments& arguments) {
  std::vector<std::string> names;
  for (const ProjectRecord& record : must(context.state().projects().list())) {
    names.push_back(record.name);
  }
  delete_items(context, arguments, kProject, names, [&](const std::string& name) -> Output {
    must(context.state().projects().remove(name));
    return {.plain = done_line(fmt::format("Project {} is forgotten on this machine", name)),
            .machine = name,
            .json = Json{{"name", name}}};
  });
}

// --- tickets

std::uint64_t uses_of(const Arguments& arguments) {
  if (!arguments.has("usage-count")) return 1;
  const std::uint64_t uses = std::stoull(arguments.text("usage-count"));
  if (uses == 0) give_up("The usage count must be at least 1");
  return uses;
}

std::string check_count(std::string_view text) {
  const bool good = !text.empty() && text.size() < 10 &&
                    text.find_first_not_of("0123456789") == std::string_view::npos;
  return good ? std::string() : "a number";
}

std::string life_text(std::uint64_t ms) {
  const std::uint64_t s = ms / 1000;
  if (s % 86'400 == 0) return fmt::format("{}d", s / 86'400);
  if (s % 3600 == 0) return fmt::format("{}h", s / 3600);
  if (s % 60 == 0) return fmt::format("{}m", s / 60);
  return fmt::format("{}s", s);
}

void run_ticket(Context& context, const Arguments& arguments) {
  const std::uint64_t uses = uses_of(arguments);
  const std::uint64_t life_ms = context.duration_ms(arguments, "expires-in", kTicketLifeMs);
  const auto attributes = attributes_given(arguments, true);
  const Project project = stored_project(context, arguments.optional("project"));
  const IdentityRecord who = arguments.has("identity")
                                 ? named_identity(context, arguments.text("identity"))
                                 : default_identity(context, Tell::kNo);
  if (life_ms >= kLongLifeMs && uses >= kManyUses) {
    context.note(warning_line(
        "This ticket lives long and can be used often: whoever finds it becomes a member"));
  }
  AuthorityAccess authority(context, project, who);
  const CreateToken request{attributes_of(attributes), life_ms / 1000, uses};
  const Bytes body =
      authority.ask("enrollment_token_issuer", wire::Method::kPost, "/", request.encode());
  const Ticket ticket = must(Ticket::of(project, must(OneTimeCode::decode(body))));
  context.note(done_line("Created enrollment ticket\n"));
  if (!attributes.empty()) {
    context.note("    The redeemer will be assigned the following attributes:\n" +
                 attribute_lines(attributes, "      "));
  }
  context.note(info_line(
      fmt::format("It will expire in {} and it can be used {}", life_text(life_ms),
                  uses == 1 ? std::string("once") : fmt::format("up to {} times", uses))));
  context.note("    You can use it to enroll another machine using: weir project enroll");
  const bool legacy = arguments.has("legacy");
  std::string text = arguments.has("hex") ? ticket.hex() : ticket.text();
  if (legacy) text = ticket.legacy_hex();
  context.print({.plain = text,
                 .machine = text,
                 .json = Json::parse(legacy ? ticket.legacy_json() : ticket.json())});
}

}  // namespace

CommandSpec project_commands() {
  return group("project", "Make, join and look at projects")
      .with(project_create_command())
      .with(command("import", "Import a project from its JSON", run_import)
                .with(option("project-file", "PROJECT_FILE", "The file")
                          .alias("project-path")
                          .required()))
      .with(command("information", "Show a project", run_information)
                .with(positional("PROJECT_NAME", "The project [default: the default project]"))
                .with(option("identity", "IDENTITY_NAME", "No effect").hidden()))
      .with(command("show", "Show a project", run_information)
                .with(positional("PROJECT_NAME", "The project [default: the default project]"))
                .with(option("identity", "IDENTITY_NAME", "No effect").hidden()))
      .with(command("list", "List the projects of this machine", run_list)
                .with(option("identity", "IDENTITY_NAME", "No effect").hidden()))
      .with(with_delete_arguments(command("delete", "Forget a project on this machine", run_delete),
                                  kProject))
      .with(command("ticket", "Issue a ticket with which another identity becomes a member",
                    run_ticket)
                .with(option("identity", "IDENTITY_NAME",
                             "Who issues it: an enroller [default: the default identity]"))
                .with(option("project", "PROJECT_NAME", "The project [default: the default one]"))
                .with(attribute_options(true))
                .with(option("expires-in", "DURATION", "How long it can be used")
                          .by_default("10m")
                          .checked(check_duration))
                .with(option("usage-count", "USAGE_COUNT", "How often it can be used")
                          .by_default("1")
                          .checked(check_count))
                .with(flag("hex", "In hex digits").hidden())
                .with(flag("legacy", "In the form of older versions").hidden())
                .with(flag("skip-controller-call", "No effect").hidden()))
      .with(project_enroll_command());
}

}  // namespace weir::cli
