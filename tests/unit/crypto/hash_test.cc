#include "crypto/hash.h"

#include "vectors.h"

namespace weir {
namespace {

TEST(Hash, Sha256IsOckams) {
  VectorCount count("sha256");
  for (const auto& vector : vault_vectors().at("sha256")) {
    const Bytes data = hex_field(vector, "data");
    const Bytes expected = hex_field(vector, "sha256");
    EXPECT_TRUE(equal(sha256(data), expected));
    for (std::size_t cut = 0; cut <= data.size(); ++cut)
      EXPECT_TRUE(equal(sha256(ByteSpan(data).first(cut), ByteSpan(data).subspan(cut)), expected));
    ++count.ran;
  }
}

TEST(Hash, HkdfIsOckamsAlsoWithoutKeyMaterialAndWithoutSalt) {
  VectorCount count("hkdf");
  for (const auto& vector : vault_vectors().at("hkdf")) {
    const Bytes salt = hex_field(vector, "salt");
    const Bytes ikm = vector.at("ikm").is_null() ? Bytes() : hex_field(vector, "ikm");
    const auto& expected = vector.at("outputs");
    std::vector<Secret<32>> outputs(expected.size());
    hkdf(salt, ikm, outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(to_hex(outputs[i].span()), expected[i].get<std::string>());
    if (outputs.size() == 2) {
      Secret<32> a;
      Secret<32> b;
      hkdf2(salt, ikm, a, b);
      EXPECT_TRUE(a == outputs[0]);
      EXPECT_TRUE(b == outputs[1]);
    }
    ++count.ran;
  }
}

TEST(Hash, MixKeyMayOverwriteItsOwnInputs) {
  Secret<32> ck = Secret<32>::from_span(Bytes(32, 3));
  Secret<32> k = Secret<32>::from_span(Bytes(32, 4));
  Secret<32> expected[2];
  hkdf(ck.span(), k.span(), expected);
  hkdf2(ck.span(), k.span(), ck, k);
  EXPECT_TRUE(ck == expected[0]);
  EXPECT_TRUE(k == expected[1]);
}

}  // namespace
}  // namespace weir
