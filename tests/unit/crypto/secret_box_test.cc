// Secrets at rest: the box that seals them and the key that a passphrase gives.
#include "crypto/secret_box.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/password.h"
#include "crypto/secret_bytes.h"

namespace weir {
namespace {

TEST(SecretBox, OpensOnlyWithItsKeyAndContextAndUnchanged) {
  SeededRng rng(1);
  const auto key = Secret<32>::random(rng);
  const auto secret = Secret<32>::random(rng);
  const Bytes sealed = seal_secret(key, as_bytes("handle"), secret, rng);
  ASSERT_EQ(sealed.size(), kSealedSecretBytes);
  const auto opened = open_secret(key, as_bytes("handle"), sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, secret);
  EXPECT_EQ(open_secret(key, as_bytes("hande"), sealed).error().code, Errc::kRefused);
  EXPECT_EQ(open_secret(key, {}, sealed).error().code, Errc::kRefused);
  EXPECT_EQ(open_secret(Secret<32>::random(rng), as_bytes("handle"), sealed).error().code,
            Errc::kRefused);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(open_secret(key, as_bytes("handle"), changed)) << i;
  }
  for (const std::size_t size : {std::size_t{0}, sealed.size() - 1}) {
    const ByteSpan cut = ByteSpan(sealed).first(size);
    EXPECT_EQ(open_secret(key, as_bytes("handle"), cut).error().code, Errc::kInvalid);
  }
}

TEST(SecretBox, TheSameSecretNeverLooksTheSame) {
  SeededRng rng(1);
  const Secret<32> key;
  const Secret<32> secret;
  EXPECT_NE(seal_secret(key, {}, secret, rng), seal_secret(key, {}, secret, rng));
}

TEST(Password, IsArgon2id) {
  Bytes salt(kPasswordSaltBytes);
  for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::uint8_t>(i);
  // By argon2-cffi 23: Argon2id v19, t=3, m=1024 KiB, p=1.
  const auto key =
      key_from_passphrase(as_bytes("correct horse"), salt, {.passes = 3, .memory_kib = 1024});
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->span()),
            "2cdfc6b7d9c2f719e4f1ec7697c38e6ad4b023e6d446602ac3d0dcb2571ca5fa");
}

TEST(Password, ADamagedCostIsRefusedBeforeItTakesTheMemory) {
  const Bytes salt(kPasswordSaltBytes);
  for (const PasswordCost cost : {PasswordCost{0, 1024}, PasswordCost{65, 1024}, PasswordCost{1, 7},
                                  PasswordCost{1, 4 * 1024 * 1024 + 1}}) {
    EXPECT_EQ(key_from_passphrase(as_bytes("x"), salt, cost).error().code, Errc::kInvalid);
  }
  const Bytes short_salt(kPasswordSaltBytes - 1);
  EXPECT_EQ(key_from_passphrase(as_bytes("x"), short_salt, {}).error().code, Errc::kInvalid);
}

TEST(SecretBytes, MovesAndShortens) {
  SecretBytes one = SecretBytes::copy_of(as_bytes("passphrase\n"));
  SecretBytes two = std::move(one);
  two.shorten(10);
  EXPECT_EQ(as_text(two.span()), "passphrase");
  one = std::move(two);
  EXPECT_EQ(one.size(), 10u);
  EXPECT_TRUE(SecretBytes().empty());
}

}  // namespace
}  // namespace weir
