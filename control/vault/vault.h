// A vault holds secret keys and uses them; only X25519 secrets ever leave it, for the handshake.
// Secrets are addressed by handle = SHA-256(public key) (spec 02 §12.1). They lie as raw blobs in a
// 0600 file: the vault's own, or the main database (§12.2), sealed when the file is protected
// (protection.h). Signing keys may be in a PKCS#11 token or AWS KMS instead. What is read is wiped
// after use; SQLite's page cache is freed by it unwiped, so locking memory (lock_memory_once) stays
// worthwhile. Errors: kNotFound no such secret, kInvalid a damaged one or a wrong length, else
// database.h's.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/store/database.h"
#include "control/store/state.h"
#include "control/vault/protection.h"
#include "control/vault/remote_keys.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

namespace weir {

// One thread at a time. A vault in a KMS would be another implementation of this.
class Vault {
 public:
  virtual ~Vault() = default;

  // The new key is durable when the handle is returned.
  virtual Result<Hash256> create_signing_key(KeyKind kind) = 0;
  virtual Result<Hash256> import_signing_key(const SigningKey& key) = 0;
  virtual Result<VerifyingKey> public_key(const Hash256& handle) = 0;
  virtual Result<Signature> sign(const Hash256& handle, ByteSpan message) = 0;
  // Whether it existed.
  virtual Result<bool> remove_signing_key(const Hash256& handle) = 0;

  virtual Result<Hash256> create_x25519() = 0;
  virtual Result<Hash256> import_x25519(const Secret<32>& secret) = 0;
  virtual Result<Secret<32>> x25519_secret(const Hash256& handle) = 0;
  virtual Result<bool> remove_x25519(const Hash256& handle) = 0;
};

// Keeps its secrets in an open database: the main one or a vault's file. With a data key each is
// sealed by it, bound to its handle.
std::unique_ptr<Vault> make_stored_vault(std::shared_ptr<Database> database, Rng& rng,
                                         std::optional<Secret<32>> data_key = std::nullopt);
// Signing keys in a token or service, named in the vault's file; X25519 secrets in `stored`,
// because none that we know derives them. Keys cannot be imported.
std::unique_ptr<Vault> make_remote_vault(std::shared_ptr<Database> file,
                                         std::unique_ptr<RemoteKeys> keys,
                                         std::unique_ptr<Vault> stored, Rng& rng);
// For tests, the simulator, and what must not outlive the process. CHECKs that memory suffices.
std::unique_ptr<Vault> make_memory_vault(Rng& rng);

// Opens a vault of the state by name; its file is created (0600) on first use. `unlock` is asked
// when it is protected; without it, or with a wrong answer: kRefused. AWS KMS takes its settings
// from the environment. `rng` must outlive the vault.
Result<std::unique_ptr<Vault>> open_vault(State& state, std::string_view name, Rng& rng,
                                          const UnlockVault& unlock = {});

// How a vault is protected; needs no secret and changes nothing.
Result<VaultProtection> vault_protection(State& state, const VaultRecord& vault);
// A new vault in a file of its own (`path` empty: in the home), made with the passphrase, the key
// file's bytes or the PIN. Nothing is left when it fails, save perhaps a key in the token.
Result<VaultRecord> create_protected_vault(State& state, std::string_view name,
                                           std::string_view path, VaultProtection protection,
                                           SecretBytes secret, Rng& rng,
                                           const PasswordCost& cost = {});
// A new vault with its signing keys in AWS KMS, which must answer; X25519 secrets in a file of its
// own, plain as Ockam's are.
Result<VaultRecord> create_kms_vault(State& state, std::string_view name, std::string_view path);
// Another passphrase or key file for a vault that has one; `protection` says which and where it is.
// All or nothing; processes that have it open go on.
Status rekey_vault(State& state, std::string_view name, const UnlockVault& unlock,
                   const VaultProtection& protection, const SecretBytes& secret, Rng& rng,
                   const PasswordCost& cost = {});

}  // namespace weir
