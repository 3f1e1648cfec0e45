#include "control/vault/identity_adapters.h"

#include "crypto/kex.h"

namespace weir {
namespace {

const char* purpose_name(Purpose purpose) {
  return purpose == Purpose::kCredentials ? kPurposeCredentials : kPurposeSecureChannel;
}

}  // namespace

Result<std::optional<Bytes>> StateIdentityStore::history(const Identifier& id) {
  return state_.histories().find(id.text());
}

Status StateIdentityStore::update_history(const Identifier& id, const Decide& decide) {
  return state_.histories().update(id.text(), decide);
}

Status StateIdentityStore::update_histories(std::span<const Identifier> ids,
                                            const DecideEach& decide) {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const Identifier& id : ids) texts.push_back(id.text());
  return state_.histories().update_all(texts, decide);
}

Result<std::optional<Bytes>> StateIdentityStore::purpose_key(const Identifier& id,
                                                             Purpose purpose) {
  return state_.purpose_keys().find(id.text(), purpose_name(purpose));
}

Status StateIdentityStore::put_purpose_key(const Identifier& id, Purpose purpose,
                                           ByteSpan attestation) {
  return state_.purpose_keys().put(id.text(), purpose_name(purpose), attestation);
}

Result<VerifyingKey> VaultSecretStore::create_signing_key(KeyKind kind) {
  auto handle = vault_.create_signing_key(kind);
  if (!handle) return pass(handle);
  return vault_.public_key(*handle);
}

Result<SignatureValue> VaultSecretStore::sign(const VerifyingKey& key, ByteSpan message) {
  auto signature = vault_.sign(key_handle(key.bytes), message);
  if (!signature) return pass(signature);
  return SignatureValue{key.kind, *signature};
}

bool VaultSecretStore::has_signing_key(const VerifyingKey& key) {
  return vault_.public_key(key_handle(key.bytes)).has_value();
}

Status VaultSecretStore::remove_signing_key(const VerifyingKey& key) {
  auto removed = vault_.remove_signing_key(key_handle(key.bytes));
  if (!removed) return pass(removed);
  return {};
}

Result<X25519Public> VaultSecretStore::create_x25519_key() {
  auto handle = vault_.create_x25519();
  if (!handle) return pass(handle);
  auto secret = vault_.x25519_secret(*handle);
  if (!secret) return pass(secret);
  return x25519_public(*secret);
}

Result<Secret<32>> VaultSecretStore::x25519_secret(const X25519Public& key) {
  return vault_.x25519_secret(key_handle(key));
}

}  // namespace weir
