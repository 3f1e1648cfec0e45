#include "crypto/password.h"

#include <sodium.h>

namespace weir {

static_assert(kPasswordSaltBytes == crypto_pwhash_argon2id_SALTBYTES);

Result<Secret<32>> key_from_passphrase(ByteSpan passphrase, ByteSpan salt16,
                                       const PasswordCost& cost) {
  if (salt16.size() != kPasswordSaltBytes || cost.passes == 0 || cost.passes > kPasswordPassesMax ||
      cost.memory_kib < kPasswordMemoryKibMin || cost.memory_kib > kPasswordMemoryKibMax) {
    return fail(Errc::kInvalid, "the parameters of the passphrase are damaged");
  }
  if (sodium_init() < 0) return fail(Errc::kInternal, "libsodium cannot be used");
  Secret<32> key;
  const int failed = crypto_pwhash_argon2id(
      key.span().data(), key.span().size(), reinterpret_cast<const char*>(passphrase.data()),
      passphrase.size(), salt16.data(), cost.passes, std::size_t{cost.memory_kib} * 1024,
      crypto_pwhash_argon2id_ALG_ARGON2ID13);
  if (failed != 0) return fail(Errc::kExhausted, "too little memory for the passphrase's key");
  return key;
}

}  // namespace weir
