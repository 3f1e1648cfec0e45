// Bodies of the node manager API against what real nodes and clients sent, and against bytes that
// nobody should send.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "control/node/api/convert.h"
#include "control/node/api/models.h"
#include "control/node/api/models_json.h"
#include "dataplane/telemetry/counters.h"

namespace weir::api {
namespace {

using nlohmann::json;

json vectors() {
  std::ifstream file(WEIR_TEST_VECTORS "/api.json");
  return json::parse(file);
}

// Decodes and encodes again.
using Codec = std::function<Result<Bytes>(ByteSpan)>;
template <class T>
Codec codec() {
  return [](ByteSpan body) -> Result<Bytes> {
    Result<T> value = T::decode(body);
    if (!value) return pass(value);
    return value->encode();
  };
}
Codec raw() {
  return [](ByteSpan body) -> Result<Bytes> { return to_bytes(body); };
}

struct Shape {
  Codec request;
  Codec response;
};

Shape shape_of(const std::string& method, std::string path) {
  const bool listing = method == "GET";
  const auto is = [&path](const char* prefix) { return path.starts_with(prefix); };
  while (path.starts_with('/')) path.erase(0, 1);
  if (path == "node") return {raw(), codec<NodeStatus>()};
  if (path == "node/resources") return {raw(), codec<NodeResources>()};
  if (is("node/tcp")) {
    const bool one = !listing || is("node/tcp/connection/") || is("node/tcp/listener/");
    return {codec<TransportAddress>(), method == "DELETE" ? raw()
                                       : one              ? codec<TransportStatus>()
                                                          : codec<TransportStatusList>()};
  }
  if (is("node/show_secure_channel_listener")) {
    return {codec<ChannelAddress>(), codec<SecureChannelListener>()};
  }
  if (is("node/show_secure_channel"))
    return {codec<ChannelAddress>(), codec<SecureChannelStatus>()};
  if (is("node/secure_channel_listener")) {
    if (listing) return {raw(), codec<SecureChannelListenerList>()};
    if (method == "POST") return {codec<CreateSecureChannelListener>(), raw()};
    return {codec<ChannelAddress>(), codec<ChannelAddress>()};
  }
  if (is("node/secure_channel")) {
    if (listing) return {raw(), codec<SecureChannelList>()};
    if (method == "POST") return {codec<CreateSecureChannel>(), codec<SecureChannelCreated>()};
    return {codec<ChannelAddress>(), codec<SecureChannelDeleted>()};
  }
  if (is("node/services/kafka")) return {};
  if (is("node/services")) return {codec<StartService>(), codec<ServiceStatusList>()};
  if (is("node/workers")) return {raw(), codec<WorkerList>()};
  if (path == "node/relay" && listing) return {raw(), codec<RelayInfoList>()};
  if (is("node/relay"))
    return {codec<CreateRelay>(), method == "DELETE" ? raw() : codec<RelayInfo>()};
  if (path == "node/inlet" && listing) return {raw(), codec<InletStatusList>()};
  if (is("node/inlet")) return {codec<CreateInlet>(), codec<InletStatus>()};
  if (path == "node/outlet" && listing) return {raw(), codec<OutletStatusList>()};
  if (is("node/outlet")) return {codec<CreateOutlet>(), codec<OutletStatus>()};
  if (is("node/flow_controls")) return {codec<AddConsumer>(), raw()};
  if (path == "policy") return {codec<PolicyFilter>(), codec<PoliciesList>()};
  if (is("policy")) {
    if (method == "POST") return {codec<SetPolicy>(), raw()};
    return {codec<ResourceTypeOrName>(), codec<PolicyInfo>()};
  }
  if (is("v0/message")) return {codec<SendMessage>(), raw()};
  return {};
}

void expect_round_trip(const Codec& codec, const std::string& hex, const std::string& what) {
  const Bytes body = from_hex(hex).value();
  const Result<Bytes> again = codec(body);
  ASSERT_TRUE(again) << what << ": " << again.error().text();
  EXPECT_EQ(to_hex(*again), hex) << what;
}

TEST(ApiModels, BodiesOfRealClientsAndNodesAreReadAndWrittenByteForByte) {
  int requests = 0;
  int responses = 0;
  int skipped = 0;
  const json all = vectors();
  for (const json& exchange : all.at("node_manager_exchanges")) {
    const json& request = exchange.at("request");
    const json& response = exchange.at("response");
    const std::string what = exchange.at("what");
    const Shape shape = shape_of(request.at("method"), request.at("path"));
    if (!shape.request) {
      EXPECT_EQ(what, "unknown path");  // has no body
      ++skipped;
      continue;
    }
    const bool malformed = what.starts_with("body is no CBOR");
    if (request.at("has_body").get<bool>() && !malformed) {
      expect_round_trip(shape.request, request.at("body"), what);
      ++requests;
    }
    if (malformed) {
      EXPECT_FALSE(shape.request(from_hex(request.at("body").get<std::string>()).value()));
      ++requests;
    }
    if (response.at("status") == 200 && response.at("has_body").get<bool>()) {
      expect_round_trip(shape.response, response.at("body"), what);
      ++responses;
    }
  }
  std::printf("%d requests, %d responses, %d without a body of this slice\n", requests, responses,
              skipped);
  EXPECT_GE(requests, 30);
  EXPECT_GE(responses, 35);
}

// Bodies of spec/04 section 5 that no exchange above has.
TEST(ApiModels, BodiesOfTheSpecificationKeepTheirBytes) {
  const std::string id(64, '3');
  expect_round_trip(codec<NodeStatus>(),
                    "a301627231025820" + id +
                        "0382008119"
                        "0540",
                    "running");
  expect_round_trip(codec<NodeStatus>(), "a301627231025820" + id + "0382018101", "zombie");
  expect_round_trip(codec<NodeStatus>(), "a301627231025820" + id + "03820280", "stopped");
  expect_round_trip(codec<CreateRelay>(),
                    "a40148047f000001061edc0262623204626232"
                    "05820280",
                    "relay");
  expect_round_trip(codec<CreateInlet>(),
                    "ab0182693132372e302e302e31191e8d024abee803066f75746c65740363696e310582050007f5"
                    "09f40bf40cf40ef40ff41080",
                    "inlet");
  expect_round_trip(codec<CreateOutlet>(),
                    "a80182693132372e302e302e3119270f02f4038200456d796f757404f50582018182008161780"
                    "6f407f408f4",
                    "outlet with a policy");
  expect_round_trip(codec<CreateSecureChannel>(),
                    "a2014f047f000001061e7abee80303617069056d74657272696669632d6d616b6f",
                    "channel");
  expect_round_trip(codec<SecureChannelList>(), "8180", "no channels");
  for (const char* endpoint :
       {"8200826161"
        "01",
        "82018182447f00000119861f", "82028182500000000000000000000000000000000119861f"}) {
    expect_round_trip(codec<NodeResources>(),
                      std::string("ab0162723102616903f404820280") +
                          "05a10146ceb604027231"
                          "06" +
                          endpoint +
                          "078008800980"
                          "0a80"
                          "0b80",
                      endpoint);
  }
}

TEST(ApiModels, OwnFieldsTravelAndAreLeftOutWhenUnset) {
  CreateOutlet outlet;
  outlet.to = {"127.0.0.1", 80};
  const Bytes plain = outlet.encode();
  EXPECT_FALSE(CreateOutlet::decode(plain)->authorized);
  outlet.authorized = std::vector<Identifier>{Identifier{}, Identifier{}};
  const Result<CreateOutlet> again = CreateOutlet::decode(outlet.encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->authorized, outlet.authorized);
  EXPECT_EQ(CreateOutlet::decode(outlet.encode())->encode(), outlet.encode());

  CountersReport report;
  report.control = {{"relays", 3}};
  report.shards.push_back({{{"frames_in", 5}}, {{"unknown_address", "no such worker", 2}}});
  report.limits = {{"relays_max", 9}};
  const Result<CountersReport> counters = CountersReport::decode(report.encode());
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->encode(), report.encode());
  EXPECT_EQ(counters->shards[0].drops[0].words, "no such worker");
}

TEST(ApiModels, UnusualButLegalBodiesAreAccepted) {
  struct Case {
    const char* name;
    const char* hex;
  };
  const Case cases[] = {
      {"shortest", "a1016161"},
      {"indefinite map", "bf016161ff"},
      {"unknown key", "a2016161186401"},
      {"unknown negative key",
       "a220010161"
       "61"},
      {"nested value under an unknown key",
       "a2016161"
       "02828180a10102"},
      {"the last duplicate wins",
       "a20161620161"
       "61"},
      {"long form of the key",
       "a11801"
       "6161"},
      {"bytes behind the item", "a101616100"},
  };
  for (const Case& c : cases) {
    const Result<TransportAddress> body = TransportAddress::decode(from_hex(c.hex).value());
    ASSERT_TRUE(body) << c.name << ": " << body.error().text();
    EXPECT_EQ(body->address, "a") << c.name;
  }
  // Absent and null optionals are the same.
  EXPECT_TRUE(SecureChannelDeleted::decode(from_hex("a101f6").value()));
  EXPECT_FALSE(SecureChannelDeleted::decode(from_hex("a101f6").value())->encryptor);
}

TEST(ApiModels, MalformedBodiesAreErrorsAndNeverMore) {
  struct Case {
    const char* name;
    Codec codec;
    std::string hex;
    const char* text;
  };
  const Case cases[] = {
      {"nothing", codec<TransportAddress>(), "", "end of input bytes"},
      {"a break", codec<TransportAddress>(), "ff00", "position 0"},
      {"array instead of map", codec<TransportAddress>(), "816161", "position 0"},
      {"required key missing", codec<TransportAddress>(), "a0", "missing value at index 1"},
      {"null for a required value", codec<TransportAddress>(), "a101f6", "position"},
      {"text of a wrong type", codec<TransportAddress>(), "a1014161", "position"},
      {"text that is no UTF-8", codec<TransportAddress>(), "a10161ff", ""},
      {"text of indefinite length", codec<TransportAddress>(), "a1017f6161ff", ""},
      {"text key", codec<TransportAddress>(), "a161316161", "position"},
      {"cut inside the text", codec<TransportAddress>(), "a1016361", ""},
      {"cut inside an indefinite map", codec<TransportAddress>(), "bf016161", "end of input"},
      {"a length of 2^64-1", codec<TransportAddress>(), "a1017bffffffffffffffff", ""},
      {"a list of 2^64-1 items", codec<TransportStatusList>(), "9bffffffffffffffff", ""},
      {"list without its tuple", codec<ServiceStatusList>(), "80", "missing value at index 0"},
      {"list of another kind", codec<ServiceStatusList>(),
       "818161"
       "61",
       "position"},
      {"identifier of 31 bytes", codec<CreateSecureChannelListener>(),
       "a201820041610281581f" + std::string(62, '0'), ""},
      {"address of one part", codec<ChannelAddress>(),
       "a10181"
       "00",
       "missing value at index 1"},
      {"address with a text", codec<ChannelAddress>(),
       "a1018200"
       "6161",
       "position"},
      {"address type of 9 bits", codec<ChannelAddress>(),
       "a10182190100"
       "4161",
       ""},
      {"unknown relay timing", codec<CreateRelay>(),
       "a301400261610582"
       "0080",
       "variant 0"},
      {"enum that is no pair", codec<CreateRelay>(), "a30140026161058101", ""},
      {"port above 65535", codec<CreateOutlet>(), "a1018261611a00010000", ""},
      {"multiaddr with half a part", codec<CreateRelay>(),
       "a30141"
       "04"
       "0261610582"
       "0280",
       ""},
      {"flow control id without its map", codec<AddConsumer>(),
       "a2016161"
       "0240",
       ""},
      {"message without an address", codec<SendMessage>(), "4161", ""},
      {"deep nesting under an unknown key", codec<TransportAddress>(),
       "a102" +
           [] {
             std::string s;
             for (int i = 0; i < 200'000; ++i) s += "81";
             return s;
           }(),
       ""},
      {"deep indefinite nesting", codec<TransportAddress>(),
       "a102" +
           [] {
             std::string s;
             for (int i = 0; i < 200'000; ++i) s += "819f";
             return s;
           }(),
       ""},
  };
  for (const Case& c : cases) {
    const Result<Bytes> body = c.codec(from_hex(c.hex).value());
    ASSERT_FALSE(body) << c.name;
    EXPECT_EQ(body.error().code, Errc::kInvalid) << c.name;
    EXPECT_NE(body.error().text().find(c.text), std::string::npos)
        << c.name << ": " << body.error().text();
  }
}

TEST(ApiModels, DurationsAndInternetAddressesKeepTheirValue) {
  EXPECT_EQ(Duration::from_ms(1500).ms(), 1500u);
  EXPECT_EQ((Duration{1, 1}).ms(), 1001u);
  EXPECT_EQ((Duration{UINT64_MAX, 0}).ms(), UINT64_MAX);
  for (const char* text : {"127.0.0.1:4000", "[::1]:4000", "localhost:1"}) {
    EXPECT_EQ(InternetAddress::parse(text).text(), text);
  }
  EXPECT_EQ(InternetAddress::parse("[::1]:1").kind, InternetAddress::Kind::kIp6);
  EXPECT_EQ(InternetAddress::parse("1.2.3.4:1").kind, InternetAddress::Kind::kIp4);
}

weir::NodeResources some_node() {
  weir::NodeResources node;
  node.name = "n1";
  node.identity_name = "i1";
  node.is_default = true;
  node.pid = 7;
  node.tcp_listener = SocketAddress::v4_loopback(4000);
  node.status_endpoint = SocketAddress::v4_loopback(23345);
  node.tcp_listeners.push_back(
      {weir::TransportMode::kListen, SocketAddress::v4_loopback(4000), "<none>", "ab", "f1"});
  node.channel_listeners.push_back({"api", "f2", false});
  node.services = {{"echo", "echo"}, {"uppercase", "uppercase"}};
  weir::InletStatus inlet;
  inlet.bind_address = "127.0.0.1:1";
  inlet.alias = "in";
  inlet.outlet_address = "/service/outlet";
  node.inlets.push_back(inlet);
  weir::OutletStatus outlet;
  outlet.to = {"127.0.0.1", 2};
  outlet.address = "out";
  node.outlets.push_back(outlet);
  return node;
}

TEST(ApiModels, TheStatusDocumentHasOckamsKeysInItsOrder) {
  EXPECT_EQ(
      compact_text(json_of(to_body(some_node()))),
      R"({"name":"n1","identity_name":"i1","is_default":true,"status":"running","pid":7,)"
      R"("route":{"short":"/node/n1","verbose":"/dnsaddr/localhost/tcp/4000"},)"
      R"("status_endpoint_address":"127.0.0.1:23345",)"
      R"("transports":[{"type":"Tcp","mode":"Listen","socket_addr":"127.0.0.1:4000",)"
      R"("worker_addr":"<none>","processor_address":"0#ab","flow_control_id":"f1"}],)"
      R"("secure_channel_listeners":[{"address":{"tt":0,"inner":[97,112,105]},)"
      R"("flow_control_id":"f2","is_key_exchange_only":false}],)"
      R"("inlets":[{"bind_addr":"127.0.0.1:1","worker_addr":null,"alias":"in","payload":null,)"
      R"("outlet_route":null,"status":"Down","outlet_addr":"/service/outlet",)"
      R"("privileged":false}],"outlets":[{"to":"127.0.0.1:2",)"
      R"("worker_addr":{"tt":0,"inner":[111,117,116]},"payload":null,"privileged":false}],)"
      R"("services":[{"addr":"uppercase","type":"uppercase"},{"addr":"echo","type":"echo"}]})");
}

TEST(ApiModels, TheNodesOwnDescriptionSurvivesTheWire) {
  const NodeResources body = to_body(some_node());
  const Result<NodeResources> again = NodeResources::decode(body.encode());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->encode(), body.encode());
  EXPECT_EQ(json_of(*again), json_of(body));
}

TEST(ApiModels, JsonOfTextThatIsNoUtf8DoesNotThrow) {
  ServiceStatus service{"\xff", "echo"};
  EXPECT_NE(compact_text(json_of(service)).find("echo"), std::string::npos);
}

TEST(ApiModels, DropsAreShownWithTheirReason) {
  weir::CountersReport report;
  std::vector<std::uint64_t> shard(static_cast<std::size_t>(Counter::kCount) +
                                   static_cast<std::size_t>(DropReason::kCount));
  shard[static_cast<std::size_t>(Counter::kFramesOut)] = 4;
  shard[static_cast<std::size_t>(Counter::kCount) +
        static_cast<std::size_t>(DropReason::kNotAllowed)] = 6;
  report.shards.push_back(shard);
  const CountersReport body = to_body(report, NodeLimits{});
  ASSERT_EQ(body.shards.size(), 1u);
  EXPECT_EQ(body.shards[0].values[static_cast<std::size_t>(Counter::kFramesOut)].value, 4u);
  ASSERT_EQ(body.shards[0].drops.size(), 1u);
  EXPECT_EQ(body.shards[0].drops[0].name, "not_allowed");
  EXPECT_EQ(body.shards[0].drops[0].count, 6u);
}

}  // namespace
}  // namespace weir::api
