// weir identity create|list|show|default|delete (spec/03 section 5) and rotate (2.7, ours).
#include <fmt/core.h>

#include "base/hex.h"
#include "crypto/sign.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/names.h"
#include "tools/weir/node_process.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

const ItemKind kIdentity = {.singular = "identity",
                            .plural = "identities",
                            .name_key = "NAME",
                            .no_name = {},
                            .not_found = {},
                            .not_found_code = {}};

std::optional<KeyKind> key_kind(const Arguments& arguments) {
  if (!arguments.has("key-type")) return std::nullopt;
  return arguments.text("key-type") == "p256" ? KeyKind::kP256 : KeyKind::kEd25519;
}

OptionSpec key_type_option(std::string help) {
  return option("key-type", "KEY_TYPE", std::move(help)).one_of({"ed25519", "p256"});
}

std::vector<std::string> names_of(const std::vector<IdentityRecord>& identities) {
  std::vector<std::string> names;
  for (const IdentityRecord& identity : identities) names.push_back(identity.name);
  return names;
}

void run_create(Context& context, const Arguments& arguments) {
  const std::string name = arguments.text_or("NAME", random_name(context.rng()));
  if (arguments.has("identity")) {
    const IdentityRecord identity = import_identity(context, name, arguments.text("identity"));
    context.print({.plain = done_line("Identity imported successfully with name " + identity.name),
                   .machine = std::nullopt,
                   .json = std::nullopt});
    return;
  }
  // An existing name is returned as it is, silently (spec/03 section 5).
  auto known = context.state().identities().get(name);
  const IdentityRecord identity = known
                                      ? *known
                                      : create_identity(context, name, arguments.optional("vault"),
                                                        Tell::kYes, key_kind(arguments));
  context.print({.plain = done_line(fmt::format("Identity {}\n    created successfully as {}",
                                                identity.identifier, identity.name)),
                 .machine = identity.identifier,
                 .json = Json{{"identifier", identity.identifier}}});
}

void run_list(Context& context, const Arguments&) {
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const IdentityRecord& identity : must(context.state().identities().list())) {
    json.push_back({{"identifier", identity.identifier},
                    {"is_default", identity.is_default},
                    {"name", identity.name},
                    {"vault_name", identity.vault_name}});
    blocks.push_back(fmt::format("Identity {}{}\n{}", identity.name,
                                 identity.is_default ? " (default)" : "", identity.identifier));
  }
  context.print({.plain = list_text(blocks, "No identities found on this system."),
                 .machine = std::nullopt,
                 .json = std::move(json)});
}

std::string key_text(const VerifyingKey& key) {
  const bool is_ed25519 = key.kind == KeyKind::kEd25519;
  return fmt::format("{}: {}", is_ed25519 ? "EdDSACurve25519" : "ECDSASHA256CurveP256",
                     to_hex(key.bytes));
}

Output full_identity(const Identity& identity) {
  std::string text = "Identifier: " + identity.identifier().text();
  Json changes = Json::array();
  int index = 0;
  for (const VerifiedChange& change : identity.changes()) {
    const std::string key = key_text(change.data.primary_public_key);
    text += fmt::format(
        "\n  Change[{}]:\n    identifier:              {}\n    primary_public_key:      {}\n"
        "    revoke_all_purpose_keys: {}\n",
        index++, change.hash.text(), key, change.data.revoke_all_purpose_keys);
    changes.push_back({{"identifier", change.hash.text()},
                       {"primary_public_key", key},
                       {"revoke_all_purpose_keys", change.data.revoke_all_purpose_keys}});
  }
  return {
      .plain = text,
      .machine = text,
      .json = Json{{"changes", std::move(changes)}, {"identifier", identity.identifier().text()}}};
}

Output shown(Context& context, const Arguments& arguments, const IdentityRecord& record) {
  if (!arguments.has("full")) {
    return {.plain = record.identifier,
            .machine = record.identifier,
            .json = Json{{"identifier", record.identifier}}};
  }
  const IdentityPtr identity = known_identity(context, record.identifier);
  if (arguments.text_or("encoding", "plain") == "plain") return full_identity(*identity);
  const std::string hex = to_hex(identity->encoded());
  return {.plain = hex, .machine = hex, .json = Json{{"encoded", hex}}};
}

void run_show(Context& context, const Arguments& arguments) {
  IdentityTable& table = context.state().identities();
  std::vector<std::string> chosen;
  if (arguments.has("NAME")) {
    chosen = {arguments.text("NAME")};
  } else if (context.can_ask()) {
    chosen = names_of(must(table.list()));
    if (chosen.size() > 1) chosen = context.choose("Which identities?", chosen);
  } else if (auto found = table.get_default()) {
    chosen = {found->name};
  } else {
    give_up("no default identifier found", "make one with `weir identity create`");
  }
  for (const std::string& name : chosen) {
    auto record = table.get(name);
    if (!record && record.error().code == Errc::kNotFound) {
      give_up(fmt::format("no identifier found with name {}", name), "see `weir identity list`");
    }
    context.print(shown(context, arguments, must(std::move(record))));
  }
}

void run_default(Context& context, const Arguments& arguments) {
  if (!arguments.has("NAME")) {
    const IdentityRecord identity = default_identity(context, Tell::kNo);
    context.print(
        {.plain = done_line(fmt::format("The name of the default identity is '{}'", identity.name)),
         .machine = std::nullopt,
         .json = std::nullopt});
    return;
  }
  // Ockam accepts any name and is then without default identity; here nothing changes.
  const IdentityRecord identity = named_identity(context, arguments.text("NAME"));
  if (identity.is_default) {
    give_up(fmt::format("The identity named '{}' is already the default", identity.name));
  }
  must(context.state().identities().set_default(identity.name));
  context.print(
      {.plain = done_line(fmt::format("The identity named '{}' is now the default", identity.name)),
       .machine = identity.name,
       .json = std::nullopt});
}

IdentityRecord identity_to_rotate(Context& context, const Arguments& arguments) {
  if (arguments.has("NAME")) return named_identity(context, arguments.text("NAME"));
  auto found = context.state().identities().get_default();
  if (!found) give_up("no default identifier found", "make one with `weir identity create`");
  return std::move(*found);
}

void run_rotate(Context& context, const Arguments& arguments) {
  const IdentityRecord record = identity_to_rotate(context, arguments);
  const IdentityPtr identity = rotate_identity(context, record, key_kind(arguments));
  for (const NodeRecord& node : must(context.state().nodes().list())) {
    if (node.identity_name != record.name || node_status(node) != ProcessStatus::kRunning) continue;
    context.note(info_line(fmt::format(
        "The running node {} keeps its channels and presents the new key on new ones", node.name)));
  }
  const std::string key = key_text(identity->primary_key());
  context.print({.plain = done_line(fmt::format(
                     "The key of the identity {} has been rotated\n    {}\n    is now at change {}",
                     record.name, record.identifier, identity->changes().size() - 1)),
                 .machine = record.identifier,
                 .json = Json{{"change", identity->latest_hash().text()},
                              {"changes", identity->changes().size()},
                              {"identifier", record.identifier},
                              {"name", record.name},
                              {"primary_public_key", key}}});
}

void run_delete(Context& context, const Arguments& arguments) {
  IdentityTable& table = context.state().identities();
  delete_items(
      context, arguments, kIdentity, names_of(must(table.list())),
      [&](const std::string& name) -> Output {
        const Status removed = table.remove(name);
        if (!removed && removed.error().code == Errc::kRefused) {
          give_up(
              fmt::format("The identity named {} cannot be deleted because it is "
                          "used by the node(s): {}",
                          name, removed.error().detail));
        }
        must(removed);
        return {.plain = done_line(fmt::format("The identity named {} has been deleted", name)),
                .machine = name,
                .json = Json{{"name", name}}};
      });
}

}  // namespace

CommandSpec identity_commands() {
  return group("identity", "Manage identities")
      .with(command("create", "Create or import an identity", run_create)
                .with(positional("NAME", "Its name; a random one by default"))
                .with(option("vault", "VAULT_NAME", "Vault of its secrets; made if missing"))
                .with(key_type_option("Of its key [default: ed25519] (weir)"))
                .with(option("identity", "IDENTITY", "Import this change history (hex)")
                          .checked(check_hex))
                .with(not_built_option("key-id", "KEY_ID").short_form('k')))
      .with(command("show", "Show an identity", run_show)
                .with(positional("NAME", "The identity; by default the default one"))
                .with(flag("full", "Its whole change history").short_form('f'))
                .with(option("encoding", "ENCODING", "How the history is written")
                          .one_of({"plain", "hex"})
                          .only_with("full")))
      .with(command("list", "List the identities", run_list))
      .with(command("default", "Show or change the default identity", run_default)
                .with(positional("NAME", "The identity that becomes the default")))
      .with(command("rotate", "Replace an identity's key; peers accept it by the old one (weir)",
                    run_rotate)
                .with(positional("NAME", "The identity; by default the default one"))
                .with(key_type_option("Of its new key [default: that of the old one]")))
      .with(with_delete_arguments(command("delete", "Delete an identity", run_delete), kIdentity));
}

}  // namespace weir::cli
