#include "crypto/sign.h"

#include <openssl/err.h>

#include "crypto/hash.h"
#include "vectors.h"

namespace weir {
namespace {

constexpr const char* kP256Order =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

Bytes hex(const char* text) { return from_hex(text).value(); }

Bytes joined(ByteSpan a, ByteSpan b) {
  Bytes out = to_bytes(a);
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

// Big-endian a - b, 32 bytes, a >= b.
Bytes minus(ByteSpan a, ByteSpan b) {
  Bytes out(32);
  int borrow = 0;
  for (int i = 31; i >= 0; --i) {
    const auto at = static_cast<std::size_t>(i);
    const int digit = a[at] - b[at] - borrow;
    borrow = digit < 0;
    out[at] = static_cast<std::uint8_t>(digit);
  }
  return out;
}

struct P256 : testing::Test {
  P256() {
    SeededRng rng(3);
    key = generate_signing_key(KeyKind::kP256, rng);
    verifying = public_key(key).value();
    message = Bytes(32, 0x5a);
    signature = to_bytes(sign(key, message).value());
  }
  void expect_error(ByteSpan bad_signature) const {
    const auto result = verify(verifying, message, bad_signature);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kInvalid);
  }

  SigningKey key;
  VerifyingKey verifying;
  Bytes message;
  Bytes signature;
};

TEST(Sign, OckamsKeysAndSignaturesAreOurs) {
  VectorCount count("signatures");
  for (const auto& vector : vault_vectors().at("signatures")) {
    const bool ed25519 = vector.at("type") == "EdDSACurve25519";
    const KeyKind kind = ed25519 ? KeyKind::kEd25519 : KeyKind::kP256;
    const SigningKey key{kind, Secret<32>::from_span(hex_field(vector, "secret"))};
    const VerifyingKey verifying = public_key(key).value();
    EXPECT_EQ(verifying, (VerifyingKey{kind, hex_field(vector, "public")}));
    EXPECT_TRUE(equal(key_handle(verifying.bytes), hex_field(vector, "handle")));

    const Bytes data = hex_field(vector, "data");
    const Bytes theirs = hex_field(vector, "signature");
    EXPECT_TRUE(verify(verifying, data, theirs).value());
    EXPECT_FALSE(verify(verifying, data, hex_field(vector, "bad_signature")).value());
    EXPECT_FALSE(verify(verifying, joined(data, Bytes(1)), theirs).value());
    const Signature ours = sign(key, data).value();
    EXPECT_TRUE(verify(verifying, data, ours).value());
    if (ed25519) {  // P-256: our nonces are random
      EXPECT_TRUE(equal(ours, theirs));
    }
    ++count.ran;
  }
}

TEST(Sign, AKeyDependsOnNothingButTheGivenRandomness) {
  for (KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    SeededRng one(9);
    SeededRng two(9);
    const VerifyingKey a = public_key(generate_signing_key(kind, one)).value();
    EXPECT_EQ(a, public_key(generate_signing_key(kind, two)).value());
    EXPECT_NE(a, public_key(generate_signing_key(kind, one)).value());
    EXPECT_EQ(a.bytes.size(), public_key_bytes(kind));
  }
}

TEST(Sign, EveryFlippedBitIsSeen) {
  for (KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    SeededRng rng(4);
    const SigningKey key = generate_signing_key(kind, rng);
    const VerifyingKey verifying = public_key(key).value();
    Signature signature = sign(key, as_bytes("text")).value();
    for (std::size_t bit = 0; bit < 8 * signature.size(); bit += 7) {
      signature[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      EXPECT_FALSE(verify(verifying, as_bytes("text"), signature).value_or(false));
      signature[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    }
    EXPECT_TRUE(verify(verifying, as_bytes("text"), signature).value());
  }
}

TEST(Sign, WrongLengthsAreErrors) {
  SeededRng rng(4);
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  const VerifyingKey good = public_key(key).value();
  const Signature signature = sign(key, {}).value();
  EXPECT_TRUE(verify(good, {}, signature).value());
  EXPECT_FALSE(verify(good, {}, ByteSpan(signature).first(63)));
  EXPECT_FALSE(verify(good, {}, joined(signature, Bytes(1))));
  EXPECT_FALSE(verify({KeyKind::kEd25519, Bytes(31)}, {}, signature));
  EXPECT_FALSE(verify({KeyKind::kEd25519, {}}, {}, signature));
  EXPECT_FALSE(verify({KeyKind::kP256, good.bytes}, {}, signature));
}

// S + L names the same number as S; accepting both would make signatures malleable.
TEST(Sign, Ed25519RefusesANonCanonicalS) {
  SeededRng rng(4);
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  Signature signature = sign(key, {}).value();
  const Bytes order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  int carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(verify(public_key(key).value(), {}, signature).value());
}

// The ordinary check, as ed25519-dalek does it: the neutral point as key and R, S = 0, is "valid".
TEST(Sign, Ed25519TakesSmallOrderKeysAsOckamDoes) {
  Bytes neutral(32);
  neutral[0] = 1;
  EXPECT_TRUE(
      verify({KeyKind::kEd25519, neutral}, as_bytes("any"), joined(neutral, Bytes(32))).value());
}

TEST(Sign, Ed25519KeyThatIsNoPointVerifiesNothing) {
  Bytes no_point(32);
  no_point[0] = 2;
  EXPECT_FALSE(verify({KeyKind::kEd25519, no_point}, {}, Bytes(64)).value_or(false));
}

TEST_F(P256, AcceptsTheHighAndTheLowFormOfS) {
  const ByteSpan r = ByteSpan(signature).first(32);
  const ByteSpan s = ByteSpan(signature).last(32);
  EXPECT_TRUE(verify(verifying, message, joined(r, s)).value());
  EXPECT_TRUE(verify(verifying, message, joined(r, minus(hex(kP256Order), s))).value());
}

TEST_F(P256, ROrSOutOfRangeIsAnErrorNotJustFalse) {
  const Bytes zero(32);
  const Bytes order = hex(kP256Order);
  const Bytes all_ones(32, 0xff);
  const ByteSpan r = ByteSpan(signature).first(32);
  const ByteSpan s = ByteSpan(signature).last(32);
  for (const Bytes& bad : {zero, order, all_ones}) {
    expect_error(joined(bad, s));
    expect_error(joined(r, bad));
  }
  const Bytes largest = minus(order, joined(Bytes(31), Bytes(1, 1)));  // n - 1 is in range
  EXPECT_FALSE(verify(verifying, message, joined(largest, largest)).value());
}

TEST_F(P256, APublicKeyThatIsNoUncompressedPointIsAnError) {
  VerifyingKey off_curve = verifying;
  off_curve.bytes[64] ^= 1;
  EXPECT_FALSE(verify(off_curve, message, signature));
  for (std::uint8_t form : {0x00, 0x02, 0x03, 0x05, 0x06, 0x07}) {
    VerifyingKey other = verifying;
    other.bytes[0] = form;
    EXPECT_FALSE(verify(other, message, signature)) << int{form};
  }
  EXPECT_FALSE(verify({KeyKind::kP256, joined(Bytes(1, 4), Bytes(64))}, message, signature));
}

TEST_F(P256, SecretsOutOfRangeSignNothing) {
  const Bytes order = hex(kP256Order);
  for (const Bytes& bad : {Bytes(32), order, Bytes(32, 0xff)}) {
    const SigningKey bad_key{KeyKind::kP256, Secret<32>::from_span(bad)};
    EXPECT_FALSE(public_key(bad_key));
    EXPECT_FALSE(sign(bad_key, message));
  }
  const Bytes largest = minus(order, joined(Bytes(31), Bytes(1, 1)));
  const SigningKey last{KeyKind::kP256, Secret<32>::from_span(largest)};
  EXPECT_TRUE(verify(public_key(last).value(), message, sign(last, message).value()).value());
}

TEST_F(P256, GenerationRedrawsWhatIsOutOfRange) {
  struct OnesThenSevens : Rng {
    void fill(MutableByteSpan out) override {
      std::memset(out.data(), calls++ == 0 ? 0xff : 7, out.size());
    }
    int calls = 0;
  } rng;
  EXPECT_TRUE(generate_signing_key(KeyKind::kP256, rng).secret ==
              Secret<32>::from_span(Bytes(32, 7)));
}

// Equal nonces under one key would give the key away.
TEST_F(P256, TwoSignaturesNeverShareANonce) {
  const Signature again = sign(key, message).value();
  EXPECT_FALSE(equal(ByteSpan(again).first(32), ByteSpan(signature).first(32)));
}

TEST_F(P256, RefusalsLeaveNothingInOpensslsErrorQueue) {
  VerifyingKey off_curve = verifying;
  off_curve.bytes[64] ^= 1;
  EXPECT_FALSE(verify(off_curve, message, signature));
  EXPECT_FALSE(verify(verifying, as_bytes("other"), signature).value());
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace weir
