#include "control/identity/secret_store.h"

#include "base/check.h"

namespace weir {

VerifyingKey MemorySecretStore::import_signing_key(const SigningKey& key) {
  Result<VerifyingKey> verifying = public_key(key);
  CHECK(verifying.has_value());
  signing_.insert_or_assign(verifying->bytes, key);
  return *verifying;
}

X25519Public MemorySecretStore::import_x25519(const Secret<32>& secret) {
  const X25519Public key = x25519_public(secret);
  static_.insert_or_assign(key, secret);
  return key;
}

Result<VerifyingKey> MemorySecretStore::create_signing_key(KeyKind kind) {
  return import_signing_key(generate_signing_key(kind, rng_));
}

Result<SignatureValue> MemorySecretStore::sign(const VerifyingKey& key, ByteSpan message) {
  const auto found = signing_.find(key.bytes);
  if (found == signing_.end()) return fail(Errc::kNotFound, "the signing key is not here");
  Result<Signature> signature = weir::sign(found->second, message);
  if (!signature) return pass(signature);
  return SignatureValue{key.kind, *signature};
}

bool MemorySecretStore::has_signing_key(const VerifyingKey& key) {
  return signing_.contains(key.bytes);
}

Status MemorySecretStore::remove_signing_key(const VerifyingKey& key) {
  signing_.erase(key.bytes);
  return {};
}

Result<X25519Public> MemorySecretStore::create_x25519_key() {
  return import_x25519(x25519_generate(rng_));
}

Result<Secret<32>> MemorySecretStore::x25519_secret(const X25519Public& key) {
  const auto found = static_.find(key);
  if (found == static_.end()) return fail(Errc::kNotFound, "the static key is not here");
  return found->second;
}

}  // namespace weir
