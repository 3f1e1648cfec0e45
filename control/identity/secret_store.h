// Where secret keys live, as seen by identities: keys are named by their public halves, and only an
// X25519 secret (which Noise needs every handshake) ever comes out. Implemented over the vault; the
// in-memory one is for tests and the simulator.
#pragma once

#include <map>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/identity/signed_data.h"
#include "crypto/kex.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

namespace weir {

class SecretStore {
 public:
  virtual ~SecretStore() = default;

  virtual Result<VerifyingKey> create_signing_key(KeyKind kind) = 0;
  // kNotFound when the secret of `key` is not here.
  virtual Result<SignatureValue> sign(const VerifyingKey& key, ByteSpan message) = 0;
  virtual bool has_signing_key(const VerifyingKey& key) = 0;
  // Deleting what is not there is no error.
  virtual Status remove_signing_key(const VerifyingKey& key) = 0;

  virtual Result<X25519Public> create_x25519_key() = 0;
  virtual Result<Secret<32>> x25519_secret(const X25519Public& key) = 0;
};

// Keys live as long as the object. Also takes given secrets, which is how test vectors get in.
class MemorySecretStore final : public SecretStore {
 public:
  explicit MemorySecretStore(Rng& rng) : rng_(rng) {}

  // CHECKs that the secret is one.
  VerifyingKey import_signing_key(const SigningKey& key);
  X25519Public import_x25519(const Secret<32>& secret);

  Result<VerifyingKey> create_signing_key(KeyKind kind) override;
  Result<SignatureValue> sign(const VerifyingKey& key, ByteSpan message) override;
  bool has_signing_key(const VerifyingKey& key) override;
  Status remove_signing_key(const VerifyingKey& key) override;
  Result<X25519Public> create_x25519_key() override;
  Result<Secret<32>> x25519_secret(const X25519Public& key) override;

 private:
  Rng& rng_;
  std::map<Bytes, SigningKey> signing_;  // by public key
  std::map<X25519Public, Secret<32>> static_;
};

}  // namespace weir
