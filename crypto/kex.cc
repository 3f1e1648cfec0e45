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

X25519Key::X25519Key(const Secret<32>& secret)
    : key_(load_secret(secret).release(), EVP_PKEY_free) {
  std::size_t size = public_.size();
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), public_.data(), &size) == 1);
  CHECK(size == public_.size());
}

X25519Public x25519_public(const Secret<32>& secret) { return X25519Key(secret).public_key(); }

Result<Secret<32>> X25519Key::exchange(ByteSpan peer_public32) const {
  if (peer_public32.size() != 32) return fail(Errc::kInvalid, "X25519 public key is not 32 bytes");
  CHECK(key_ != nullptr);
  const internal::ErrorScope errors;
  const PkeyPtr peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public32.data(), 32));
  CHECK(peer != nullptr);
  const PkeyCtxPtr context(EVP_PKEY_CTX_new(key_.get(), nullptr));
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
