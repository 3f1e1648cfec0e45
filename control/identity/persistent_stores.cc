#include "control/identity/persistent_stores.h"

#include "crypto/hash.h"

namespace weir {
namespace {
const char* column(Purpose purpose) {
  return purpose == Purpose::kSecureChannel ? kPurposeSecureChannel : kPurposeCredentials;
}
}  // namespace

Result<VerifyingKey> VaultSecretStore::create_signing_key(KeyKind kind) {
  Result<Hash256> handle = vault_.create_signing_key(kind);
  if (!handle) return pass(handle);
  return vault_.public_key(*handle);
}

Result<SignatureValue> VaultSecretStore::sign(const VerifyingKey& key, ByteSpan message) {
  Result<Signature> signature = vault_.sign(key_handle(key.bytes), message);
  if (!signature) return pass(signature);
  return SignatureValue{key.kind, *signature};
}

bool VaultSecretStore::has_signing_key(const VerifyingKey& key) {
  return vault_.public_key(key_handle(key.bytes)).has_value();
}

Status VaultSecretStore::remove_signing_key(const VerifyingKey& key) {
  Result<bool> removed = vault_.remove_signing_key(key_handle(key.bytes));
  if (!removed) return pass(removed);
  return {};
}

Result<X25519Public> VaultSecretStore::create_x25519_key() {
  Result<Hash256> handle = vault_.create_x25519();
  if (!handle) return pass(handle);
  Result<Secret<32>> secret = vault_.x25519_secret(*handle);
  if (!secret) return pass(secret);
  return x25519_public(*secret);
}

Result<Secret<32>> VaultSecretStore::x25519_secret(const X25519Public& key) {
  return vault_.x25519_secret(key_handle(key));
}

Result<std::optional<Bytes>> StateIdentityStore::history(const Identifier& id) {
  return histories_.find(id.text());
}

Status StateIdentityStore::update_history(const Identifier& id, const Decide& decide) {
  return histories_.update(id.text(), decide);
}

Result<std::optional<Bytes>> StateIdentityStore::purpose_key(const Identifier& id,
                                                             Purpose purpose) {
  return purpose_keys_.find(id.text(), column(purpose));
}

Status StateIdentityStore::put_purpose_key(const Identifier& id, Purpose purpose,
                                           ByteSpan attestation) {
  return purpose_keys_.put(id.text(), column(purpose), attestation);
}

}  // namespace weir
