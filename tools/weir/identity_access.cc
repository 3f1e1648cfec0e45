#include "tools/weir/identity_access.h"

#include <fmt/core.h>

#include <memory>

#include "control/identity/identities.h"
#include "control/vault/identity_adapters.h"
#include "control/vault/vault.h"
#include "tools/weir/failure.h"
#include "tools/weir/names.h"
#include "tools/weir/vault_secret.h"

namespace weir::cli {
namespace {

// Identities over the state, with the secrets of one vault.
class VaultIdentities {
 public:
  VaultIdentities(Context& context, const std::string& vault_name)
      : vault_(
            must(open_vault(context.state(), vault_name, context.rng(), vault_unlocker(context)))),
        secrets_(*vault_),
        store_(context.state()),
        identities_(store_, secrets_, context.clock()) {}
  Identities& operator*() { return identities_; }
  Identities* operator->() { return &identities_; }

 private:
  std::unique_ptr<Vault> vault_;
  VaultSecretStore secrets_;
  StateIdentityStore store_;
  Identities identities_;
};

// Identities of which no secret is needed.
class PublicIdentities {
 public:
  explicit PublicIdentities(Context& context)
      : secrets_(context.rng()),
        store_(context.state()),
        identities_(store_, secrets_, context.clock()) {}
  Identities* operator->() { return &identities_; }

 private:
  MemorySecretStore secrets_;
  StateIdentityStore store_;
  Identities identities_;
};

}  // namespace

VaultRecord default_vault(Context& context, Tell tell) {
  VaultTable& vaults = context.state().vaults();
  const std::size_t count = must(vaults.list()).size();
  if (count > 1) {
    give_up(fmt::format("There are {} vaults, please specify which vault should be used", count),
            "see `weir vault list`");
  }
  const bool is_first = count == 0;
  if (is_first && tell == Tell::kYes) {
    context.note("    This Identity needs a Vault to store its secrets.");
    context.note("    There is no default Vault on this machine, creating one...");
  }
  VaultRecord vault = must(vaults.get_default_or_create());
  if (is_first && tell == Tell::kYes) {
    context.note(done_line(fmt::format("Created a new Vault named {}.", vault.name)));
    context.note(done_line("Marked this new Vault as your default Vault, on this machine.\n"));
  }
  return vault;
}

IdentityRecord default_identity(Context& context, Tell tell) {
  auto found = context.state().identities().get_default();
  if (found || found.error().code != Errc::kNotFound) return must(std::move(found));
  if (tell == Tell::kYes) {
    context.note("    There is no default Identity on this machine, generating one...\n");
  }
  return create_identity(context, random_name(context.rng()), std::nullopt, tell);
}

IdentityRecord identity_or_new(Context& context, const std::string& name, Tell tell) {
  auto found = context.state().identities().get(name);
  if (found || found.error().code != Errc::kNotFound) return must(std::move(found));
  return create_identity(context, name, std::nullopt, tell);
}

IdentityRecord named_identity(Context& context, const std::string& name) {
  auto found = context.state().identities().get(name);
  if (!found && found.error().code == Errc::kNotFound) {
    give_up(Failure{fmt::format("There is no identity with name {}", name),
                    {},
                    "see `weir identity list`",
                    "OCK404",
                    kExitFailed});
  }
  return must(std::move(found));
}

IdentityRecord create_identity(Context& context, const std::string& name,
                               const std::optional<std::string>& vault, Tell tell,
                               std::optional<KeyKind> kind) {
  must(check_name(name));
  VaultTable& vaults = context.state().vaults();
  const VaultRecord record =
      vault ? must(vaults.get_or_create(*vault)) : default_vault(context, tell);
  VaultIdentities identities(context, record.name);
  const IdentityPtr made = must(identities->create(kind));
  IdentityRecord identity;
  identity.name = name;
  identity.identifier = made->identifier().text();
  identity.vault_name = record.name;
  must(context.state().identities().create(identity, made->encoded()));
  if (tell == Tell::kYes) {
    context.note(done_line(fmt::format("Generated a new Identity named {}.", name)));
    context.note(plain_line(fmt::format("{} has Identifier {}", name, identity.identifier)));
    if (identity.is_default) {
      context.note(
          done_line(fmt::format("Marked {} as your default Identity, on this machine.\n", name)));
    }
  }
  return identity;
}

IdentityPtr rotate_identity(Context& context, const IdentityRecord& identity,
                            std::optional<KeyKind> kind) {
  if (identity.vault_name.empty()) {
    give_up(fmt::format("The identity {} was imported without its key", identity.name),
            "only who holds its key can rotate it");
  }
  VaultIdentities identities(context, identity.vault_name);
  return must(identities->rotate_key(must(Identifier::parse(identity.identifier)), kind),
              fmt::format("The key of the identity {} was not rotated", identity.name));
}

IdentityPtr known_identity(Context& context, const std::string& identifier) {
  PublicIdentities identities(context);
  return must(identities->get(must(Identifier::parse(identifier))));
}

CredentialAndPurposeKey issue_credential(Context& context, const IdentityRecord& issuer,
                                         const Identifier& subject, AttributeMap attributes,
                                         std::uint64_t life_s) {
  if (issuer.vault_name.empty()) {
    give_up(fmt::format("Identity {} was imported: its key is not here", issuer.name));
  }
  VaultIdentities identities(context, issuer.vault_name);
  return must(identities->issue_credential(must(Identifier::parse(issuer.identifier)), subject,
                                           std::move(attributes), life_s));
}

Result<VerifiedCredential> verify_credential(Context& context,
                                             const CredentialAndPurposeKey& credential,
                                             const Identifier& issuer) {
  PublicIdentities identities(context);
  return identities->verify_credential(credential, std::nullopt, std::vector<Identifier>{issuer});
}

IdentityPtr import_history(Context& context, const std::string& hex) {
  PublicIdentities identities(context);
  return must(identities->import_hex(hex));
}

IdentityRecord import_identity(Context& context, const std::string& name, const std::string& hex) {
  must(check_name(name));
  PublicIdentities identities(context);
  const IdentityPtr imported = must(identities->import_hex(hex));
  IdentityRecord identity;
  identity.name = name;
  identity.identifier = imported->identifier().text();
  must(context.state().identities().create(identity, imported->encoded()));
  return identity;
}

}  // namespace weir::cli
