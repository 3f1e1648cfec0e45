#include "crypto/kex.h"

#include <openssl/crypto.h>

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir {
namespace {

using internal::PkeyCtxPtr;
using internal::PkeyPtr;

PkeyPtr load_secret(const Secret<32>& secret) {
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.span().data(), 32));
  CHECK(key != nullptr);
  return key;
}

}  // namespace

X25519Public x25519_public(const Secret<32>& secret) {
  X25519Public out;
  std::size_t size = out.size();
  CHECK(EVP_PKEY_get_raw_public_key(load_secret(secret).get(), out.data(), &size) == 1);
  CHECK(size == out.size());
  return out;
}

Result<Secret<32>> x25519(const Secret<32>& secret, ByteSpan peer_public32) {
  if (peer_public32.size() != 32) return fail(Errc::kInvalid, "X25519 public key is not 32 bytes");
  const internal::ErrorScope errors;
  const PkeyPtr own = load_secret(secret);
  const PkeyPtr peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public32.data(), 32));
  CHECK(peer != nullptr);
  const PkeyCtxPtr context(EVP_PKEY_CTX_new(own.get(), nullptr));
  CHECK(context != nullptr);
  CHECK(EVP_PKEY_derive_init(context.get()) == 1);
  CHECK(EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1);
  Secret<32> shared;
  std::size_t size = 32;
  // OpenSSL itself refuses an all-zero result; the second test does not rely on that.
  if (EVP_PKEY_derive(context.get(), shared.span().data(), &size) != 1 || shared == Secret<32>())
    return fail(Errc::kRefused, "X25519 public key is a low-order point");
  CHECK(size == 32);
  return shared;
}

}  // namespace weir
