// weir vault create|move|list|show|delete (spec/03 section 5, 6.3) and rekey (ours).
#include <fmt/core.h>

#include <filesystem>

#include "control/vault/vault.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/items.h"
#include "tools/weir/names.h"
#include "tools/weir/vault_secret.h"

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

// A vault whose file cannot be read is still listed; using it says why.
VaultProtection protection_of(Context& context, const VaultRecord& vault) {
  auto protection = vault_protection(context.state(), vault);
  if (protection) return std::move(*protection);
  context.note(warning_line(
      fmt::format("The vault {} cannot be read: {}", vault.name, protection.error().text())));
  return {};
}

// What Ockam's vaults do not have is only there when it is so.
Json vault_json(Context& context, const VaultRecord& vault) {
  Json type = {{"use_aws_kms", vault.is_kms ? "Yes" : "No"}};
  if (!vault.path.empty()) type["path"] = vault.path;
  const VaultProtection protection = protection_of(context, vault);
  if (protection.lock == VaultLock::kPassphrase) type["encryption"] = "Passphrase";
  if (protection.lock == VaultLock::kKeyFile) type["encryption"] = "KeyFile";
  if (protection.lock == VaultLock::kToken) {
    type["encryption"] = "Pkcs11";
    type["pkcs11"] = {{"module", protection.token.module}, {"token", protection.token.label}};
  }
  if (!protection.secret_path.empty()) type["secret_path"] = protection.secret_path;
  return {{"vault",
           {{"is_default", vault.is_default},
            {"name", vault.name},
            {"vault_type",
             {{vault.path.empty() ? "DatabaseVault" : "LocalFileVault", std::move(type)}}}}}};
}

std::string protection_text(const VaultProtection& protection) {
  const std::string& file = protection.secret_path;
  switch (protection.lock) {
    case VaultLock::kNone:
      return {};
    case VaultLock::kPassphrase:
      return "\nEncrypted: with a passphrase" + (file.empty() ? file : ", from " + file);
    case VaultLock::kKeyFile:
      return "\nEncrypted: with a key file" + (file.empty() ? file : ", " + file);
    case VaultLock::kToken:
      break;
  }
  return fmt::format("\nSigning keys: in the PKCS#11 token {} ({})\nEncrypted: by the token{}",
                     protection.token.label, protection.token.module,
                     file.empty() ? file : ", with the PIN from " + file);
}

std::string vault_text(Context& context, const VaultRecord& vault) {
  std::string text =
      fmt::format("Name: {}{}\nType: {}", vault.name, vault.is_default ? " (default)" : "",
                  vault.path.empty() ? "Internal" : "External");
  if (!vault.path.empty()) text += "\nPath: " + vault.path;
  if (vault.is_kms) text += "\nSigning keys: in AWS KMS";
  return text + protection_text(protection_of(context, vault));
}

// How a new vault is to be protected; nullopt: not at all.
std::optional<NewVaultSecret> wanted_protection(Context& context, const Arguments& arguments) {
  if (arguments.has("passphrase-file")) {
    return secret_from_file(VaultLock::kPassphrase, arguments.text("passphrase-file"));
  }
  if (arguments.has("key-file")) {
    return secret_from_file(VaultLock::kKeyFile, arguments.text("key-file"));
  }
  if (arguments.has("encrypt")) {
    return secret_from_user(context, VaultLock::kPassphrase, "WEIR_VAULT_PASSPHRASE");
  }
  if (!arguments.has("pkcs11")) return std::nullopt;
  if (!arguments.has("token-label")) {
    refuse_usage("--pkcs11 needs --token-label: which of the module's tokens");
  }
  NewVaultSecret wanted = arguments.has("pin-file")
                              ? secret_from_file(VaultLock::kToken, arguments.text("pin-file"))
                              : secret_from_user(context, VaultLock::kToken, "WEIR_PKCS11_PIN");
  wanted.protection.token.module = std::filesystem::absolute(arguments.text("pkcs11")).string();
  wanted.protection.token.label = arguments.text("token-label");
  return wanted;
}

Result<VaultRecord> make_vault(Context& context, const std::string& name, const std::string& path,
                               std::optional<NewVaultSecret> wanted) {
  if (!wanted) return context.state().vaults().create(name, path);
  return create_protected_vault(context.state(), name, path, std::move(wanted->protection),
                                std::move(wanted->secret), context.rng());
}

void run_create(Context& context, const Arguments& arguments) {
  const bool is_first = vault_names(context).empty();
  const std::string name =
      arguments.text_or("NAME", is_first ? "default" : random_name(context.rng()));
  std::string path;
  if (arguments.has("path")) path = std::filesystem::absolute(arguments.text("path")).string();
  auto made = arguments.has("aws-kms")
                  ? create_kms_vault(context.state(), name, path)
                  : make_vault(context, name, path, wanted_protection(context, arguments));
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
    json.push_back(vault_json(context, vault));
    blocks.push_back(vault_text(context, vault));
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
        return {.plain = vault_text(context, vault),
                .machine = vault.name,
                .json = vault_json(context, vault)};
      });
}

void run_move(Context& context, const Arguments& arguments) {
  const std::string& name = arguments.text("NAME");
  const std::string path = std::filesystem::absolute(arguments.text("path")).string();
  must(context.state().vaults().move(name, path));
  context.note(info_line(fmt::format("Moved the vault {} to \"{}\"", name, path)));
}

void run_rekey(Context& context, const Arguments& arguments) {
  const std::string& name = arguments.text("NAME");
  NewVaultSecret wanted;
  if (arguments.has("new-passphrase-file")) {
    wanted = secret_from_file(VaultLock::kPassphrase, arguments.text("new-passphrase-file"));
  } else if (arguments.has("new-key-file")) {
    wanted = secret_from_file(VaultLock::kKeyFile, arguments.text("new-key-file"));
  } else {
    wanted = secret_from_user(context, VaultLock::kPassphrase, "WEIR_VAULT_NEW_PASSPHRASE");
  }
  must(rekey_vault(context.state(), name, vault_unlocker(context), wanted.protection, wanted.secret,
                   context.rng()));
  context.print({.plain = done_line(fmt::format(
                     "The vault named '{}' is now opened by the new passphrase or key", name)),
                 .machine = name,
                 .json = Json{{"name", name}}});
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
                .with(flag("encrypt",
                           "Encrypt its file with a passphrase: WEIR_VAULT_PASSPHRASE, or asked "
                           "(weir)"))
                .with(option("passphrase-file", "FILE",
                             "Encrypt its file with the passphrase in this one (weir)")
                          .conflicts_with("encrypt"))
                .with(option("key-file", "FILE",
                             "Encrypt its file with the key in this one, 32 bytes or more (weir)")
                          .conflicts_with("encrypt")
                          .conflicts_with("passphrase-file"))
                .with(option("pkcs11", "MODULE",
                             "Keep signing keys in a token of this PKCS#11 library (weir)")
                          .conflicts_with("encrypt")
                          .conflicts_with("passphrase-file")
                          .conflicts_with("key-file"))
                .with(option("token-label", "LABEL", "Which token (weir)").only_with("pkcs11"))
                .with(option("pin-file", "FILE",
                             "Where its PIN is; else WEIR_PKCS11_PIN, or asked (weir)")
                          .only_with("pkcs11"))
                .with(flag("aws-kms", "Keep signing keys in AWS KMS")
                          .conflicts_with("encrypt")
                          .conflicts_with("passphrase-file")
                          .conflicts_with("key-file")
                          .conflicts_with("pkcs11")))
      .with(command("move", "Move a vault's file", run_move)
                .with(required_positional("NAME", "The vault"))
                .with(option("path", "PATH", "Its new file, which must not exist").required()))
      .with(command("rekey", "Change the passphrase or key file of an encrypted vault (weir)",
                    run_rekey)
                .with(required_positional("NAME", "The vault"))
                .with(option("new-passphrase-file", "FILE",
                             "The new passphrase; else WEIR_VAULT_NEW_PASSPHRASE, or asked"))
                .with(option("new-key-file", "FILE", "The new key, 32 bytes or more")
                          .conflicts_with("new-passphrase-file")))
      .with(command("show", "Show a vault", run_show)
                .with(positional("NAME", "The vault; by default the only one")))
      .with(with_delete_arguments(command("delete", "Delete a vault", run_delete), kVault))
      .with(command("list", "List the vaults", run_list));
}

}  // namespace weir::cli
