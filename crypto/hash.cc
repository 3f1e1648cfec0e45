#include "crypto/hash.h"

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir {
namespace {

using internal::MacCtxPtr;
using internal::MdCtxPtr;

// Made once a thread: looking up algorithms by name costs more than a short hash.
EVP_MD_CTX* sha256_context() {
  static thread_local const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context.get();
}

EVP_MD* sha256_method() {
  static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(method != nullptr);
  return method;
}

EVP_MAC_CTX* hmac_context() {
  static thread_local const MacCtxPtr context = [] {
    EVP_MAC* method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    CHECK(method != nullptr);
    MacCtxPtr made(EVP_MAC_CTX_new(method));
    EVP_MAC_free(method);  // the context holds it
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    CHECK(made != nullptr && EVP_MAC_CTX_set_params(made.get(), params) == 1);
    return made;
  }();
  return context.get();
}

// HMAC-SHA256(key, a || b).
void hmac(ByteSpan key, ByteSpan a, ByteSpan b, Secret<32>& out) {
  static constexpr std::uint8_t kNothing = 0;  // without an address it would take the last key
  EVP_MAC_CTX* context = hmac_context();
  std::size_t size = 0;
  CHECK(EVP_MAC_init(context, key.empty() ? &kNothing : key.data(), key.size(), nullptr) == 1);
  CHECK(EVP_MAC_update(context, a.data(), a.size()) == 1);
  CHECK(EVP_MAC_update(context, b.data(), b.size()) == 1);
  CHECK(EVP_MAC_final(context, out.span().data(), &size, 32) == 1);
  CHECK(size == 32);
}

}  // namespace

Hash256 sha256(ByteSpan data) { return sha256(data, {}); }

Secret<32> hmac_sha256(ByteSpan key, ByteSpan message) {
  Secret<32> out;
  hmac(key, message, {}, out);
  return out;
}

Hash256 sha256(ByteSpan a, ByteSpan b) {
  EVP_MD_CTX* context = sha256_context();
  Hash256 hash;
  CHECK(EVP_DigestInit_ex(context, sha256_method(), nullptr) == 1);
  CHECK(EVP_DigestUpdate(context, a.data(), a.size()) == 1);
  CHECK(EVP_DigestUpdate(context, b.data(), b.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1);
  return hash;
}

// RFC 5869 over OpenSSL's HMAC: its own HKDF costs twice as much in look-ups by name.
void hkdf(ByteSpan salt, ByteSpan ikm, std::span<Secret<32>> outputs) {
  CHECK(!outputs.empty() && outputs.size() <= kHkdfOutputsMax);
  Secret<32> key;
  hmac(salt, ikm, {}, key);
  ByteSpan previous;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto number = static_cast<std::uint8_t>(i + 1);
    hmac(key.span(), previous, {&number, 1}, outputs[i]);
    previous = outputs[i].span();
  }
  Secret<32> nothing;
  hmac({}, {}, {}, nothing);  // the thread's context forgets the key
}

void hkdf2(ByteSpan salt, ByteSpan ikm, Secret<32>& first, Secret<32>& second) {
  Secret<32> outputs[2];
  hkdf(salt, ikm, outputs);
  first = outputs[0];
  second = outputs[1];
}

}  // namespace weir
