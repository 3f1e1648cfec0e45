// multiaddr.json, all parts.
#include "dataplane/wire/multiaddr.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace weir::wire {
namespace {

const Json& vectors() {
  static const Json json = load_vectors("multiaddr.json");
  return json;
}

void expect_route(const Result<Route>& got, const Json& want, const Json& v) {
  ASSERT_EQ(got.has_value(), !want.contains("error")) << v;
  if (got) {
    EXPECT_EQ(*got, vector_route(want["route"]));
    EXPECT_EQ(Json(got->text()), want["display"]);
  } else {
    EXPECT_EQ(Json(got.error().detail), want["error"]["cause"]);
  }
}

void expect_text(const Json& v) {
  const auto parsed = MultiAddr::parse(v["text"].get<std::string>());
  ASSERT_EQ(parsed.has_value(), v["ok"].get<bool>()) << v;
  if (!parsed) {
    EXPECT_EQ(Json(parsed.error().detail), v["error"]);
    return;
  }
  EXPECT_EQ(Json(parsed->text()), v["canonical"]);
  EXPECT_EQ(parsed->bytes(), vector_bytes(v["bytes"]));
  Bytes cbor;
  CborWriter writer(cbor);
  parsed->encode(writer);
  EXPECT_EQ(cbor, vector_bytes(v["cbor"]));
  CborReader reader(cbor);
  EXPECT_EQ(MultiAddr::decode(reader).value(), *parsed);
  EXPECT_EQ(MultiAddr::parse(parsed->text()).value(), *parsed);
  ASSERT_EQ(parsed->size(), v["parts"].size());
  for (std::size_t i = 0; i < parsed->size(); ++i) {
    const MultiAddrPart& part = parsed->parts()[i];
    const Json& want = v["parts"][i];
    EXPECT_EQ(static_cast<std::uint32_t>(part.proto), want["code"].get<std::uint32_t>());
    EXPECT_EQ(Json(proto_name(part.proto)), want["protocol"]);
    EXPECT_EQ(part.data, vector_bytes(want["data"]));
    EXPECT_EQ(Json(part.value()), want["value"]);
  }
  expect_route(parsed->to_local_route(), v["local_route"], v);
  expect_route(parsed->to_transport_route(), v["transport_route"], v);
  EXPECT_EQ(parsed->to_transport_route(false).has_value(),
            v["transport_route_tcp_only_ok"].get<bool>())
      << v;
  const auto hop = parsed->leading_transport();
  EXPECT_EQ(hop ? Json(hop->host_port()) : Json(nullptr), v["socket_address"]) << v;
}

TEST(MultiAddr, TextsMeanWhatTheyMeanToOckam) {
  VectorCount count("multiaddr.texts, generated");
  for (const char* part : {"texts", "generated"}) {
    for (const Json& v : vectors()[part]) {
      expect_text(v);
      ++count;
    }
  }
}

TEST(MultiAddr, BinaryFormsAreJudgedAsOckamJudgesThem) {
  VectorCount count("multiaddr.bytes");
  for (const Json& v : vectors()["bytes"]) {
    const auto parsed = MultiAddr::from_bytes(vector_bytes(v["bytes"]));
    ASSERT_EQ(parsed.has_value(), v["ok"].get<bool>()) << v;
    if (parsed) {
      EXPECT_EQ(Json(parsed->text()), v["text"]);
    } else {
      EXPECT_EQ(Json(parsed.error().detail), v["error"]);
    }
    ++count;
  }
}

TEST(MultiAddr, RoutesConvertBack) {
  VectorCount count("multiaddr.routes_to_multiaddr");
  for (const Json& v : vectors()["routes_to_multiaddr"]) {
    const auto converted = MultiAddr::from_route(vector_route(v["route"]).view());
    ASSERT_EQ(converted.has_value(), v["ok"].get<bool>()) << v;
    if (converted) {
      EXPECT_EQ(Json(converted->text()), v["text"]);
    }
    ++count;
  }
}

TEST(MultiAddr, MalformedBinaryFormsAreRefused) {
  for (const char* text : {"04",
                           "0401",
                           "04010203",
                           "06",
                           "0600",
                           "29",
                           "38",
                           "3801",
                           "380161"
                           "38",
                           "80",
                           "8000",
                           "848000",
                           "8000047f000001",
                           "bee803",
                           "bee80380",
                           "bee8038000",
                           "bee803ffffffffffffffffff01",
                           "bee80301ff",
                           "ffffffffff0f",
                           "808080808001",
                           "07",
                           "8480808010"
                           "7f000001",
                           "00"}) {
    EXPECT_FALSE(MultiAddr::from_bytes(hex(text)).has_value()) << text;
  }
}

TEST(MultiAddr, SelfIsOnlyAWholeText) {
  EXPECT_EQ(MultiAddr::parse("self").value().text(), "/secure/api");
  EXPECT_FALSE(MultiAddr::parse("self/service/echo").has_value());
  EXPECT_FALSE(MultiAddr::parse("/self").has_value());
}

TEST(MultiAddr, PartsAreTakenApartAndPutTogether) {
  const MultiAddr whole = MultiAddr::parse("/node/n1/ip6/::1/tcp/5/service/a").value();
  EXPECT_EQ(whole.leading(Proto::kNode), "n1");
  EXPECT_EQ(whole.leading(Proto::kProject), std::nullopt);
  EXPECT_FALSE(whole.leading_transport().has_value());
  EXPECT_EQ(whole.transport_at(1)->host_port(), "[::1]:5");
  EXPECT_EQ(whole.slice(1).text(), "/ip6/::1/tcp/5/service/a");
  EXPECT_EQ(whole.slice(0, 1).text(), "/node/n1");
  EXPECT_TRUE(whole.starts_with(whole.slice(0, 2)));
  EXPECT_FALSE(whole.slice(0, 2).starts_with(whole));
  EXPECT_TRUE(whole.has(Proto::kTcp));
  MultiAddr built = whole.slice(0, 1);
  built.append(whole.slice(1));
  EXPECT_EQ(built, whole);
  built.append(built);
  EXPECT_EQ(built.size(), 8u);
}

}  // namespace
}  // namespace weir::wire
