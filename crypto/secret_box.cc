#include "crypto/secret_box.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kTextBytes = Secret<32>::kSizeBytes;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Keyed, and fed with what is authenticated only. `encrypt`: 1 or 0.
CipherContext begin(const Secret<32>& key, const std::uint8_t* nonce, ByteSpan context,
                    int encrypt) {
  CipherContext cipher(EVP_CIPHER_CTX_new());
  CHECK(cipher != nullptr);
  CHECK(EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.span().data(), nonce,
                          encrypt) == 1);
  int size = 0;
  CHECK(EVP_CipherUpdate(cipher.get(), nullptr, &size, context.data(),
                         static_cast<int>(context.size())) == 1);
  return cipher;
}

}  // namespace

Bytes seal_secret(const Secret<32>& key, ByteSpan context, const Secret<32>& secret, Rng& rng) {
  Bytes out(kSealedSecretBytes);
  rng.fill({out.data(), kNonceBytes});
  const CipherContext cipher = begin(key, out.data(), context, 1);
  int size = 0;
  CHECK(EVP_CipherUpdate(cipher.get(), out.data() + kNonceBytes, &size, secret.span().data(),
                         kTextBytes) == 1);
  CHECK(EVP_CipherFinal_ex(cipher.get(), out.data() + kNonceBytes + kTextBytes, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                            out.data() + kNonceBytes + kTextBytes) == 1);
  return out;
}

Result<Secret<32>> open_secret(const Secret<32>& key, ByteSpan context, ByteSpan sealed) {
  if (sealed.size() != kSealedSecretBytes) return fail(Errc::kInvalid, "not a sealed secret");
  const CipherContext cipher = begin(key, sealed.data(), context, 0);
  Secret<32> secret;
  std::uint8_t tag[kTagBytes];
  std::memcpy(tag, sealed.data() + kNonceBytes + kTextBytes, kTagBytes);
  int size = 0;
  CHECK(EVP_CipherUpdate(cipher.get(), secret.span().data(), &size, sealed.data() + kNonceBytes,
                         kTextBytes) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1);
  std::uint8_t nothing[kTagBytes];
  if (EVP_CipherFinal_ex(cipher.get(), nothing, &size) != 1) {
    return fail(Errc::kRefused, "the key does not open this secret");
  }
  return secret;
}

}  // namespace weir
