#include "crypto/kex.h"

#include "crypto/hash.h"
#include "vectors.h"

namespace weir {
namespace {

Secret<32> secret_field(const nlohmann::json& object, const char* name) {
  return Secret<32>::from_span(hex_field(object, name));
}

TEST(Kex, X25519IsOckamsInBothDirections) {
  VectorCount count("x25519");
  for (const auto& vector : vault_vectors().at("x25519")) {
    const Secret<32> a = secret_field(vector, "secret_a");
    const Secret<32> b = secret_field(vector, "secret_b");
    const X25519Public public_a = x25519_public(a);
    const X25519Public public_b = x25519_public(b);
    EXPECT_TRUE(equal(public_a, hex_field(vector, "public_a")));
    EXPECT_TRUE(equal(public_b, hex_field(vector, "public_b")));
    EXPECT_TRUE(equal(key_handle(public_a), hex_field(vector, "handle_a")));
    EXPECT_TRUE(equal(key_handle(public_b), hex_field(vector, "handle_b")));
    EXPECT_TRUE(X25519Key(a).exchange(public_b).value() == secret_field(vector, "shared"));
    EXPECT_TRUE(X25519Key(b).exchange(public_a).value() == secret_field(vector, "shared"));
    ++count.ran;
  }
}

// Ockam computes an all-zero secret here; we refuse on purpose (spec 02 section 5.1).
TEST(Kex, LowOrderPointsOfTheVectorsAreRefused) {
  VectorCount count("x25519_low_order (refused on purpose)");
  for (const auto& vector : vault_vectors().at("x25519_low_order")) {
    const auto shared =
        X25519Key(secret_field(vector, "secret_a")).exchange(hex_field(vector, "public_b"));
    ASSERT_FALSE(shared);
    EXPECT_EQ(shared.error().code, Errc::kRefused);
    ++count.ran;
  }
}

// Every encoding of a point of order 1, 2, 4 or 8 (RFC 7748 section 6.1,
// https://cr.yp.to/ecdh.html).
TEST(Kex, AnAttackerCannotFixTheSharedSecretToZero) {
  SeededRng rng(1);
  const X25519Key key(x25519_generate(rng));
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "0000000000000000000000000000000000000000000000000000000000000080",
                            "0100000000000000000000000000000000000000000000000000000000000080"}) {
    EXPECT_FALSE(key.exchange(from_hex(point).value())) << point;
  }
}

TEST(Kex, KeysOfAnotherLengthAreErrors) {
  SeededRng rng(1);
  const X25519Key key(x25519_generate(rng));
  for (std::size_t size : {0, 31, 33}) {
    const auto shared = key.exchange(Bytes(size, 9));
    ASSERT_FALSE(shared);
    EXPECT_EQ(shared.error().code, Errc::kInvalid);
  }
}

}  // namespace
}  // namespace weir
