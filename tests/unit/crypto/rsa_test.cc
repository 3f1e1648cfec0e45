// RS256, against a signature that the openssl program made.
#include "crypto/rsa.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "base/hex.h"

namespace weir {
namespace {

constexpr char kModulus[] =
    "e421e6ea8a12e0ac3bcfbf9176d850bed49510b311dbfaf5207a088fdb2c24fe1e17378c6dcf2172f622bfae"
    "484e5d3e82653522315b3ec093ebf6b9bf20c9b16ddb1cd7cd1745015303194485b65c5e90a99942eaf7d8f5"
    "fdca3efbfdca0f4e308eb98ee993c1e13b7cf06750671faea9d22252c858577d0a8e3ee05b8355b83fbc6dad"
    "29da532cd6c3a1527a3e58866b582121b08deb2410c8dbefd184fdd272f31c7d8e7237f4824319fd5b194053"
    "2973251a195687c450a0d19ce3970b46d9e55029ebea216ec9afc02df14cb666ee9ffaa3c0a5d0870aadec36"
    "2969a5401bad8aed1d4af12f6e65fc90989e8b6424e4b5b22f7ac3e05c445f3c37916c53";
constexpr char kSignature[] =
    "2a8225aa456c7ba6db4f1ce05ac3b11c3f6935e942aa185bc7e0876bdcef85e1ed3031445524f61fe915e564"
    "9cfe8c0a8779a4a26e285d58ab89ca591a99f3a976a0ec694a0464026cdc5da74ed00e35508f70e2a96e7f5f"
    "3ea7135936462e4e6a6f40cdc4e04ba70799440118649f570661fe93aef0f752981183d97194070cc2ba9282"
    "6e2c07d68425bf49a98bbad24105cf254fd4e087cbd37d5c368477dbbe3b81198317c41510f83df74558d356"
    "f3226ff7e32383ae8fc89c251d1627d8f8fe326106b030058d173632b2c1d7fb1c850b06c08aca92c400d5e2"
    "ffbf93a6d4edae608db18058f9a45d122a77a959a9eb492649fc5416fd095a90d0d19af2";
const Bytes kExponent = {1, 0, 1};

TEST(Rsa, OnlyTheRightSignatureOfTheRightMessageVerifies) {
  const Bytes modulus = *from_hex(kModulus);
  Bytes signature = *from_hex(kSignature);
  EXPECT_TRUE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), signature));
  EXPECT_FALSE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weiR"), signature));
  EXPECT_FALSE(*rsa_sha256_verify(modulus, Bytes{3}, as_bytes("weir"), signature));
  EXPECT_FALSE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), {}));
  EXPECT_FALSE(
      *rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), ByteSpan(signature).subspan(1)));
  signature[100] ^= 1;
  EXPECT_FALSE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), signature));
  EXPECT_FALSE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), Bytes(256, 0xff)));
  EXPECT_FALSE(*rsa_sha256_verify(modulus, kExponent, as_bytes("weir"), Bytes(10'000, 1)));
  EXPECT_EQ(ERR_peek_error(), 0u) << "the thread's error queue is left as it was";
}

TEST(Rsa, KeysThatAreTooShortTooLongOrEvenAreRefused) {
  const Bytes signature = *from_hex(kSignature);
  const auto refused = [&](const Bytes& modulus, const Bytes& exponent) {
    const auto result = rsa_sha256_verify(modulus, exponent, as_bytes("weir"), signature);
    return !result || !*result;
  };
  EXPECT_FALSE(rsa_sha256_verify(Bytes(255, 0xff), kExponent, {}, signature));
  EXPECT_FALSE(rsa_sha256_verify(Bytes(1025, 0xff), kExponent, {}, signature));
  EXPECT_FALSE(rsa_sha256_verify(Bytes(256, 0xff), {}, {}, signature));
  EXPECT_FALSE(rsa_sha256_verify(Bytes(256, 0xff), Bytes{2}, {}, signature));
  EXPECT_FALSE(rsa_sha256_verify(Bytes(256, 0xff), Bytes(9, 1), {}, signature));
  EXPECT_TRUE(refused(Bytes(256, 0), kExponent));
  EXPECT_TRUE(refused(Bytes(256, 0xff), Bytes{1}));
}

}  // namespace
}  // namespace weir
