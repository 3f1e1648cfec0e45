// Which kind of vault a name means, and the life of protected ones.
#include "base/clock.h"
#include "control/store/home.h"
#include "control/store/internal/schema.h"
#include "control/vault/kms_keys.h"
#include "control/vault/pkcs11_token.h"
#include "control/vault/vault.h"

namespace weir {
namespace {

constexpr std::size_t kTokenKeyIdBytes = 16;

Result<std::shared_ptr<Database>> open_file(State& state, const std::string& path, bool create) {
  return Database::open({.path = path, .vfs = state.vfs(), .create = create}, vault_schema());
}

Result<SecretBytes> ask(const UnlockVault& unlock, const VaultRecord& vault,
                        const VaultProtection& protection) {
  if (unlock) return unlock(vault, protection);
  return fail(Errc::kRefused, "the vault is protected and nobody can unlock it", vault.name);
}

ProtectionRow::SealingKey sealing_key_of(Pkcs11Token& token, const Bytes& key_id) {
  return [&token, &key_id](ByteSpan salt) { return token.mac(key_id, salt); };
}

Result<std::unique_ptr<Vault>> open_token_vault(std::shared_ptr<Database> file,
                                                const TokenPlace& place, SecretBytes pin,
                                                Rng& rng) {
  auto token = Pkcs11Token::open(place, std::move(pin));
  if (!token) return pass(token);
  auto data_key = ProtectionRow::open_with(*file, sealing_key_of(**token, place.key_id));
  if (!data_key) return pass(data_key);
  auto stored = make_stored_vault(file, rng, std::move(*data_key));
  return make_remote_vault(std::move(file), std::move(*token), std::move(stored), rng);
}

Result<std::unique_ptr<RemoteKeys>> kms_keys() {
  static SystemClock clock;
  return open_kms_keys(process_environment(), clock);
}

Result<std::unique_ptr<Vault>> open_kms_vault(State& state, const VaultRecord& record, Rng& rng) {
  if (record.path.empty()) {
    return fail(Errc::kUnsupported, "a vault in AWS KMS has a file of its own", record.name);
  }
  auto file = open_file(state, record.path, true);
  if (!file) return pass(file);
  auto keys = kms_keys();
  if (!keys) return pass(keys);
  auto stored = make_stored_vault(*file, rng);
  return make_remote_vault(std::move(*file), std::move(*keys), std::move(stored), rng);
}

// A key of the token's own for what stays outside of it; then the row.
Status prepare_token(Database& file, VaultProtection& protection, SecretBytes pin,
                     std::string_view name, Rng& rng) {
  auto token = Pkcs11Token::open(protection.token, std::move(pin));
  if (!token) return pass(token);
  Bytes& key_id = protection.token.key_id;
  key_id.resize(kTokenKeyIdBytes);
  rng.fill(key_id);
  const std::string label = "weir vault " + std::string(name);
  if (auto made = (*token)->create_mac_key(key_id, label); !made) return made;
  auto data_key =
      ProtectionRow::create_with(file, protection, sealing_key_of(**token, key_id), rng);
  if (!data_key) return pass(data_key);
  return {};
}

}  // namespace

Result<std::unique_ptr<Vault>> open_vault(State& state, std::string_view name, Rng& rng,
                                          const UnlockVault& unlock) {
  auto record = state.vaults().get(name);
  if (!record) return pass(record);
  if (record->is_kms) return open_kms_vault(state, *record, rng);
  if (record->path.empty()) return make_stored_vault(state.database(), rng);
  auto file = open_file(state, record->path, true);
  if (!file) return pass(file);
  auto protection = ProtectionRow::read(**file);
  if (!protection) return pass(protection);
  if (protection->lock == VaultLock::kNone) return make_stored_vault(std::move(*file), rng);
  auto secret = ask(unlock, *record, *protection);
  if (!secret) return pass(secret);
  if (protection->lock == VaultLock::kToken) {
    return open_token_vault(std::move(*file), protection->token, std::move(*secret), rng);
  }
  auto data_key = ProtectionRow::open(**file, *secret);
  if (!data_key) return pass(data_key);
  return make_stored_vault(std::move(*file), rng, std::move(*data_key));
}

Result<VaultProtection> vault_protection(State& state, const VaultRecord& vault) {
  if (vault.path.empty()) return VaultProtection{};
  auto file = open_file(state, vault.path, false);
  // Not used yet.
  if (!file && file.error().code == Errc::kNotFound) return VaultProtection{};
  if (!file) return pass(file);
  return ProtectionRow::read(**file);
}

Result<VaultRecord> create_protected_vault(State& state, std::string_view name,
                                           std::string_view path, VaultProtection protection,
                                           SecretBytes secret, Rng& rng, const PasswordCost& cost) {
  return state.vaults().create(name, path, false, [&](const std::string& full_path) -> Status {
    auto file = open_file(state, full_path, true);
    if (!file) return pass(file);
    if (protection.lock == VaultLock::kToken) {
      return prepare_token(**file, protection, std::move(secret), name, rng);
    }
    auto data_key = ProtectionRow::create(**file, protection, secret, cost, rng);
    if (!data_key) return pass(data_key);
    return {};
  });
}

Result<VaultRecord> create_kms_vault(State& state, std::string_view name, std::string_view path) {
  return state.vaults().create(name, path, true, [&](const std::string& full_path) -> Status {
    auto keys = kms_keys();
    if (!keys) return pass(keys);
    auto file = open_file(state, full_path, true);
    if (!file) return pass(file);
    return {};
  });
}

Status rekey_vault(State& state, std::string_view name, const UnlockVault& unlock,
                   const VaultProtection& protection, const SecretBytes& secret, Rng& rng,
                   const PasswordCost& cost) {
  auto record = state.vaults().get(name);
  if (!record) return pass(record);
  auto now = vault_protection(state, *record);
  if (!now) return pass(now);
  if (now->lock == VaultLock::kNone) {
    return fail(Errc::kUnsupported, "the vault is not encrypted", record->name);
  }
  if (now->lock == VaultLock::kToken) {
    return fail(Errc::kUnsupported, "the vault is in a token, which changes its PIN itself",
                record->name);
  }
  auto old_secret = ask(unlock, *record, *now);
  if (!old_secret) return pass(old_secret);
  auto file = open_file(state, record->path, false);
  if (!file) return pass(file);
  auto data_key = ProtectionRow::open(**file, *old_secret);
  if (!data_key) return pass(data_key);
  return ProtectionRow::change(**file, *data_key, protection, secret, cost, rng);
}

}  // namespace weir
