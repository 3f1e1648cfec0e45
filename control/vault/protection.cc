#include "control/vault/protection.h"

#include "control/store/internal/rows.h"
#include "crypto/hash.h"
#include "crypto/secret_box.h"

namespace weir {
namespace {

constexpr char kDamaged[] = "the vault's file is damaged: how it is protected cannot be read";
constexpr char kWrong[] =
    "the passphrase, key or token is not the one that the vault was made with";

struct Row {
  VaultProtection protection;
  PasswordCost cost{0, 0};
  Bytes salt;
  Bytes sealed_key;
};

// What the sealed data key is bound to: a row cannot be made to mean another kind of protection.
Bytes context_of(VaultLock lock, ByteSpan salt) {
  Bytes context = to_bytes(as_bytes("weir vault data key"));
  context.push_back(static_cast<std::uint8_t>(lock));
  context.insert(context.end(), salt.begin(), salt.end());
  return context;
}

Result<std::optional<Row>> read_row(Database& file) {
  bool sound = true;
  auto row = find_row(
      file,
      "SELECT lock, salt, passes, memory_kib, sealed_key, secret_path, token_module, token_label,"
      " token_key_id FROM protection",
      [&sound](const Statement& columns) {
        Row out;
        const std::int64_t lock = columns.integer(0);
        sound = lock >= 1 && lock <= 3;
        out.protection.lock = sound ? static_cast<VaultLock>(lock) : VaultLock::kNone;
        out.salt = to_bytes(columns.blob(1));
        out.cost = {static_cast<std::uint32_t>(columns.integer(2)),
                    static_cast<std::uint32_t>(columns.integer(3))};
        out.sealed_key = to_bytes(columns.blob(4));
        out.protection.secret_path = columns.text(5);
        out.protection.token = {columns.text(6), columns.text(7), to_bytes(columns.blob(8))};
        return out;
      });
  if (row && !sound) return fail(Errc::kUnsupported, "the vault is protected in an unknown way");
  return row;
}

Result<Row> required_row(Database& file) {
  auto row = read_row(file);
  if (!row) return pass(row);
  if (!*row) return fail(Errc::kUnsupported, "the vault is not encrypted");
  return std::move(**row);
}

Result<Secret<32>> sealing_key_of(VaultLock lock, const SecretBytes& secret, ByteSpan salt,
                                  const PasswordCost& cost) {
  if (secret.empty()) return fail(Errc::kRefused, "the passphrase or key is empty");
  if (lock == VaultLock::kPassphrase) return key_from_passphrase(secret.span(), salt, cost);
  if (secret.size() < kKeyFileBytesMin) {
    return fail(Errc::kRefused, "a key file holds at least 32 random bytes",
                "use a passphrase for anything shorter");
  }
  Secret<32> keys[2];
  hkdf(salt, secret.span(), keys);
  return std::move(keys[0]);
}

Result<Secret<32>> unsealed(const Row& row, const Result<Secret<32>>& sealing_key) {
  if (!sealing_key) return std::unexpected(sealing_key.error());
  auto data_key =
      open_secret(*sealing_key, context_of(row.protection.lock, row.salt), row.sealed_key);
  if (data_key) return data_key;
  const bool is_wrong = data_key.error().code == Errc::kRefused;
  return fail(data_key.error().code, is_wrong ? kWrong : kDamaged);
}

Status write(Database& file, const VaultProtection& protection, const PasswordCost& cost,
             ByteSpan salt, const Secret<32>& sealing_key, const Secret<32>& data_key, Rng& rng) {
  const Bytes sealed = seal_secret(sealing_key, context_of(protection.lock, salt), data_key, rng);
  return write_row(
      file, "INSERT OR REPLACE INTO protection VALUES (1,?,?,?,?,?,?,?,?,?)",
      static_cast<std::int64_t>(protection.lock), salt, static_cast<std::int64_t>(cost.passes),
      static_cast<std::int64_t>(cost.memory_kib), ByteSpan(sealed), protection.secret_path,
      protection.token.module, protection.token.label, ByteSpan(protection.token.key_id));
}

Bytes new_salt(Rng& rng) {
  Bytes salt(kPasswordSaltBytes);
  rng.fill(salt);
  return salt;
}

}  // namespace

Result<VaultProtection> ProtectionRow::read(Database& file) {
  auto row = read_row(file);
  if (!row) return pass(row);
  return *row ? std::move((*row)->protection) : VaultProtection{};
}

Result<Secret<32>> ProtectionRow::create(Database& file, const VaultProtection& protection,
                                         const SecretBytes& secret, const PasswordCost& cost,
                                         Rng& rng) {
  Secret<32> data_key = Secret<32>::random(rng);
  auto status = change(file, data_key, protection, secret, cost, rng);
  if (!status) return pass(status);
  return data_key;
}

Result<Secret<32>> ProtectionRow::open(Database& file, const SecretBytes& secret) {
  auto row = required_row(file);
  if (!row) return pass(row);
  return unsealed(*row, sealing_key_of(row->protection.lock, secret, row->salt, row->cost));
}

Status ProtectionRow::change(Database& file, const Secret<32>& data_key,
                             const VaultProtection& protection, const SecretBytes& secret,
                             const PasswordCost& cost, Rng& rng) {
  const Bytes salt = new_salt(rng);
  auto sealing_key = sealing_key_of(protection.lock, secret, salt, cost);
  if (!sealing_key) return pass(sealing_key);
  return write(file, protection, cost, salt, *sealing_key, data_key, rng);
}

Result<Secret<32>> ProtectionRow::create_with(Database& file, const VaultProtection& protection,
                                              const SealingKey& sealing_key, Rng& rng) {
  const Bytes salt = new_salt(rng);
  auto key = sealing_key(salt);
  if (!key) return key;
  Secret<32> data_key = Secret<32>::random(rng);
  if (auto status = write(file, protection, {}, salt, *key, data_key, rng); !status) {
    return pass(status);
  }
  return data_key;
}

Result<Secret<32>> ProtectionRow::open_with(Database& file, const SealingKey& sealing_key) {
  auto row = required_row(file);
  if (!row) return pass(row);
  return unsealed(*row, sealing_key(row->salt));
}

}  // namespace weir
