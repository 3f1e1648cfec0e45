#include "dataplane/wire/channel_message.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace weir::wire {
namespace {

struct Case {
  const char* bytes;
  const char* why;
};

ParseResult parse(Bytes& in, Bytes& scratch, ChannelPlaintext& out) {
  scratch.resize(scratch_bytes(in.size()));
  return parse_channel_plaintext(in, scratch, out);
}

// Payload "hello" to echo, return route me.
constexpr Case kPayloads[] = {
    {"82820081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "40",
     "as it is sent"},
    {"82820081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "43000000",
     "padded"},
    {"82820081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "40"
     "dead",
     "bytes behind"},
    {"9f820081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "40"
     "ff",
     "indefinite outer array"},
    {"83820081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "40"
     "00",
     "surplus element"},
    {"8282009f838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "ff40",
     "indefinite fields"},
    {"82820082838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "0040",
     "surplus field"},
    {"82820081848182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "0040",
     "surplus in the message"},
    {"828200819f8182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "ff40",
     "indefinite message"},
    {"8282180081838182004465"
     "63686f"
     "818200426d65"
     "4568656c6c6f"
     "40",
     "longer variant"},
    {"82820081838182005804"
     "6563686f"
     "81820058026d65"
     "580568656c6c6f"
     "5800",
     "nothing canonical"},
};

constexpr Case kRefused[] = {
    {"", "nothing"},
    {"82", "cut"},
    {"8282008183808040", "padding missing"},
    {"828200818380804000", "padding is a number"},
    {"8282008183808040f6", "padding is null"},
    {"828200818380804060", "padding is text"},
    {"82820081838080405f40ff", "padding of indefinite length"},
    {"828200818380804041", "padding cut"},
    {"8282008182808040", "two fields"},
    {"828200818380804", "odd"},
    {"828200808040", "no field"},
    {"828200f640", "fields are null"},
    {"828200"
     "8240"
     "40",
     "fields are no message"},
    {"8282008183f6804040", "onward is null"},
    {"828200818380f64040", "return is null"},
    {"82820081838080f640", "payload is null"},
    {"8282008183808060"
     "40",
     "payload is text"},
    {"828200818380805f40ff40", "payload of indefinite length"},
    {"828200818380805bffffffffffffffff40", "payload of 2^64 - 1 bytes"},
    {"828200818381820040", "cut"},
    {"8283008183808040"
     "40"
     "40",
     "enum of three"},
    {"829f0081838080"
     "40ff40",
     "indefinite enum"},
    {"828120"
     "40",
     "negative variant"},
    {"82820381"
     "00"
     "40",
     "unknown variant"},
    {"82821b0000000100000000"
     "80"
     "40",
     "variant above 32 bits"},
    {"a0", "map"},
    {"828202", "Close cut"},
    {"82820280", "Close without padding"},
    {"82820181", "Refresh cut"},
    {"828201811c40", "Refresh is no CBOR"},
};

TEST(ChannelMessage, EveryFormThatOckamAcceptsMeansTheSame) {
  for (const Case& c : kPayloads) {
    Bytes in = hex(c.bytes);
    Bytes scratch;
    ChannelPlaintext out;
    ASSERT_EQ(parse(in, scratch, out), ParseResult::kOk) << c.why;
    EXPECT_EQ(out.variant, ChannelVariant::kPayload);
    EXPECT_EQ(Route(out.onward), Route({Address::local("echo")})) << c.why;
    EXPECT_EQ(Route(out.ret), Route({Address::local("me")})) << c.why;
    EXPECT_EQ(as_text(out.payload), "hello") << c.why;
  }
}

TEST(ChannelMessage, MalformedPlaintextsAreRefused) {
  static_assert(std::size(kRefused) > std::size(kPayloads));
  for (const Case& c : kRefused) {
    const auto bytes = from_hex(c.bytes);
    Bytes in = bytes.value_or(hex("8282008183808040"));
    Bytes scratch;
    ChannelPlaintext out;
    EXPECT_EQ(parse(in, scratch, out), ParseResult::kMalformed) << c.why;
    EXPECT_EQ(parse_channel_plaintext(in, {}, out), ParseResult::kMalformed) << c.why;
  }
}

TEST(ChannelMessage, ScratchIsAskedForOnlyWhenARouteIsNotCanonical) {
  for (const Case& c : kPayloads) {
    Bytes in = hex(c.bytes);
    ChannelPlaintext out;
    const bool rewritten = std::string_view(c.why) == "nothing canonical";
    EXPECT_EQ(parse_channel_plaintext(in, {}, out),
              rewritten ? ParseResult::kNeedsScratch : ParseResult::kOk)
        << c.why;
  }
}

TEST(ChannelMessage, CloseAndRefreshGoTheirWay) {
  Bytes in(kChannelClose.begin(), kChannelClose.end());
  ChannelPlaintext out;
  ASSERT_EQ(parse_channel_plaintext(in, {}, out), ParseResult::kOk);
  EXPECT_EQ(out.variant, ChannelVariant::kClose);
  for (const char* close : {"828202f640", "8282028182004040", "828202004101"}) {
    in = hex(close);  // what follows the variant is skipped, whatever it is
    ASSERT_EQ(parse_channel_plaintext(in, {}, out), ParseResult::kOk) << close;
    EXPECT_EQ(out.variant, ChannelVariant::kClose);
  }
  const Bytes fields = hex("8182408101");
  in = encode_channel_refresh(fields);
  ASSERT_EQ(parse_channel_plaintext(in, {}, out), ParseResult::kOk);
  EXPECT_EQ(out.variant, ChannelVariant::kRefresh);
  EXPECT_EQ(to_bytes(out.body), fields);
  EXPECT_TRUE(out.payload.empty() && out.onward.empty() && out.ret.empty());
}

TEST(ChannelMessage, PlaintextsOfRealChannelsReadAndAreWrittenToTheByte) {
  VectorCount count("secure_channel.channels[].data (plaintext only)");
  const Json json = load_vectors("secure_channel.json");
  for (const Json& channel : json["channels"]) {
    if (!channel.contains("data")) {
      continue;
    }
    for (const Json& v : channel["data"]) {
      if (!v.contains("plaintext") || !v.contains("sent")) {
        continue;
      }
      Bytes in = vector_bytes(v["plaintext"]);
      const Bytes copy = in;
      ChannelPlaintext out;
      ASSERT_EQ(parse_channel_plaintext(in, {}, out), ParseResult::kOk);
      EXPECT_EQ(out.variant, ChannelVariant::kPayload);
      EXPECT_EQ(encode_channel_payload(out.onward, out.ret, out.payload), copy);
      ++count;
    }
  }
}

}  // namespace
}  // namespace weir::wire
