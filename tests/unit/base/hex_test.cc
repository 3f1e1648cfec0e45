#include "base/hex.h"

#include <gtest/gtest.h>

namespace weir {
TEST(Hex, RoundTripsAndRefusesOddOrForeignDigits) {
  EXPECT_EQ(to_hex(*from_hex("00fFa1")), "00ffa1");
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(from_hex(" 00"));
  EXPECT_TRUE(from_hex("")->empty());
}
}  // namespace weir
