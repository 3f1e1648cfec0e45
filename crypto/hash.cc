#include "crypto/hash.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir {
namespace {

using internal::KdfCtxPtr;
using internal::MdCtxPtr;

// Fetched once: a lookup by name costs more than a short hash.
EVP_MD* sha256_method() {
  static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(method != nullptr);
  return method;
}

EVP_KDF* hkdf_method() {
  static EVP_KDF* const method = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  CHECK(method != nullptr);
  return method;
}

// OpenSSL's parameters are not const, but octet strings are only read.
OSSL_PARAM octets(const char* name, ByteSpan bytes) {
  static constexpr std::uint8_t kNothing = 0;
  const std::uint8_t* data = bytes.empty() ? &kNothing : bytes.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(data), bytes.size());
}

}  // namespace

Hash256 sha256(ByteSpan data) { return sha256(data, {}); }

Hash256 sha256(ByteSpan a, ByteSpan b) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  Hash256 hash;
  CHECK(EVP_DigestInit_ex(context.get(), sha256_method(), nullptr) == 1);
  CHECK(EVP_DigestUpdate(context.get(), a.data(), a.size()) == 1);
  CHECK(EVP_DigestUpdate(context.get(), b.data(), b.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1);
  return hash;
}

void hkdf(ByteSpan salt, ByteSpan ikm, std::span<Secret<32>> outputs) {
  CHECK(!outputs.empty() && outputs.size() <= kHkdfOutputsMax);
  const KdfCtxPtr context(EVP_KDF_CTX_new(hkdf_method()));
  CHECK(context != nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_KEY, ikm),
                               OSSL_PARAM_construct_end()};
  Secret<32 * kHkdfOutputsMax> stream;
  const MutableByteSpan wanted = stream.span().first(32 * outputs.size());
  CHECK(EVP_KDF_derive(context.get(), wanted.data(), wanted.size(), params) == 1);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    std::ranges::copy(wanted.subspan(32 * i, 32), outputs[i].span().begin());
}

void hkdf2(ByteSpan salt, ByteSpan ikm, Secret<32>& first, Secret<32>& second) {
  Secret<32> outputs[2];
  hkdf(salt, ikm, outputs);
  first = outputs[0];
  second = outputs[1];
}

}  // namespace weir
