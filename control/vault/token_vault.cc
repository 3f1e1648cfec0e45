// Signing keys in a PKCS#11 token. The vault's file says which key of the token a handle is, and
// keeps public halves, so that only signing asks the token.
#include "control/store/internal/rows.h"
#include "control/vault/vault.h"

namespace weir {
namespace {

constexpr std::size_t kKeyIdBytes = 16;

class TokenVault final : public Vault {
 public:
  TokenVault(std::shared_ptr<Database> file, std::unique_ptr<Pkcs11Token> token,
             std::unique_ptr<Vault> stored, Rng& rng)
      : file_(std::move(file)), token_(std::move(token)), stored_(std::move(stored)), rng_(rng) {}

  // A crash between the two leaves a key in the token that nobody names.
  Result<Hash256> create_signing_key(KeyKind kind) override {
    Bytes id(kKeyIdBytes);
    rng_.fill(id);
    auto key = token_->create_signing_key(kind, id, "weir identity key");
    if (!key) return pass(key);
    const Hash256 handle = key_handle(key->bytes);
    auto status = write_row(*file_, "INSERT INTO token_key VALUES (?,?,?,?)", ByteSpan(handle),
                            static_cast<std::int64_t>(kind), ByteSpan(key->bytes), ByteSpan(id));
    if (!status) {
      (void)token_->remove_signing_key(id);
      return pass(status);
    }
    return handle;
  }

  Result<Hash256> import_signing_key(const SigningKey&) override {
    return fail(Errc::kUnsupported, "keys of a token are made in it, not imported");
  }

  Result<VerifyingKey> public_key(const Hash256& handle) override {
    auto key = find(handle);
    if (!key) return pass(key);
    return std::move(key->key);
  }

  Result<Signature> sign(const Hash256& handle, ByteSpan message) override {
    auto key = find(handle);
    if (!key) return pass(key);
    return token_->sign(key->key.kind, key->id, message);
  }

  Result<bool> remove_signing_key(const Hash256& handle) override {
    auto key = find(handle);
    if (!key && key.error().code == Errc::kNotFound) return false;
    if (!key) return pass(key);
    auto removed = token_->remove_signing_key(key->id);
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
  struct TokenKey {
    VerifyingKey key;
    Bytes id;
  };

  Result<TokenKey> find(const Hash256& handle) {
    auto key = get_row(
        *file_, "the vault has no such key", {},
        "SELECT kind, public_key, id FROM token_key WHERE handle = ?",
        [](const Statement& row) {
          const KeyKind kind = row.integer(0) == 0 ? KeyKind::kEd25519 : KeyKind::kP256;
          return TokenKey{{kind, to_bytes(row.blob(1))}, to_bytes(row.blob(2))};
        },
        ByteSpan(handle));
    if (key && key_handle(key->key.bytes) != handle) {
      return fail(Errc::kInvalid, "a key in the vault is damaged");
    }
    return key;
  }

  std::shared_ptr<Database> file_;
  std::unique_ptr<Pkcs11Token> token_;
  std::unique_ptr<Vault> stored_;
  Rng& rng_;
};

}  // namespace

std::unique_ptr<Vault> make_token_vault(std::shared_ptr<Database> file,
                                        std::unique_ptr<Pkcs11Token> token,
                                        std::unique_ptr<Vault> stored, Rng& rng) {
  return std::make_unique<TokenVault>(std::move(file), std::move(token), std::move(stored), rng);
}

}  // namespace weir
