// The stores that identities ask for, over the state and a vault.
#pragma once

#include "control/identity/identity_store.h"
#include "control/identity/secret_store.h"
#include "control/store/state.h"
#include "control/vault/vault.h"

namespace weir {

// Histories and purpose keys in the state's database. The state must outlive it.
class StateIdentityStore final : public IdentityStore {
 public:
  explicit StateIdentityStore(State& state) : state_(state) {}
  Result<std::optional<Bytes>> history(const Identifier& id) override;
  Status update_history(const Identifier& id, const Decide& decide) override;
  Status update_histories(std::span<const Identifier> ids, const DecideEach& decide) override;
  Result<std::optional<Bytes>> purpose_key(const Identifier& id, Purpose purpose) override;
  Status put_purpose_key(const Identifier& id, Purpose purpose, ByteSpan attestation) override;

 private:
  State& state_;
};

// Secrets in a vault, which must outlive it.
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

}  // namespace weir
