// Signing keys in a PKCS#11 token or AWS KMS. The vault's file says which key there a handle is,
// and keeps public halves, so that only signing asks for them.
#include "control/store/internal/rows.h"
#include "control/vault/vault.h"

namespace weir {
namespace {

class RemoteVault final : public Vault {
 public:
  RemoteVault(std::shared_ptr<Database> file, std::unique_ptr<RemoteKeys> keys,
              std::unique_ptr<Vault> stored, Rng& rng)
      : file_(std::move(file)), keys_(std::move(keys)), stored_(std::move(stored)), rng_(rng) {}

  // A crash between the two leaves a key there that nobody names.
  Result<Hash256> create_signing_key(KeyKind kind) override {
    auto made = keys_->create_signing_key(kind, rng_);
    if (!made) return pass(made);
    const Hash256 handle = key_handle(made->key.bytes);
    auto status =
        write_row(*file_, "INSERT INTO token_key VALUES (?,?,?,?)", ByteSpan(handle),
                  static_cast<std::int64_t>(kind), ByteSpan(made->key.bytes), ByteSpan(made->id));
    if (!status) {
      (void)keys_->remove_signing_key(made->id);
      return pass(status);
    }
    return handle;
  }

  Result<Hash256> import_signing_key(const SigningKey&) override {
    return fail(Errc::kUnsupported, "the vault's keys are made where they stay, not imported");
  }

  Result<VerifyingKey> public_key(const Hash256& handle) override {
    auto key = find(handle);
    if (!key) return pass(key);
    return std::move(key->key);
  }

  Result<Signature> sign(const Hash256& handle, ByteSpan message) override {
    auto key = find(handle);
    if (!key) return pass(key);
    return keys_->sign(key->key.kind, key->id, message);
  }

  Result<bool> remove_signing_key(const Hash256& handle) override {
    auto key = find(handle);
    if (!key && key.error().code == Errc::kNotFound) return false;
    if (!key) return pass(key);
    auto removed = keys_->remove_signing_key(key->id);
    if (!removed) return removed;
    auto changes = file_->run("DELETE FROM token_key WHERE handle = ?", ByteSpan(handle));
    if (!changes) return pass(changes);
    return true;
  }

  Result<Hash256> create_x25519() override { return stored_->create_x25519(); }
  Result<Hash256> import_x25519(const Secret<32>& secret) override {
    return stored_->import_x25519(secret);
  }
  Result<Secret<32>> x25519_secret(const Hash256& handle) override {
    return stored_->x25519_secret(handle);
  }
  Result<bool> remove_x25519(const Hash256& handle) override {
    return stored_->remove_x25519(handle);
  }

 private:
  struct RemoteKey {
    VerifyingKey key;
    Bytes id;
  };

  Result<RemoteKey> find(const Hash256& handle) {
    auto key = get_row(
        *file_, "the vault has no such key", {},
        "SELECT kind, public_key, id FROM token_key WHERE handle = ?",
        [](const Statement& row) {
          const KeyKind kind = row.integer(0) == 0 ? KeyKind::kEd25519 : KeyKind::kP256;
          return RemoteKey{{kind, to_bytes(row.blob(1))}, to_bytes(row.blob(2))};
        },
        ByteSpan(handle));
    if (key && key_handle(key->key.bytes) != handle) {
      return fail(Errc::kInvalid, "a key in the vault is damaged");
    }
    return key;
  }

  std::shared_ptr<Database> file_;
  std::unique_ptr<RemoteKeys> keys_;
  std::unique_ptr<Vault> stored_;
  Rng& rng_;
};

}  // namespace

std::unique_ptr<Vault> make_remote_vault(std::shared_ptr<Database> file,
                                         std::unique_ptr<RemoteKeys> keys,
                                         std::unique_ptr<Vault> stored, Rng& rng) {
  return std::make_unique<RemoteVault>(std::move(file), std::move(keys), std::move(stored), rng);
}

}  // namespace weir
