// weir vault create|move|list|show|delete (spec/03 section 5, 6.3).
#include <fmt/core.h>

#include <filesystem>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/names.h"

namespace weir::cli {
namespace {

const ItemKind kVault = {.singular = "vault",
                         .plural = "vaults",
                         .name_key = "NAME",
                         .no_name = {},
                         .not_found = {},
                         .not_found_code = {}};

std::vector<std::string> vault_names(Context& context) {
  std::vector<std::string> names;
  for (const VaultRecord& vault : must(context.state().vaults().list())) {
    names.push_back(vault.name);
  }
  return names;
}

Json vault_json(const VaultRecord& vault) {
  Json type = {{"use_aws_kms", vault.is_kms ? "Yes" : "No"}};
  if (!vault.path.empty()) type["path"] = vault.path;
  return {{"vault",
           {{"is_default", vault.is_default},
            {"name", vault.name},
            {"vault_type",
             {{vault.path.empty() ? "DatabaseVault" : "LocalFileVault", std::move(type)}}}}}};
}

std::string vault_text(const VaultRecord& vault) {
  std::string text =
      fmt::format("Name: {}{}\nType: {}", vault.name, vault.is_default ? " (default)" : "",
                  vault.path.empty() ? "Internal" : "External");
  if (!vault.path.empty()) text += "\nPath: " + vault.path;
  return text;
}

void run_create(Context& context, const Arguments& arguments) {
  const bool is_first = vault_names(context).empty();
  const std::string name =
      arguments.text_or("NAME", is_first ? "default" : random_name(context.rng()));
  std::string path;
  if (arguments.has("path")) path = std::filesystem::absolute(arguments.text("path")).string();
  auto made = context.state().vaults().create(name, path);
  if (!made && made.error().code == Errc::kAlreadyExists && context.state().vaults().get(name)) {
    give_up(Failure{fmt::format("A vault named {} already exists", name),
                    {},
                    "Please try using a different name or delete the existing vault",
                    "OCK409",
                    kExitFailed});
  }
  const VaultRecord vault = must(std::move(made));
  context.print({.plain = done_line(fmt::format("Vault created with name '{}'!", vault.name)),
                 .machine = vault.name,
                 .json = Json{{"name", vault.name}}});
}

void run_list(Context& context, const Arguments&) {
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const VaultRecord& vault : must(context.state().vaults().list())) {
    json.push_back(vault_json(vault));
    blocks.push_back(vault_text(vault));
  }
  context.print({.plain = list_text(blocks, "No vaults found on this system."),
                 .machine = std::nullopt,
                 .json = std::move(json)});
}

void run_show(Context& context, const Arguments& arguments) {
  show_items(
      context, arguments, kVault, vault_names(context),
      [&] { return default_vault(context, Tell::kNo).name; },
      [&](const std::string& name) -> Output {
        const VaultRecord vault = must(context.state().vaults().get(name));
        return {.plain = vault_text(vault), .machine = vault.name, .json = vault_json(vault)};
      });
}

void run_move(Context& context, const Arguments& arguments) {
  const std::string& name = arguments.text("NAME");
  const std::string path = std::filesystem::absolute(arguments.text("path")).string();
  must(context.state().vaults().move(name, path));
  context.note(info_line(fmt::format("Moved the vault {} to \"{}\"", name, path)));
}

void run_delete(Context& context, const Arguments& arguments) {
  delete_items(
      context, arguments, kVault, vault_names(context), [&](const std::string& name) -> Output {
        must(context.state().vaults().remove(name));
        return {.plain = done_line(fmt::format("The vault named '{}' has been deleted", name)),
                .machine = name,
                .json = Json{{"name", name}}};
      });
}

}  // namespace

CommandSpec vault_commands() {
  return group("vault", "Manage vaults, which hold secret keys")
      .with(command("create", "Create a vault", run_create)
                .with(positional("NAME", "Its name; a random one by default"))
                .with(option("path", "PATH", "Its file, which must not exist"))
                .with(not_built_flag("aws-kms")))
      .with(command("move", "Move a vault's file", run_move)
                .with(required_positional("NAME", "The vault"))
                .with(option("path", "PATH", "Its new file, which must not exist").required()))
      .with(command("show", "Show a vault", run_show)
                .with(positional("NAME", "The vault; by default the only one")))
      .with(with_delete_arguments(command("delete", "Delete a vault", run_delete), kVault))
      .with(command("list", "List the vaults", run_list));
}

}  // namespace weir::cli
