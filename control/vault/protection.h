// How a vault's file is protected at rest. A protected file holds its secrets sealed by a data key
// of its own, and that data key sealed by a key which comes from a passphrase, a key file or a
// token. So a new passphrase changes one row, a running node that has the data key goes on, and a
// wrong passphrase is noticed before anything is read. Who had the file and the old passphrase once
// keeps the data key, though: then rotate the identities in the vault (docs/vaults.md).
//
// The row lies in the vault's own file (it moves with it), never in the main database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/store/database.h"
#include "control/store/records.h"
#include "crypto/password.h"
#include "crypto/secret.h"
#include "crypto/secret_bytes.h"

namespace weir {

enum class VaultLock : std::uint8_t { kNone = 0, kPassphrase = 1, kKeyFile = 2, kToken = 3 };

// Where the keys of a PKCS#11 vault are.
struct TokenPlace {
  std::string module;  // path of the library
  std::string label;   // of the token
  Bytes key_id;        // CKA_ID of the key that seals what stays outside of the token
};

struct VaultProtection {
  VaultLock lock = VaultLock::kNone;
  std::string secret_path;  // file with passphrase, key or PIN, remembered; may be empty
  TokenPlace token;         // kToken only
};

// Asked for the passphrase, the key file's bytes or the PIN of a vault when it is opened.
using UnlockVault =
    std::function<Result<SecretBytes>(const VaultRecord& vault, const VaultProtection& protection)>;

// A key file is taken as it is, so it must be long enough not to be guessed.
inline constexpr std::size_t kKeyFileBytesMin = 32;

// The row of a vault's file.
class ProtectionRow {
 public:
  // kNone where there is no row.
  static Result<VaultProtection> read(Database& file);

  // Passphrase or key file: makes a new data key and writes the row. The file must have none.
  static Result<Secret<32>> create(Database& file, const VaultProtection& protection,
                                   const SecretBytes& secret, const PasswordCost& cost, Rng& rng);
  // kRefused: a wrong passphrase or key file.
  static Result<Secret<32>> open(Database& file, const SecretBytes& secret);
  // Seals the data key anew; nothing else changes.
  static Status change(Database& file, const Secret<32>& data_key,
                       const VaultProtection& protection, const SecretBytes& secret,
                       const PasswordCost& cost, Rng& rng);

  // The same for a sealing key that somebody else made of `salt`, which is the token.
  using SealingKey = std::function<Result<Secret<32>>(ByteSpan salt)>;
  static Result<Secret<32>> create_with(Database& file, const VaultProtection& protection,
                                        const SealingKey& sealing_key, Rng& rng);
  static Result<Secret<32>> open_with(Database& file, const SealingKey& sealing_key);
};

}  // namespace weir
