#include "dataplane/wire/cbor.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace weir::wire {
namespace {

struct Case {
  const char* bytes;
  const char* why;
};

bool reads_u8(const Bytes& in) {
  std::uint8_t value = 0;
  return CborReader(in).u8(value);
}
bool reads_u64(const Bytes& in) {
  std::uint64_t value = 0;
  return CborReader(in).u64(value);
}
bool reads_bytes(const Bytes& in) {
  ByteSpan value;
  return CborReader(in).bytes(value);
}
bool reads_text(const Bytes& in) {
  std::string_view value;
  return CborReader(in).text(value);
}
bool reads_variant(const Bytes& in) {
  std::uint64_t value = 0;
  return CborReader(in).enum_variant(value);
}
bool skips_all(const Bytes& in) {
  CborReader reader(in);
  return reader.skip() && reader.at_end();
}

void expect_all(bool (*reads)(const Bytes&), std::initializer_list<Case> cases, bool want) {
  for (const Case& c : cases) {
    EXPECT_EQ(reads(hex(c.bytes)), want) << c.bytes << ": " << c.why;
  }
}

TEST(Cbor, IntegersOfAnyWidthThatFitAreRead) {
  expect_all(reads_u8,
             {{"00", "zero"},
              {"17", "largest in the head"},
              {"1801", "not shortest"},
              {"190001", "16 bits"},
              {"1a00000001", "32 bits"},
              {"1b00000000000000ff", "64 bits"}},
             true);
  expect_all(reads_u8,
             {{"", "nothing"},
              {"18", "cut"},
              {"1900", "cut"},
              {"190100", "256"},
              {"1a00000100", "256"},
              {"1b0000000000000100", "256"},
              {"20", "negative"},
              {"1c", "reserved"},
              {"1f", "indefinite integer"},
              {"f6", "null"},
              {"f4", "bool"},
              {"c000", "tag"},
              {"40", "bytes"}},
             false);
  expect_all(reads_u64, {{"1bffffffffffffffff", "largest"}}, true);
  expect_all(reads_u64, {{"1bffffffffffffff", "cut"}, {"3bffffffffffffffff", "negative"}}, false);
}

TEST(Cbor, NegativeIntegersStayInsideTheirRange) {
  const auto read = [](const char* text, std::int64_t& value) {
    const Bytes in = hex(text);
    return CborReader(in).i64(value);
  };
  std::int64_t value = 0;
  EXPECT_TRUE(read("20", value) && value == -1);
  EXPECT_TRUE(read("3863", value) && value == -100);
  EXPECT_TRUE(read("3b7fffffffffffffff", value) && value == INT64_MIN);
  EXPECT_TRUE(read("1b7fffffffffffffff", value) && value == INT64_MAX);
  EXPECT_FALSE(read("3b8000000000000000", value));
  EXPECT_FALSE(read("1b8000000000000000", value));
  EXPECT_FALSE(read("", value));
}

TEST(Cbor, StringsOfIndefiniteLengthOrCutShortAreRefused) {
  expect_all(reads_bytes,
             {{"40", "empty"},
              {"4161", "one"},
              {"580161", "not shortest"},
              {"5b000000000000000161", "64 bits"}},
             true);
  expect_all(reads_bytes,
             {{"", "nothing"},
              {"41", "cut"},
              {"5801", "cut"},
              {"5bffffffffffffffff61", "huge"},
              {"5f4161ff", "indefinite"},
              {"6161", "text"},
              {"8161", "array"},
              {"5c", "reserved"}},
             false);
  expect_all(reads_text,
             {{"60", "empty"},
              {"627b7d", "ascii"},
              {"62c3a9", "two bytes"},
              {"63e282ac", "three"},
              {"64f09f9880", "four"},
              {"680a0d090020217e7f", "controls"}},
             true);
  expect_all(reads_text,
             {{"61ff", "no such byte"},
              {"61c3", "cut sequence"},
              {"62c0af", "overlong"},
              {"63e08080", "overlong"},
              {"63eda080", "surrogate"},
              {"64f0808080", "overlong"},
              {"64f4908080", "above U+10FFFF"},
              {"64f5808080", "no such byte"},
              {"6180", "stray"},
              {"7f6161ff", "indefinite"},
              {"4161", "bytes"},
              {"62", "cut"},
              {"6961616161616161e2ff", "cut behind a full word"}},
             false);
}

TEST(Cbor, EnumsAreDefiniteArraysOfExactlyTwo) {
  expect_all(reads_variant,
             {{"8200", "zero"}, {"980201", "not shortest"}, {"821800", "not shortest"}}, true);
  expect_all(reads_variant,
             {{"00", "index only"},
              {"8100", "one"},
              {"8300", "three"},
              {"9f00", "indefinite"},
              {"8220", "negative"},
              {"821b0000000100000000", "above 32 bits"},
              {"82", "cut"}},
             false);
}

TEST(Cbor, ArraysAndMapsAreWalkedInBothForms) {
  for (const char* text : {"83010203", "9f010203ff", "9803010203"}) {
    const Bytes in = hex(text);
    CborReader reader(in);
    ArrayHead items;
    ASSERT_TRUE(reader.array(items));
    std::uint64_t sum = 0;
    while (reader.next(items)) {
      std::uint64_t value = 0;
      reader.u64(value);
      sum += value;
    }
    EXPECT_TRUE(reader.ok() && reader.at_end());
    EXPECT_EQ(sum, 6u);
  }
  for (const char* text : {"a201020304", "bf01020304ff"}) {
    const Bytes in = hex(text);
    CborReader reader(in);
    MapHead items;
    ASSERT_TRUE(reader.map(items) && reader.next(items));
    EXPECT_TRUE(reader.skip() && reader.skip() && reader.skip_rest(items));
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(Cbor, TheFirstFailureSticks) {
  const Bytes in = hex("0102");
  CborReader reader(in);
  bool flag = false;
  EXPECT_FALSE(reader.boolean(flag));
  std::uint64_t value = 0;
  EXPECT_FALSE(reader.u64(value));
  EXPECT_FALSE(reader.skip());
  EXPECT_FALSE(reader.ok());
}

TEST(Cbor, AnyItemIsSkipped) {
  expect_all(skips_all,
             {{"00", "integer"},
              {"3bffffffffffffffff", "largest negative"},
              {"5f41614162ff", "chunks"},
              {"7f6161ff", "chunks"},
              {"5fff", "no chunk"},
              {"830182020383040506", "x"},
              {"9f9f9fffffff", "nested"},
              {"a1018102", "map"},
              {"bf0102ff", "map"},
              {"c0c001", "tags"},
              {"f6", "null"},
              {"f818", "simple"},
              {"f97e00", "half"},
              {"fa00000000", "float"},
              {"fb0000000000000000", "double"},
              {"829f01ff02", "indefinite inside"},
              {"83019f019f02ff03ff04", "indefinite inside, deeper"},
              {"829fbf0102ffff02", "x"}},
             true);
  expect_all(skips_all,
             {{"", "nothing"},
              {"81", "cut"},
              {"9f", "no break"},
              {"5f", "no break"},
              {"5f6161ff", "text chunk"},
              {"7f4161ff", "bytes chunk"},
              {"5f5f4161ffff", "chunk in a chunk"},
              {"a101", "cut"},
              {"bf01", "cut"},
              {"c0", "tag without item"},
              {"1c", "reserved"},
              {"fc", "reserved"},
              {"dc", "reserved"},
              {"9c", "reserved"},
              {"61ff", "not UTF-8"},
              {"9bffffffffffffffff", "huge"},
              {"bbffffffffffffffff00", "huge"},
              {"829f01", "cut"},
              {"f8", "cut"},
              {"fb00", "cut"}},
             false);
}

TEST(Cbor, DeepNestingCostsNoStackAndNoMemory) {
  Bytes deep(1'000'000, 0x81);
  deep.push_back(0x00);
  EXPECT_TRUE(skips_all(deep));
  Bytes indefinite(1'000'000, 0x9f);
  indefinite.insert(indefinite.end(), 1'000'000, 0xff);
  EXPECT_TRUE(skips_all(indefinite));
  Bytes mixed;  // an indefinite item inside a definite one with more behind it, over and over
  for (int i = 0; i < 100'000; ++i) {
    mixed.insert(mixed.end(), {0x82, 0x9f});
  }
  EXPECT_FALSE(skips_all(mixed));
}

TEST(Cbor, WritingIsShortestAndReadsBack) {
  for (const std::uint64_t value : {0ull, 23ull, 24ull, 255ull, 256ull, 65535ull, 65536ull,
                                    4294967295ull, 4294967296ull, ~0ull}) {
    Bytes out;
    CborWriter(out).u64(value);
    EXPECT_EQ(out.size(), value < 24           ? 1u
                          : value < 256        ? 2u
                          : value < 65536      ? 3u
                          : value < 4294967296 ? 5u
                                               : 9u);
    std::uint64_t back = 1;
    CborReader reader(out);
    EXPECT_TRUE(reader.u64(back) && reader.at_end());
    EXPECT_EQ(back, value);
  }
  Bytes out;
  CborWriter(out).map(2).u64(1).text("a").u64(2).array(3).boolean(true).null().bytes(hex("ff")).i64(
      -500);
  EXPECT_EQ(to_hex(out),
            "a2016161"
            "0283f5f641ff"
            "3901f3");
  Bytes variant;
  CborWriter(variant).enum_variant(2).array(0);
  EXPECT_EQ(to_hex(variant), "820280");
}

}  // namespace
}  // namespace weir::wire
