// A vault holds secret keys and uses them; only X25519 secrets ever leave it, for the handshake.
// Secrets are addressed by handle = SHA-256(public key) (spec 02 §12.1). They lie as raw blobs in a
// 0600 file: the vault's own, or the main database (§12.2). What is read is wiped after use;
// SQLite's page cache is freed by it unwiped, so locking memory (lock_memory_once) stays
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

// Keeps its secrets in an open database: the main one or a vault's file.
std::unique_ptr<Vault> make_stored_vault(std::shared_ptr<Database> database, Rng& rng);
// For tests, the simulator, and what must not outlive the process. CHECKs that memory suffices.
std::unique_ptr<Vault> make_memory_vault(Rng& rng);

// Opens a vault of the state by name; its file is created (0600) on first use. kUnsupported for
// KMS. `rng` must outlive the vault.
Result<std::unique_ptr<Vault>> open_vault(State& state, std::string_view name, Rng& rng);

}  // namespace weir
