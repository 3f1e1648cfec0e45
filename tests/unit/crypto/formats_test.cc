// Forms in which others hand over keys, signatures and bytes: made by the openssl command.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

namespace weir {
namespace {

constexpr char kP256[] =
    "3059301306072a8648ce3d020106082a8648ce3d030107034200041cfc7c80bea4ac3790ae35083e7d22772b1f8aa8"
    "a924df3d44fb43b897eada251233cad7a754a8a7f4da74634615b370b4cea6f1c684a095090693cdfcadbba5";
constexpr char kSignature[] =
    "3045022100adab1b14c2bcab8d6451e8d1e005e15a18b20f8bd2926dfc791f3db381e8ac9202202ed9e303f1e2bee6"
    "7fdfbd549d6bca4f389a07f0075a81101c82922632abfbd6";
constexpr char kEd25519[] =
    "302a300506032b6570032100693f15e8e976436d1e93adee6584dfec92f66fd7d0997e5a4d6aade748aa6221";
constexpr char kP384[] =
    "3076301006072a8648ce3d020106052b8104002203620004e386923c8a3d2037a64105fe43287d49eafaa93929b077"
    "82c3a197352cf6edf3608aefccde4a96cfe4f3f4280a3cac905a2fe45ab18588ffed47551e08adfecfede412eafedc"
    "56ab1b42f28dd0338678edf676e33e6b7fabf0d97ffda90a77f5";

TEST(Formats, AKeyAndASignatureInDerVerify) {
  const auto key = p256_key_from_spki(*from_hex(kP256));
  ASSERT_TRUE(key);
  const auto signature = p256_signature_from_der(*from_hex(kSignature));
  ASSERT_TRUE(signature);
  EXPECT_TRUE(*verify(*key, as_bytes("message"), *signature));
  EXPECT_FALSE(*verify(*key, as_bytes("another"), *signature));
}

TEST(Formats, OtherCurvesAndBrokenDerAreRefused) {
  EXPECT_FALSE(p256_key_from_spki(*from_hex(kEd25519)));
  EXPECT_FALSE(p256_key_from_spki(*from_hex(kP384)));
  EXPECT_FALSE(p256_key_from_spki({}));
  EXPECT_FALSE(p256_signature_from_der({}));
  const Bytes key = *from_hex(kP256);
  const Bytes signature = *from_hex(kSignature);
  for (std::size_t size = 0; size < key.size(); ++size) {
    EXPECT_FALSE(p256_key_from_spki(ByteSpan(key).first(size))) << size;
  }
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_FALSE(p256_signature_from_der(ByteSpan(signature).first(size))) << size;
  }
  // r of 33 bytes.
  EXPECT_FALSE(p256_signature_from_der(*from_hex(
      "30260221010000000000000000000000000000000000000000000000000000000000000000020101")));
}

TEST(Formats, Base64ThereAndBack) {
  for (const auto& [plain, text] :
       {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="},
        std::pair{"foo", "Zm9v"}, std::pair{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64_encode(as_bytes(plain)), text);
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(as_text(*decoded), plain);
  }
  for (const char* text : {"Z", "Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm=v", "Zm9*", " Zm9"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(Formats, HmacIsRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).span()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace weir
