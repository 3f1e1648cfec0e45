#include "control/vault/vault.h"

#include <cstring>

#include "base/check.h"
#include "control/store/internal/rows.h"
#include "control/store/internal/schema.h"
#include "crypto/kex.h"
#include "crypto/secret_box.h"

namespace weir {
namespace {

constexpr std::int64_t kStoredEd25519 = 0;  // part of the file format: do not renumber
constexpr std::int64_t kStoredP256 = 1;

std::int64_t stored_kind(KeyKind kind) {
  return kind == KeyKind::kP256 ? kStoredP256 : kStoredEd25519;
}

class StoredVault final : public Vault {
 public:
  StoredVault(std::shared_ptr<Database> db, Rng& rng, std::optional<Secret<32>> data_key)
      : db_(std::move(db)), rng_(rng), data_key_(std::move(data_key)) {}

  Result<Hash256> create_signing_key(KeyKind kind) override {
    return import_signing_key(generate_signing_key(kind, rng_));
  }

  Result<Hash256> import_signing_key(const SigningKey& key) override {
    auto verifying = weir::public_key(key);
    if (!verifying) return pass(verifying);
    const Hash256 handle = key_handle(verifying->bytes);
    const Stored stored(*this, use_of(stored_kind(key.kind)), handle, key.secret);
    auto status = write_row(*db_,
                            "INSERT INTO signing_secret VALUES (?,?,?) ON CONFLICT (handle)"
                            " DO UPDATE SET kind = excluded.kind, secret = excluded.secret",
                            ByteSpan(handle), stored_kind(key.kind), stored.span());
    if (!status) return pass(status);
    return handle;
  }

  Result<VerifyingKey> public_key(const Hash256& handle) override {
    auto key = signing_key(handle);
    if (!key) return pass(key);
    return weir::public_key(*key);
  }

  Result<Signature> sign(const Hash256& handle, ByteSpan message) override {
    auto key = signing_key(handle);
    if (!key) return pass(key);
    return weir::sign(*key, message);
  }

  Result<bool> remove_signing_key(const Hash256& handle) override {
    return remove("DELETE FROM signing_secret WHERE handle = ?", handle);
  }

  Result<Hash256> create_x25519() override { return import_x25519(x25519_generate(rng_)); }

  Result<Hash256> import_x25519(const Secret<32>& secret) override {
    const Hash256 handle = key_handle(x25519_public(secret));
    const Stored stored(*this, kUseX25519, handle, secret);
    auto status = write_row(*db_,
                            "INSERT INTO x25519_secret VALUES (?,?)"
                            " ON CONFLICT (handle) DO UPDATE SET secret = excluded.secret",
                            ByteSpan(handle), stored.span());
    if (!status) return pass(status);
    return handle;
  }

  Result<Secret<32>> x25519_secret(const Hash256& handle) override {
    auto row = db_->query("SELECT secret FROM x25519_secret WHERE handle = ?", ByteSpan(handle));
    return read_secret(row, 0, handle, [] { return kUseX25519; });
  }

  Result<bool> remove_x25519(const Hash256& handle) override {
    return remove("DELETE FROM x25519_secret WHERE handle = ?", handle);
  }

 private:
  // What a sealed secret is for is part of what it is bound to, beside its handle.
  static constexpr std::uint8_t kUseX25519 = 'x';
  static std::uint8_t use_of(std::int64_t kind) { return kind == kStoredP256 ? 'p' : 'e'; }
  static Bytes context_of(std::uint8_t use, const Hash256& handle) {
    Bytes context = {use};
    context.insert(context.end(), handle.begin(), handle.end());
    return context;
  }

  // A secret in the form in which it lies in the file.
  class Stored {
   public:
    Stored(StoredVault& vault, std::uint8_t use, const Hash256& handle, const Secret<32>& secret)
        : plain_(secret) {
      if (!vault.data_key_) return;
      sealed_ = seal_secret(*vault.data_key_, context_of(use, handle), secret, vault.rng_);
    }
    ByteSpan span() const { return sealed_.empty() ? plain_.span() : ByteSpan(sealed_); }

   private:
    const Secret<32>& plain_;  // the caller's
    Bytes sealed_;
  };

  // The first row's blob, straight from SQLite's buffer into a Secret. `use` is asked when there is
  // a row.
  template <typename Use>
  Result<Secret<32>> read_secret(Result<Statement>& row, int column, const Hash256& handle,
                                 Use use) {
    if (!row) return pass(row);
    auto found = row->step();
    if (!found) return pass(found);
    if (!*found) return fail(Errc::kNotFound, "the vault has no such key");
    const ByteSpan blob = row->blob(column);
    if (data_key_) {
      auto secret = open_secret(*data_key_, context_of(use(), handle), blob);
      if (secret) return secret;
      return fail(Errc::kInvalid, "a secret in the vault is damaged");
    }
    if (blob.size() != Secret<32>::kSizeBytes) {
      return fail(Errc::kInvalid, "a secret in the vault is damaged");
    }
    return Secret<32>::from_span(blob);
  }

  Result<SigningKey> signing_key(const Hash256& handle) {
    auto row =
        db_->query("SELECT kind, secret FROM signing_secret WHERE handle = ?", ByteSpan(handle));
    auto secret = read_secret(row, 1, handle, [&] { return use_of(row->integer(0)); });
    if (!secret) return pass(secret);
    const std::int64_t kind = row->integer(0);
    if (kind != kStoredEd25519 && kind != kStoredP256) {
      return fail(Errc::kUnsupported, "a key in the vault is of an unknown kind");
    }
    return SigningKey{kind == kStoredP256 ? KeyKind::kP256 : KeyKind::kEd25519, std::move(*secret)};
  }

  Result<bool> remove(const char* sql, const Hash256& handle) {
    auto changes = db_->run(sql, ByteSpan(handle));
    if (!changes) return pass(changes);
    return *changes != 0;
  }

  std::shared_ptr<Database> db_;
  Rng& rng_;
  std::optional<Secret<32>> data_key_;
};

}  // namespace

std::unique_ptr<Vault> make_stored_vault(std::shared_ptr<Database> database, Rng& rng,
                                         std::optional<Secret<32>> data_key) {
  return std::make_unique<StoredVault>(std::move(database), rng, std::move(data_key));
}

std::unique_ptr<Vault> make_memory_vault(Rng& rng) {
  auto database = Database::open({}, vault_schema());
  CHECK(database.has_value());
  return make_stored_vault(std::move(*database), rng);
}

}  // namespace weir
