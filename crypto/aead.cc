#include "crypto/aead.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::uint64_t kRekeyNonce = ~std::uint64_t{0};  // never sent: senders stop at 2^64-2

}  // namespace

std::unique_ptr<Aead> Aead::create_best() {
  const char* forced = std::getenv("WEIR_AEAD");
  if (forced == nullptr || std::string_view(forced) != "openssl") {
    if (auto fast = create_ipsec_mb()) return fast;
  }
  return create_openssl();
}

void aead_next_key(const Aead& aead, AeadKey& scratch, ByteSpan key32, Secret<32>& next) {
  aead.set_key(scratch, key32);
  aead_next_key(aead, scratch, next);
}

void aead_next_key(const Aead& aead, AeadKey& current, Secret<32>& next) {
  Secret<32> zeros;  // becomes the key, hence a Secret
  std::uint8_t tag[kAeadTagBytes];
  const AeadSegment text{zeros.span().data(), zeros.span().size()};
  SealJob job{&current, kRekeyNonce, &text, 1, {}, tag};
  aead.seal({&job, 1});
  next = zeros;
}

}  // namespace weir
