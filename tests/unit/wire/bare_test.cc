#include "dataplane/wire/bare.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace weir::wire {
namespace {

TEST(Bare, AHugeAnnouncedCountCostsNothing) {
  for (const char* text : {"ffffffffffffffffff01", "ffffff7f0000", "8094ebdc030000"}) {
    const Bytes in = hex(text);
    Route route;
    EXPECT_FALSE(BareReader(in).route(route)) << text;
  }
}

TEST(Bare, TheTracingOptionNeverMakesAMessageFail) {
  for (const char* tail : {"", "00", "02", "01", "0105", "0101ff", "010261"}) {
    const auto message = decode_bare_message(hex(std::string("020000026869") + tail));
    ASSERT_TRUE(message.has_value()) << tail;
    EXPECT_EQ(message->tracing, std::nullopt) << tail;
  }
  EXPECT_EQ(decode_bare_message(hex("02000002686901027b7d")).value().tracing, "{}");
  EXPECT_EQ(decode_bare_message(hex("01000002686901027b7d")).value().tracing, std::nullopt);
}

TEST(Bare, MalformedMessagesAreRefused) {
  for (const char* text :
       {"", "00", "01", "02", "0200", "020000", "02000001", "0200000561", "0201000000",
        "020100056100", "0280", "0200800000", "03000000", "ff000000", "02010000", "02000080"}) {
    const Bytes in = hex(text);
    const bool padded = std::string_view(text) == "0200800000";  // a padded zero is a legal count
    EXPECT_EQ(decode_bare_message(in).has_value(), padded) << text;
  }
}

TEST(Bare, TheFirstFailureSticks) {
  const Bytes in = hex("0561");
  BareReader reader(in);
  ByteSpan bytes;
  std::uint8_t byte = 0;
  EXPECT_FALSE(reader.bytes(bytes));
  EXPECT_FALSE(reader.u8(byte));
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace weir::wire
