#include "dataplane/wire/message.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "dataplane/wire/channel_message.h"
#include "vectors.h"

namespace weir::wire {
namespace {

struct Case {
  const char* bytes;
  const char* why;
};

struct Parsed {
  Bytes body;
  Bytes scratch;
  MessageView view;
  ParseResult result;
};

Parsed parse(Bytes body, bool with_scratch = true) {
  Parsed out;
  out.body = std::move(body);
  if (with_scratch) {
    out.scratch.resize(scratch_bytes(out.body.size()));
  }
  out.result = parse_message(out.body, out.scratch, out.view);
  return out;
}

// echo / me / hi in every form that minicbor takes.
constexpr Case kAccepted[] = {
    {"848182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d",
     "as it is sent"},
    {"838182004465"
     "63686f"
     "818200426d65"
     "426869",
     "no tracing"},
    {"848182004465"
     "63686f"
     "818200426d65"
     "426869"
     "f6",
     "null tracing"},
    {"848182004465"
     "63686f"
     "818200426d65"
     "426869"
     "7802"
     "7b7d",
     "longer text head"},
    {"858182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d"
     "9f01ff",
     "surplus element"},
    {"9f8182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7dff",
     "indefinite"},
    {"9f8182004465"
     "63686f"
     "818200426d65"
     "426869ff",
     "indefinite, no tracing"},
    {"98048182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d",
     "longer array head"},
    {"848182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d"
     "dead",
     "bytes behind"},
    {"8498018200446563686f"
     "818200426d65"
     "426869"
     "627b7d",
     "longer route head"},
    {"849f8200446563686fff"
     "818200426d65"
     "426869"
     "627b7d",
     "indefinite route"},
    {"84818218004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d",
     "longer type"},
    {"848182005804"
     "6563686f"
     "818200426d65"
     "426869"
     "627b7d",
     "longer value head"},
    {"84819f00446563686fff"
     "818200426d65"
     "426869"
     "627b7d",
     "indefinite address"},
    {"84818300446563686ff6"
     "818200426d65"
     "426869"
     "627b7d",
     "address with a surplus element"},
    {"848198020044"
     "6563686f"
     "818200426d65"
     "426869"
     "627b7d",
     "longer address head"},
    {"848182004465"
     "63686f"
     "81820058026d65"
     "426869"
     "627b7d",
     "return route not canonical"},
    {"848182005804"
     "6563686f"
     "9f820058026d65ff"
     "5a000000026869"
     "f6",
     "everything at once"},
    {"858182004465"
     "63686f"
     "818200426d65"
     "426869"
     "627b7d"
     "ff",
     "a stray break as surplus element"},
};

constexpr Case kRefused[] = {
    {"", "nothing"},
    {"84", "nothing in it"},
    {"a0", "map"},
    {"80", "no field"},
    {"8180", "one field"},
    {"828080", "two fields"},
    {"9f8080ff", "two fields"},
    {"9f808040", "no break"},
    {"840080"
     "40"
     "f6",
     "route is a number"},
    {"83f68040", "onward is null"},
    {"8380f640", "return is null"},
    {"838080f6", "payload is null"},
    {"83808061"
     "61",
     "payload is text"},
    {"8380805f"
     "4161ff",
     "payload of indefinite length"},
    {"83808080", "payload is an array"},
    {"83808041", "payload cut"},
    {"8380805bffffffffffffffff", "payload of 2^64 - 1 bytes"},
    {"8380805b7fffffffffffffff00", "payload of 2^63 - 1 bytes"},
    {"838080", "payload missing"},
    {"84808040", "fourth element missing"},
    {"8480804000", "tracing is a number"},
    {"848080404161", "tracing is bytes"},
    {"84808040f4", "tracing is a bool"},
    {"84808040f7", "tracing is undefined"},
    {"8480804061ff", "tracing is not UTF-8"},
    {"8480804062ff", "tracing cut"},
    {"848080407f6161ff", "tracing of indefinite length"},
    {"83818200418040", "address value swallows the rest"},
    {"83818100"
     "8040",
     "address of one element"},
    {"8381808040", "address of no element"},
    {"83819f00ff8040", "address of one element"},
    {"838182190100"
     "4161"
     "8040",
     "type 256"},
    {"83818220"
     "4161"
     "8040",
     "negative type"},
    {"838182f6"
     "4161"
     "8040",
     "null type"},
    {"83818200"
     "6161"
     "8040",
     "value is text"},
    {"83818200"
     "5f4161ff"
     "8040",
     "value of indefinite length"},
    {"83818200"
     "f6"
     "8040",
     "value is null"},
    {"8381c08200"
     "4161"
     "8040",
     "tagged address"},
    {"83c080"
     "8040",
     "tagged route"},
    {"83828200"
     "4161"
     "8040",
     "route cut"},
    {"839bffffffffffffffff"
     "8040",
     "route of 2^64 - 1 addresses"},
    {"839a7fffffff"
     "8040",
     "route of 2^31 - 1 addresses"},
    {"839f8200"
     "4161"
     "8040",
     "route without break"},
    {"8380808080", "four routes"},
    {"8580804060", "surplus element missing"},
    {"85808040601c", "surplus element is no CBOR"},
};

TEST(Message, EveryFormThatOckamAcceptsMeansTheSame) {
  for (const Case& c : kAccepted) {
    const Parsed p = parse(hex(c.bytes));
    ASSERT_EQ(p.result, ParseResult::kOk) << c.why;
    EXPECT_EQ(Route(p.view.onward), Route({Address::local("echo")})) << c.why;
    EXPECT_EQ(Route(p.view.ret), Route({Address::local("me")})) << c.why;
    EXPECT_EQ(as_text(p.view.payload), "hi") << c.why;
    EXPECT_GE(p.view.payload.data(), p.body.data());
    EXPECT_LE(p.view.payload.data() + p.view.payload.size(), p.body.data() + p.body.size());
  }
}

TEST(Message, MalformedFramesAreRefusedWithAndWithoutScratch) {
  static_assert(std::size(kRefused) > std::size(kAccepted));
  for (const Case& c : kRefused) {
    EXPECT_EQ(parse(hex(c.bytes)).result, ParseResult::kMalformed) << c.why;
    EXPECT_EQ(parse(hex(c.bytes), false).result, ParseResult::kMalformed) << c.why;
  }
}

TEST(Message, EveryPrefixOfALegalFrameIsRefused) {
  for (const Case& c : kAccepted) {
    const Bytes whole = hex(c.bytes);
    if (std::string_view(c.why) == "bytes behind") {
      continue;
    }
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(
          parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))).result,
          ParseResult::kMalformed)
          << c.why << " " << size;
    }
  }
}

TEST(Message, OnlyAddressesThatAreNotCanonicalNeedScratch) {
  for (const Case& c : kAccepted) {
    const std::string_view why = c.why;
    const bool rewritten = why == "longer type" || why == "longer value head" ||
                           why == "indefinite address" || why == "address with a surplus element" ||
                           why == "longer address head" || why == "return route not canonical" ||
                           why == "everything at once";
    EXPECT_EQ(parse(hex(c.bytes), false).result,
              rewritten ? ParseResult::kNeedsScratch : ParseResult::kOk)
        << why;
  }
}

Bytes long_route(std::uint32_t count, bool canonical) {
  Bytes out;
  CborWriter writer(out);
  writer.array(4).array(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    writer.array(2).u64(0);
    if (canonical) {
      writer.bytes(hex("78"));
    } else {
      writer.raw(hex("580178"));
    }
  }
  writer.array(0).bytes(hex("01")).text("{}");
  return out;
}

TEST(Message, ARouteOfAHundredThousandAddressesCostsOnlyItsBytes) {
  for (const bool canonical : {true, false}) {
    const Parsed p = parse(long_route(100'000, canonical));
    ASSERT_EQ(p.result, ParseResult::kOk);
    EXPECT_EQ(p.view.onward.count, 100'000u);
    EXPECT_EQ(p.view.onward.items.size(), 400'000u);
    std::uint32_t seen = 0;
    for (RouteView rest = p.view.onward; !rest.empty(); rest = rest.rest()) {
      seen += as_text(rest.front().value) == "x";
    }
    EXPECT_EQ(seen, 100'000u);
    EXPECT_EQ(as_text(p.view.onward.at(99'999).value), "x");
  }
}

TEST(Message, AddressesOf64KiBAndOfTypesUnknownArePassedOnUnchanged) {
  const Route onward({Address(0, std::string(65536, 'a')), Address(255, std::string("\xff\0", 2)),
                      Address(24, "")});
  const Parsed p = parse(encode_message(onward.view(), {}, {}));
  ASSERT_EQ(p.result, ParseResult::kOk);
  EXPECT_EQ(Route(p.view.onward), onward);
  EXPECT_EQ(p.view.onward, onward.view());
  EXPECT_TRUE(p.view.ret.empty());
  EXPECT_TRUE(p.view.payload.empty());
}

TEST(Message, AFrameWithAnEmptyOnwardRouteIsAHeartbeatNotAnError) {
  const Parsed p = parse(hex("84808040f6"));
  ASSERT_EQ(p.result, ParseResult::kOk);
  EXPECT_TRUE(p.view.onward.empty());
}

// A relay's hop in one buffer: the head grows or shrinks, the payload stays where it is.
TEST(Message, RewritingInPlaceKeepsRoutesAndPayload) {
  SeededRng rng(7);
  const auto random_route = [&](std::uint64_t addresses) {
    Route route;
    for (; addresses > 0; --addresses) {
      route.push_back(rng.chance(500)
                          ? Address::local(std::string(32, static_cast<char>('a' + rng.below(26))))
                          : Address(static_cast<std::uint8_t>(rng.below(256)),
                                    std::string(rng.below(300), 'v')));
    }
    return route;
  };
  for (int round = 0; round < 2000; ++round) {
    const Route onward = random_route(1 + rng.below(rng.chance(100) ? 40 : 4));
    const Route ret = random_route(rng.below(rng.chance(100) ? 40 : 4));
    const Bytes payload(rng.below(rng.chance(200) ? 70000 : 300), 'p');
    const Address own = Address::local(std::string(rng.chance(800) ? 32 : rng.below(60), 'o'));
    const Bytes own_encoded = own.encode();
    const Bytes forward = random_route(1).view().count ? Address::local("fwd").encode() : Bytes();

    const bool channel = rng.chance(500);
    const Bytes message = channel ? encode_channel_payload(onward.view(), ret.view(), payload)
                                  : encode_message(onward.view(), ret.view(), payload);
    constexpr std::size_t kRoom = 4096;
    Bytes buffer(kRoom + message.size(), 0xee);
    std::copy(message.begin(), message.end(), buffer.begin() + kRoom);
    MutableByteSpan body = MutableByteSpan(buffer).subspan(kRoom);
    RouteView in_onward;
    RouteView in_ret;
    MutableByteSpan in_payload;
    if (channel) {
      ChannelPlaintext view;
      ASSERT_EQ(parse_channel_plaintext(body, {}, view), ParseResult::kOk);
      in_onward = view.onward, in_ret = view.ret, in_payload = view.payload;
    } else {
      MessageView view;
      ASSERT_EQ(parse_message(body, {}, view), ParseResult::kOk);
      in_onward = view.onward, in_ret = view.ret, in_payload = view.payload;
    }

    const bool replace = rng.chance(500);  // the popped hop is replaced by a forward route
    const RouteView rest = in_onward.rest();
    const HeadRoute out{replace ? ByteSpan(forward) : ByteSpan(), rest.items,
                        rest.count + (replace ? 1 : 0)};
    const HeadRoute back{own_encoded, in_ret.items, in_ret.count + 1};
    Route want_onward = onward.rest();
    if (replace) {
      want_onward.push_front(Address::local("fwd"));
    }
    Route want_ret = ret;
    want_ret.push_front(own);

    if (channel) {
      const std::uint8_t* head = put_channel_head(in_payload.data(), out, back, in_payload.size());
      EXPECT_EQ(static_cast<std::size_t>(in_payload.data() - head),
                channel_head_bytes(out, back, in_payload.size()));
      Bytes written(head, static_cast<const std::uint8_t*>(in_payload.data()) + in_payload.size());
      written.push_back(kChannelTrailer);
      EXPECT_EQ(written, encode_channel_payload(want_onward.view(), want_ret.view(), payload));
    } else {
      const std::uint8_t* head =
          put_transport_head(in_payload.data(), out, back, in_payload.size());
      EXPECT_EQ(static_cast<std::size_t>(in_payload.data() - head),
                transport_head_bytes(out, back, in_payload.size()));
      Bytes written(head + kFramePrefixBytes,
                    static_cast<const std::uint8_t*>(in_payload.data()) + in_payload.size());
      written.insert(written.end(), kTracingTrailer.begin(), kTracingTrailer.end());
      EXPECT_EQ(written, encode_message(want_onward.view(), want_ret.view(), payload));
      EXPECT_EQ(load_be32(head), written.size());
    }
    if (HasFailure()) {
      FAIL() << "round " << round;
    }
  }
}

// The same where the payload head or the popped hop was so long that everything moves right.
TEST(Message, RewritingInPlaceWorksWhenTheHeadShrinks) {
  const Route onward({Address::local(std::string(300, 'x')), Address::local("next")});
  const Route ret({Address::local("back")});
  Bytes message;
  CborWriter(message)
      .array(4)
      .array(2)
      .raw(onward.view().items)
      .array(1)
      .raw(ret.view().items)
      .raw(hex("5b0000000000000003"))
      .raw(as_bytes("abc"))
      .text("{}");
  MessageView view;
  ASSERT_EQ(parse_message(message, {}, view), ParseResult::kOk);
  const RouteView rest = view.onward.rest();
  const std::uint8_t* head =
      put_transport_head(view.payload.data(), HeadRoute::of(rest), HeadRoute::of(view.ret), 3);
  EXPECT_EQ(Bytes(head + 4, static_cast<const std::uint8_t*>(view.payload.data()) + 3),
            hex("8481820044"
                "6e657874"
                "81820044"
                "6261636b"
                "43"
                "616263"));
}

}  // namespace
}  // namespace weir::wire
