// The node's own stores behind the interfaces that identities know: a vault for secrets, the
// state's tables for histories and attestations. Everything referred to must outlive these.
#pragma once

#include "control/identity/identity_store.h"
#include "control/identity/secret_store.h"
#include "control/store/knowledge.h"
#include "control/vault/vault.h"

namespace weir {

class VaultSecretStore final : public SecretStore {
 public:
  explicit VaultSecretStore(Vault& vault) : vault_(vault) {}

  Result<VerifyingKey> create_signing_key(KeyKind kind) override;
  Result<SignatureValue> sign(const VerifyingKey& key, ByteSpan message) override;
  bool has_signing_key(const VerifyingKey& key) override;
  Status remove_signing_key(const VerifyingKey& key) override;
  Result<X25519Public> create_x25519_key() override;
  Result<Secret<32>> x25519_secret(const X25519Public& key) override;

 private:
  Vault& vault_;
};

class StateIdentityStore final : public IdentityStore {
 public:
  StateIdentityStore(HistoryTable& histories, PurposeKeyTable& purpose_keys)
      : histories_(histories), purpose_keys_(purpose_keys) {}

  Result<std::optional<Bytes>> history(const Identifier& id) override;
  Status update_history(const Identifier& id, const Decide& decide) override;
  Result<std::optional<Bytes>> purpose_key(const Identifier& id, Purpose purpose) override;
  Status put_purpose_key(const Identifier& id, Purpose purpose, ByteSpan attestation) override;

 private:
  HistoryTable& histories_;
  PurposeKeyTable& purpose_keys_;
};

}  // namespace weir
