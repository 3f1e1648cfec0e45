#include "crypto/internal/p256.h"

#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include <string_view>

#include "base/check.h"
#include "crypto/internal/openssl.h"

namespace weir::internal {
namespace {

constexpr std::uint8_t kUncompressed =
    0x04;  // SEC1; OpenSSL would also take the hybrid forms 06, 07
constexpr std::size_t kDerSignatureBytesMax = 72;

const EC_GROUP* group() {
  static const EC_GROUP* const curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  CHECK(curve != nullptr);
  return curve;
}

// In OpenSSL's secure memory, so that what it copies from it is wiped too.
BnPtr load_secret(const Secret<32>& secret) {
  BnPtr scalar(BN_secure_new());
  CHECK(scalar != nullptr);
  BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
  CHECK(BN_bin2bn(secret.span().data(), 32, scalar.get()) != nullptr);
  return scalar;
}

bool in_range(const BIGNUM* number) {
  return !BN_is_zero(number) && BN_cmp(number, EC_GROUP_get0_order(group())) < 0;
}

// A key from its point and, for signing, its scalar. Null: OpenSSL does not take the point.
PkeyPtr make_pkey(ByteSpan public65, const BIGNUM* scalar) {
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  CHECK(builder != nullptr);
  CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ==
        1);
  CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, public65.data(),
                                         public65.size()) == 1);
  if (scalar != nullptr)
    CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1);
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  CHECK(params != nullptr && context != nullptr);
  CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* key = nullptr;
  const int selection = scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) return nullptr;
  return PkeyPtr(key);
}

}  // namespace

bool p256_scalar_valid(const Secret<32>& secret) { return in_range(load_secret(secret).get()); }

void p256_public(const Secret<32>& secret, MutableByteSpan out65) {
  const BnPtr scalar = load_secret(secret);
  const PointPtr point(EC_POINT_new(group()));
  const BnCtxPtr context(BN_CTX_secure_new());
  CHECK(point != nullptr && context != nullptr);
  CHECK(EC_POINT_mul(group(), point.get(), scalar.get(), nullptr, nullptr, context.get()) == 1);
  CHECK(EC_POINT_point2oct(group(), point.get(), POINT_CONVERSION_UNCOMPRESSED, out65.data(),
                           out65.size(), context.get()) == out65.size());
}

Signature p256_sign(const Secret<32>& secret, ByteSpan message) {
  std::array<std::uint8_t, 65> own_public;
  p256_public(secret, own_public);
  const PkeyPtr key = make_pkey(own_public, load_secret(secret).get());
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(key != nullptr && context != nullptr);
  CHECK(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(),
                              nullptr) == 1);
  std::array<std::uint8_t, kDerSignatureBytesMax> der;
  std::size_t der_size = der.size();
  CHECK(EVP_DigestSign(context.get(), der.data(), &der_size, message.data(), message.size()) == 1);
  const std::uint8_t* in = der.data();
  const EcdsaSigPtr parsed(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der_size)));
  CHECK(parsed != nullptr);
  Signature signature;
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), signature.data(), 32) == 32);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), signature.data() + 32, 32) == 32);
  return signature;
}

Result<bool> p256_verify(ByteSpan public65, ByteSpan message, ByteSpan signature64) {
  const PkeyPtr key =
      public65[0] == kUncompressed ? make_pkey(public65, nullptr) : PkeyPtr(nullptr);
  if (key == nullptr) return fail(Errc::kInvalid, "P-256 public key is not a point of the curve");
  const EcdsaSigPtr parsed(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(signature64.data(), 32, nullptr);
  BIGNUM* s = BN_bin2bn(signature64.data() + 32, 32, nullptr);
  CHECK(parsed != nullptr && r != nullptr && s != nullptr);
  CHECK(ECDSA_SIG_set0(parsed.get(), r, s) == 1);  // takes both over
  if (!in_range(r) || !in_range(s)) return fail(Errc::kInvalid, "P-256 signature is out of range");
  std::array<std::uint8_t, kDerSignatureBytesMax> der;
  std::uint8_t* out = der.data();
  CHECK(i2d_ECDSA_SIG(parsed.get(), nullptr) <= static_cast<int>(der.size()));
  const int der_size = i2d_ECDSA_SIG(parsed.get(), &out);
  const MdCtxPtr context(EVP_MD_CTX_new());
  CHECK(der_size > 0 && context != nullptr);
  CHECK(EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(),
                                nullptr) == 1);
  return EVP_DigestVerify(context.get(), der.data(), static_cast<std::size_t>(der_size),
                          message.data(), message.size()) == 1;
}

}  // namespace weir::internal

namespace weir {

Result<VerifyingKey> p256_key_from_spki(ByteSpan der) {
  const std::uint8_t* in = der.data();
  const internal::PkeyPtr key(d2i_PUBKEY(nullptr, &in, static_cast<long>(der.size())));
  VerifyingKey out{KeyKind::kP256, Bytes(public_key_bytes(KeyKind::kP256))};
  char curve[32] = {};
  std::size_t size = 0;
  if (key == nullptr || in != der.data() + der.size() ||
      EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve,
                                     nullptr) != 1 ||
      std::string_view(curve) != "prime256v1" ||
      EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, out.bytes.data(),
                                      out.bytes.size(), &size) != 1 ||
      size != out.bytes.size() || out.bytes[0] != internal::kUncompressed) {
    return fail(Errc::kInvalid, "not a public key on P-256");
  }
  return out;
}

Result<Signature> p256_signature_from_der(ByteSpan der) {
  const std::uint8_t* in = der.data();
  const internal::EcdsaSigPtr parsed(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  Signature out;
  if (parsed == nullptr || in != der.data() + der.size() ||
      BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), out.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), out.data() + 32, 32) != 32) {
    return fail(Errc::kInvalid, "not an ECDSA signature on P-256");
  }
  return out;
}

}  // namespace weir
