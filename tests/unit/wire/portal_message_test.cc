// portal.json and the extensions of spec/09. Not run here: portal.json `kafka` (Kafka portals are a
// later step).
#include "dataplane/wire/portal_message.h"

#include <gtest/gtest.h>

#include <map>

#include "vectors.h"

namespace weir::wire {
namespace {

const std::map<std::string, PortalKind> kKinds = {{"Ping", PortalKind::kPing},
                                                  {"Pong", PortalKind::kPong},
                                                  {"Disconnect", PortalKind::kDisconnect},
                                                  {"Payload", PortalKind::kPayload}};

Bytes payload_of(const Json& message) {
  if (message.contains("length")) {
    return Bytes(message["length"], message["byte"].get<std::uint8_t>());
  }
  return vector_bytes(message["payload"]);
}

Bytes encode(const Json& message) {
  const PortalKind kind = kKinds.at(message["variant"]);
  std::uint8_t head[kPayloadHeadBytesMax];
  if (kind != PortalKind::kPayload) {
    return Bytes(head, head + put_portal_simple(head, kind));
  }
  const Bytes payload = payload_of(message);
  const std::size_t size = put_payload_head(head, payload.size());
  EXPECT_EQ(size, payload_head_bytes(payload.size()));
  Bytes out(head, head + size);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

void expect_message(const Json& want, const PortalMessage& got) {
  EXPECT_EQ(got.kind, kKinds.at(want["variant"]));
  if (got.kind != PortalKind::kPayload) {
    return;
  }
  EXPECT_EQ(to_bytes(got.payload), payload_of(want));
  EXPECT_EQ(got.has_counter, !want["counter"].is_null());
  if (got.has_counter) {
    EXPECT_EQ(got.counter, want["counter"].get<int>());
  }
}

TEST(PortalMessage, VectorsAreWrittenToTheByte) {
  VectorCount count("portal.encode");
  const Json json = load_vectors("portal.json");
  for (const Json& v : json["encode"]) {
    Bytes encoded = vector_bytes(v["encoded"]);
    EXPECT_EQ(encode(v["message"]), encoded);
    PortalMessage got;
    EXPECT_EQ(parse_portal_message(encoded, got), ParseResult::kOk);
    ++count;
  }
}

TEST(PortalMessage, VectorsAreReadAsOckamReadsThem) {
  VectorCount count("portal.decode");
  const Json json = load_vectors("portal.json");
  for (const Json& v : json["decode"]) {
    Bytes encoded = vector_bytes(v["encoded"]);
    PortalMessage got;
    ASSERT_EQ(parse_portal_message(encoded, got) == ParseResult::kOk, v["ok"].get<bool>()) << v;
    if (v["ok"].get<bool>()) {
      expect_message(v["message"], got);
    }
    ++count;
  }
}

TEST(PortalMessage, ConversationsOfARealInletAndOutletAreRead) {
  VectorCount count("portal.captured_portals (messages)");
  const Json json = load_vectors("portal.json");
  for (const Json& portal : json["captured_portals"]) {
    for (const Json& v : portal["messages"]) {
      Bytes encoded = encode(v["message"]);
      if (v["encoded"].is_string()) {
        EXPECT_EQ(encoded, vector_bytes(v["encoded"]));
      } else {  // a long one: its first bytes and its length
        const Bytes head = hex(v["encoded"]["hex"].get<std::string>());
        ASSERT_EQ(encoded.size(), v["encoded"]["length"].get<std::size_t>());
        EXPECT_TRUE(std::equal(head.begin(), head.end(), encoded.begin()));
      }
      PortalMessage got;
      ASSERT_EQ(parse_portal_message(encoded, got), ParseResult::kOk) << v;
      expect_message(v["message"], got);
      ++count;
    }
  }
}

TEST(PortalMessage, CapabilitiesTravelOnPingAndPongOnly) {
  for (const PortalKind kind : {PortalKind::kPing, PortalKind::kPong}) {
    for (const PortalCap& cap :
         {PortalCap{1, 7, 262144}, PortalCap{2, 0, 0}, PortalCap{~0ull, ~0ull, ~0ull}}) {
      Bytes out(kPortalControlBytesMax);
      out.resize(put_portal_cap(out.data(), kind, cap));
      out.push_back(0x55);  // what a later version adds
      PortalMessage got;
      ASSERT_EQ(parse_portal_message(out, got), ParseResult::kOk);
      EXPECT_EQ(got.kind, kind);
      ASSERT_TRUE(got.has_cap);
      EXPECT_EQ(got.cap, cap);
    }
  }
  Bytes ping(64);
  ping.resize(put_portal_cap(ping.data(), PortalKind::kPing, {1, 7, 300}));
  EXPECT_EQ(to_hex(ping),
            "00"
            "77656972"
            "01"
            "07"
            "ac02");
}

TEST(PortalMessage, ACapThatDoesNotParseIsNoCapAndNoError) {
  for (const char* text :
       {"00", "0077", "0077656972", "007765697201", "00776569720107", "0077656972010780",
        "0077656973010700",
        "00"
        "00000000000000",
        "0077656972000700", "0077656972ffffffffffffffffffff0700", "01", "0177656972"}) {
    Bytes in = hex(text);
    PortalMessage got;
    EXPECT_EQ(parse_portal_message(in, got), ParseResult::kOk) << text;
    EXPECT_FALSE(got.has_cap) << text;
    EXPECT_EQ(got.cap, PortalCap{}) << text;
  }
  Bytes disconnect = hex("0277656972010700");
  PortalMessage got;
  ASSERT_EQ(parse_portal_message(disconnect, got), ParseResult::kOk);
  EXPECT_FALSE(got.has_cap);
}

TEST(PortalMessage, CreditEofAndResetRoundTrip) {
  for (const std::uint64_t offset : {0ull, 1ull, 127ull, 128ull, 262144ull, ~0ull}) {
    Bytes out(kPortalControlBytesMax);
    PortalMessage got;
    out.resize(put_credit(out.data(), offset));
    ASSERT_EQ(parse_portal_message(out, got), ParseResult::kOk);
    EXPECT_TRUE(got.kind == PortalKind::kCredit && got.offset == offset);
    out.resize(kPortalControlBytesMax);
    out.resize(put_eof(out.data(), offset));
    ASSERT_EQ(parse_portal_message(out, got), ParseResult::kOk);
    EXPECT_TRUE(got.kind == PortalKind::kEof && got.offset == offset);
    out.resize(kPortalControlBytesMax);
    out.resize(put_reset(out.data(), ResetReason::kDataLost, offset));
    ASSERT_EQ(parse_portal_message(out, got), ParseResult::kOk);
    EXPECT_TRUE(got.kind == PortalKind::kReset && got.offset == offset);
    EXPECT_EQ(got.reason, ResetReason::kDataLost);
  }
  EXPECT_STREQ(reset_reason_text(ResetReason::kTargetRefused), "target refused");
  EXPECT_STREQ(reset_reason_text(static_cast<ResetReason>(200)), "unknown");
}

TEST(PortalMessage, MalformedMessagesAreRefused) {
  for (const char* text : {"",
                           "03",
                           "0301",
                           "0380",
                           "030261",
                           "0380808080808080808002",
                           "03ffffffffffffffffff01",
                           "04",
                           "0f",
                           "10",
                           "1080",
                           "11",
                           "11ff",
                           "12",
                           "1207",
                           "120780",
                           "13",
                           "20",
                           "80",
                           "ff",
                           "10ffffffffffffffffff02",
                           "1180808080808080808000"}) {
    Bytes in = hex(text);
    PortalMessage got;
    EXPECT_EQ(parse_portal_message(in, got), ParseResult::kMalformed) << text;
  }
}

}  // namespace
}  // namespace weir::wire
