// AES-256-GCM by OpenSSL. A key slot is one EVP_CIPHER_CTX: GCM expands a key the same way for both
// directions, so the direction is chosen with the nonce, per message. Nothing of this allocates in
// OpenSSL 3 (tests/unit/crypto counts).
#include <limits>

#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/internal/openssl.h"

namespace weir {
namespace {

static_assert(kAeadTextBytesMax <= std::numeric_limits<int>::max());

using CipherPtr = internal::OpensslPtr<EVP_CIPHER, EVP_CIPHER_free>;

void destroy_slot(void* slot) { EVP_CIPHER_CTX_free(static_cast<EVP_CIPHER_CTX*>(slot)); }

// Text or AAD (out = null); both may be empty, which OpenSSL would take for the end.
void update(EVP_CIPHER_CTX* context, std::uint8_t* out, ByteSpan in) {
  if (in.empty()) return;
  CHECK(in.size() <= kAeadTextBytesMax);
  int written = 0;
  CHECK(EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1);
}

class OpensslAead final : public Aead {
 public:
  OpensslAead() : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)) {
    CHECK(cipher_ != nullptr);
  }

  const char* name() const override { return "openssl"; }

  // EVP_CIPHER_CTX and the provider's context: 1144 measured with OpenSSL 3.0 on x86-64 (the test
  // prints it); room for the allocator and for other versions.
  std::size_t key_slot_bytes() const override { return 1536; }

  AeadKey make_key() const override {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    CHECK(context != nullptr);
    CHECK(EVP_EncryptInit_ex2(context, cipher_.get(), nullptr, nullptr, nullptr) == 1);
    return wrap_slot(context, destroy_slot);
  }

  void set_key(AeadKey& key, ByteSpan key32) const override {
    CHECK(key32.size() == kAeadKeyBytes);
    CHECK(EVP_EncryptInit_ex2(context_of(key), nullptr, key32.data(), nullptr, nullptr) == 1);
  }

  void seal(std::span<SealJob> jobs) const override {
    for (SealJob& job : jobs) {
      DCHECK(job.segment_count <= kAeadSegmentsMax);
      EVP_CIPHER_CTX* context = context_of(*job.key);
      const auto nonce = aead_nonce(job.nonce);
      CHECK(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
      update(context, nullptr, job.aad);
      for (std::size_t i = 0; i < job.segment_count; ++i)
        update(context, job.segments[i].data, {job.segments[i].data, job.segments[i].size});
      int written = 0;
      CHECK(EVP_EncryptFinal_ex(context, job.tag, &written) == 1 && written == 0);
      CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, job.tag) == 1);
    }
  }

  void open(std::span<OpenJob> jobs) const override {
    for (OpenJob& job : jobs) {
      EVP_CIPHER_CTX* context = context_of(*job.key);
      const auto nonce = aead_nonce(job.nonce);
      CHECK(EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1);
      update(context, nullptr, job.aad);
      update(context, job.text.data(), job.text);
      std::uint8_t tag[kAeadTagBytes];  // the call below takes no const
      std::memcpy(tag, job.tag, sizeof tag);
      CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag) == 1);
      int written = 0;
      job.ok = EVP_DecryptFinal_ex(context, tag, &written) == 1;  // compares in constant time
    }
  }

 private:
  static EVP_CIPHER_CTX* context_of(const AeadKey& key) {
    return static_cast<EVP_CIPHER_CTX*>(slot_of(key, destroy_slot));
  }

  CipherPtr cipher_;
};

}  // namespace

std::unique_ptr<Aead> Aead::create_openssl() { return std::make_unique<OpensslAead>(); }

}  // namespace weir
