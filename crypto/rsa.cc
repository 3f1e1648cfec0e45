#include "crypto/rsa.h"

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir {
namespace {

using namespace internal;

// Null: OpenSSL does not take it.
PkeyPtr make_key(ByteSpan modulus, ByteSpan exponent) {
  const BnPtr n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const BnPtr e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  CHECK(n != nullptr && e != nullptr && builder != nullptr);
  CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1);
  CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  CHECK(params != nullptr && context != nullptr);
  CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

}  // namespace

Result<bool> rsa_sha256_verify(ByteSpan modulus, ByteSpan exponent, ByteSpan message,
                               ByteSpan signature) {
  if (modulus.size() < kRsaModulusBytesMin || modulus.size() > kRsaModulusBytesMax ||
      exponent.empty() || exponent.size() > kRsaExponentBytesMax || (exponent.back() & 1) == 0) {
    return fail(Errc::kInvalid, "an RSA key of 2048 to 8192 bits is needed");
  }
  const ErrorScope errors;
  const PkeyPtr key = make_key(modulus, exponent);
  if (key == nullptr) return fail(Errc::kInvalid, "not an RSA key");
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  // PKCS#1 v1.5 is the default padding of EVP's RSA.
  if (EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(),
                              nullptr) != 1) {
    return fail(Errc::kInvalid, "not an RSA key");
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace weir
