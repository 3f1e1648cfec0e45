// Where the passphrases, key files and PINs of vaults come from: the file that the vault remembers,
// the environment, the terminal; never the command line.
//
//   WEIR_VAULT_PASSPHRASE, WEIR_VAULT_PASSPHRASE_FILE, WEIR_VAULT_KEY_FILE   encrypted vaults
//   WEIR_PKCS11_PIN, WEIR_PKCS11_PIN_FILE                                    PKCS#11 vaults
#pragma once

#include <optional>

#include "control/vault/protection.h"
#include "tools/weir/context.h"

namespace weir::cli {

// For open_vault. `context` must outlive it.
UnlockVault vault_unlocker(Context& context);

struct NewVaultSecret {
  VaultProtection
      protection;  // with the file, made absolute, if it is one that will be there again
  SecretBytes secret;
};
// From a file named by an option, for a vault that is made or gets another key.
NewVaultSecret secret_from_file(VaultLock lock, const std::string& path);
// From the variable, or asked on the terminal, twice. Gives up without either.
NewVaultSecret secret_from_user(Context& context, VaultLock lock, const char* variable);

// Before a node of this identity (empty: the default one) starts in the background: makes sure that
// it will be able to open its vault. What only the user can say is asked here and handed over in
// the child's environment. Gives up when there is nobody to ask.
void unlock_for_node(Context& context, const std::string& identity_name);
// Wipes the secrets from this process's environment.
void forget_vault_environment();

}  // namespace weir::cli
