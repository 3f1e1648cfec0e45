#include "crypto/sign.h"

#include "base/check.h"
#include "crypto/internal/openssl.h"
#include "crypto/internal/p256.h"

namespace weir {
namespace {

using internal::MdCtxPtr;
using internal::PkeyPtr;

PkeyPtr load_ed25519_secret(const Secret<32>& seed) {
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.span().data(), 32));
  CHECK(key != nullptr);
  return key;
}

Signature sign_ed25519(const Secret<32>& seed, ByteSpan message) {
  const PkeyPtr key = load_ed25519_secret(seed);
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  Signature signature;
  std::size_t size = signature.size();
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
        1);
  CHECK(size == signature.size());
  return signature;
}

bool verify_ed25519(ByteSpan public32, ByteSpan message, ByteSpan signature64) {
  const PkeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public32.data(), public32.size()));
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(key != nullptr && context != nullptr);
  CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  return EVP_DigestVerify(context.get(), signature64.data(), signature64.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace

SigningKey generate_signing_key(KeyKind kind, Rng& rng) {
  SigningKey key{kind, Secret<32>::random(rng)};
  // A P-256 scalar must be in [1, n); one draw in 2^32 is not.
  while (kind == KeyKind::kP256 && !internal::p256_scalar_valid(key.secret))
    key.secret = Secret<32>::random(rng);
  return key;
}

Result<VerifyingKey> public_key(const SigningKey& key) {
  const internal::ErrorScope errors;
  VerifyingKey out{key.kind, Bytes(public_key_bytes(key.kind))};
  if (key.kind == KeyKind::kP256) {
    if (!internal::p256_scalar_valid(key.secret))
      return fail(Errc::kInvalid, "P-256 secret is out of range");
    internal::p256_public(key.secret, out.bytes);
    return out;
  }
  std::size_t size = out.bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(load_ed25519_secret(key.secret).get(), out.bytes.data(),
                                    &size) == 1);
  CHECK(size == out.bytes.size());
  return out;
}

Result<Signature> sign(const SigningKey& key, ByteSpan message) {
  const internal::ErrorScope errors;
  if (key.kind == KeyKind::kEd25519) return sign_ed25519(key.secret, message);
  if (!internal::p256_scalar_valid(key.secret))
    return fail(Errc::kInvalid, "P-256 secret is out of range");
  return internal::p256_sign(key.secret, message);
}

Result<bool> verify(const VerifyingKey& key, ByteSpan message, ByteSpan signature64) {
  if (key.bytes.size() != public_key_bytes(key.kind))
    return fail(Errc::kInvalid, "public key has a wrong length");
  if (signature64.size() != kSignatureBytes)
    return fail(Errc::kInvalid, "signature has a wrong length");
  const internal::ErrorScope errors;
  if (key.kind == KeyKind::kEd25519) return verify_ed25519(key.bytes, message, signature64);
  return internal::p256_verify(key.bytes, message, signature64);
}

}  // namespace weir
