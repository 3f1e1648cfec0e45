#include "crypto/kex.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir {

// A secret and the context of its exchanges: making the context costs a twentieth of an exchange,
// and looking up algorithms by name as much again.
struct X25519Handle {
  internal::PkeyPtr key;
  internal::PkeyCtxPtr derive;
};

namespace {

using internal::PkeyCtxPtr;
using internal::PkeyPtr;

constexpr X25519Public kBasePoint = {9};  // RFC 7748 section 4.1

EVP_PKEY_CTX* import_context() {
  static thread_local const PkeyCtxPtr context = [] {
    PkeyCtxPtr made(EVP_PKEY_CTX_new_from_name(nullptr, "X25519", nullptr));
    CHECK(made != nullptr && EVP_PKEY_fromdata_init(made.get()) == 1);
    return made;
  }();
  return context.get();
}

// OpenSSL's parameters are not const, but octet strings are only read.
OSSL_PARAM octets(const char* name, ByteSpan bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                           bytes.size());
}

PkeyPtr import_key(int selection, const OSSL_PARAM* params) {
  EVP_PKEY* key = nullptr;
  CHECK(EVP_PKEY_fromdata(import_context(), &key, selection, const_cast<OSSL_PARAM*>(params)) == 1);
  return PkeyPtr(key);
}

// One object for every peer of this thread: only its 32 bytes change.
EVP_PKEY* peer_key(ByteSpan public32) {
  static thread_local const PkeyPtr peer = [] {
    const OSSL_PARAM params[] = {octets(OSSL_PKEY_PARAM_PUB_KEY, kBasePoint),
                                 OSSL_PARAM_construct_end()};
    return import_key(EVP_PKEY_PUBLIC_KEY, params);
  }();
  CHECK(EVP_PKEY_set1_encoded_public_key(peer.get(), public32.data(), public32.size()) == 1);
  return peer.get();
}

// False: the result would be all zeros.
bool multiply(const X25519Handle& handle, ByteSpan point32, MutableByteSpan out32) {
  // Its validation of the peer says nothing about X25519, where every 32 bytes are a key.
  CHECK(EVP_PKEY_derive_set_peer_ex(handle.derive.get(), peer_key(point32), 0) == 1);
  std::size_t size = out32.size();
  if (EVP_PKEY_derive(handle.derive.get(), out32.data(), &size) != 1) return false;
  CHECK(size == out32.size());
  return true;
}

}  // namespace

// The public half is an exchange with the base point. OpenSSL would compute it itself when it is
// not given one, but by the portable code of Ed25519 (43 us against 36 us, OpenSSL 3.0 on a Xeon at
// 2.8 GHz); so it is given one that no exchange looks at. Nobody may ask OpenSSL for this key's
// public half.
X25519Key::X25519Key(const Secret<32>& secret) {
  const OSSL_PARAM params[] = {octets(OSSL_PKEY_PARAM_PRIV_KEY, secret.span()),
                               octets(OSSL_PKEY_PARAM_PUB_KEY, kBasePoint),
                               OSSL_PARAM_construct_end()};
  auto handle = std::make_shared<X25519Handle>();
  handle->key = import_key(EVP_PKEY_KEYPAIR, params);
  handle->derive.reset(EVP_PKEY_CTX_new(handle->key.get(), nullptr));
  CHECK(handle->derive != nullptr && EVP_PKEY_derive_init(handle->derive.get()) == 1);
  CHECK(multiply(*handle, kBasePoint, public_));  // no clamped secret gives zeros
  handle_ = std::move(handle);
}

X25519Public x25519_public(const Secret<32>& secret) { return X25519Key(secret).public_key(); }

Result<Secret<32>> X25519Key::exchange(ByteSpan peer_public32) const {
  if (peer_public32.size() != 32) return fail(Errc::kInvalid, "X25519 public key is not 32 bytes");
  CHECK(handle_ != nullptr);
  const internal::ErrorScope errors;
  Secret<32> shared;
  // OpenSSL itself refuses an all-zero result; the second test does not rely on that.
  if (!multiply(*handle_, peer_public32, shared.span()) || shared == Secret<32>())
    return fail(Errc::kRefused, "X25519 public key is a low-order point");
  return shared;
}

}  // namespace weir
