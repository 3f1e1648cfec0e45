// The routes of the node manager in front of a node that answers what the test says.
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "control/node/api/internal/routes.h"

namespace weir::api {
namespace {

using wire::ApiStatus;
using wire::Method;

// Remembers what it was asked for; fails with `error` when that is set; keeps completions when
// `hold` is set.
struct FakeNode {
  NodeConfig node_config;
  std::optional<Error> error;
  bool hold = false;
  std::deque<std::function<void()>> held;
  std::string last;
  std::optional<InletRequest> inlet;
  std::optional<OutletRequest> outlet;
  std::optional<ChannelRequest> channel;
  std::optional<weir::RelayRequest> relay;

  template <class T>
  void finish(const Done<T>& done, T value) {
    auto run = [this, done, value] { error ? done(std::unexpected(*error)) : done(value); };
    hold ? held.push_back(run) : run();
  }
  template <class T>
  Result<T> give(std::string what, T value) {
    last = std::move(what);
    if (error) return std::unexpected(*error);
    return value;
  }
  Status status(std::string what) {
    last = std::move(what);
    if (error) return std::unexpected(*error);
    return {};
  }
  static TransportInfo transport() {
    return {weir::TransportMode::kOutgoing, SocketAddress::v4_loopback(9), "aa", "bb", "cc"};
  }
  static SecureChannelInfo channel_info() {
    SecureChannelInfo info;
    info.encryptor = "enc";
    return info;
  }
  static weir::RelayInfo relay_info() {
    weir::RelayInfo info;
    info.name = "r";
    return info;
  }

  const NodeConfig& config() const { return node_config; }
  Result<Identifier> identity_by_name(const std::string& name) {
    return give("identity " + name, Identifier{});
  }
  weir::NodeResources resources() const { return {}; }
  void counters(Done<weir::CountersReport> done) { finish(done, {}); }
  Result<LatencySession> start_latency(const LatencyRequest& request) {
    return give("start latency " + std::to_string(request.sample), LatencySession{7, 1, true, 9});
  }
  void read_latency(std::uint64_t id, Done<LatencyReading> done) {
    last = "read latency " + std::to_string(id);
    finish(done, {});
  }
  Status stop_latency(std::uint64_t id) { return status("stop latency " + std::to_string(id)); }
  void create_tcp_connection(const std::string& address, Done<TransportInfo> done) {
    last = "connect " + address;
    finish(done, transport());
  }
  std::vector<TransportInfo> list_tcp_connections() const { return {transport()}; }
  Result<TransportInfo> show_tcp_connection(const std::string& address) {
    return give("show connection " + address, transport());
  }
  Status delete_tcp_connection(const std::string& a) { return status("delete connection " + a); }
  void create_tcp_listener(const std::string& address, Done<TransportInfo> done) {
    last = "listen " + address;
    finish(done, transport());
  }
  std::vector<TransportInfo> list_tcp_listeners() const { return {}; }
  Result<TransportInfo> show_tcp_listener(const std::string& address) {
    return give("show listener " + address, transport());
  }
  Status delete_tcp_listener(const std::string& a) { return status("delete listener " + a); }
  void create_secure_channel(const ChannelRequest& request, Done<SecureChannelInfo> done) {
    channel = request;
    finish(done, channel_info());
  }
  std::vector<SecureChannelInfo> list_secure_channels() const { return {channel_info()}; }
  Result<SecureChannelInfo> show_secure_channel(const std::string& a) {
    return give("show channel " + a, channel_info());
  }
  Result<std::string> delete_secure_channel(const std::string& a) {
    return give("delete channel " + a, a);
  }
  Status create_secure_channel_listener(const ChannelListenerRequest& request) {
    return status("create channel listener " + request.address);
  }
  std::vector<ChannelListenerInfo> list_secure_channel_listeners() const { return {}; }
  Result<ChannelListenerInfo> show_secure_channel_listener(const std::string& a) {
    return give("show channel listener " + a, ChannelListenerInfo{a, "f", false});
  }
  Status delete_secure_channel_listener(const std::string& a) {
    return status("delete channel listener " + a);
  }
  std::vector<ServiceInfo> list_services() const {
    return {{"h", "hop"}, {"echo", "echo"}, {"up", "uppercase"}, {"e2", "echo"}};
  }
  Status start_hop(const std::string& a) { return status("hop " + a); }
  Status start_echo(const std::string& a) { return status("echo " + a); }
  Status start_uppercase(const std::string& a) { return status("uppercase " + a); }
  std::vector<WorkerInfo> list_workers() const { return {{"w"}}; }
  void create_relay(const weir::RelayRequest& request, Done<weir::RelayInfo> done) {
    relay = request;
    finish(done, relay_info());
  }
  std::vector<weir::RelayInfo> list_relays() const { return {}; }
  Result<weir::RelayInfo> show_relay(const std::string& name) {
    return give("show relay " + name, relay_info());
  }
  Status delete_relay(const std::string& name) { return status("delete relay " + name); }
  void create_inlet(const InletRequest& request, Done<weir::InletStatus> done) {
    inlet = request;
    finish(done, {});
  }
  std::vector<weir::InletStatus> list_inlets() const { return {}; }
  Result<weir::InletStatus> show_inlet(const std::string& a) {
    return give("show inlet " + a, weir::InletStatus{});
  }
  Result<weir::InletStatus> delete_inlet(const std::string& a) {
    return give("delete inlet " + a, weir::InletStatus{});
  }
  void create_outlet(const OutletRequest& request, Done<weir::OutletStatus> done) {
    outlet = request;
    finish(done, {});
  }
  std::vector<weir::OutletStatus> list_outlets() const { return {}; }
  Result<weir::OutletStatus> show_outlet(const std::string& a) {
    return give("show outlet " + a, weir::OutletStatus{});
  }
  Result<weir::OutletStatus> delete_outlet(const std::string& a) {
    return give("delete outlet " + a, weir::OutletStatus{});
  }
  Status add_consumer(const std::string& id, const wire::MultiAddr& address) {
    return status("consumer " + id + " " + address.text());
  }
  void send_message(const wire::MultiAddr& to, Bytes payload, std::uint64_t timeout_ms,
                    Done<Bytes> done) {
    last = "message " + to.text() + " " + std::to_string(timeout_ms);
    finish(done, std::move(payload));
  }
  void create_forwarder(const std::string& target, Done<ForwarderInfo> done) {
    finish(done, ForwarderInfo{"f0", target, false, 0});
  }
  std::vector<ForwarderInfo> list_forwarders() const { return {{"f0", "t:1", true, 3}}; }
  Status delete_forwarder(const std::string& a) { return status("delete forwarder " + a); }
  Policies node_policies{"n", nullptr};
  Policies& policies() { return node_policies; }
};

class ApiRoutes : public testing::Test {
 protected:
  FakeNode node_;
  SeededRng rng_{1};
  internal::Routes<FakeNode> routes_{node_, rng_};

  // The raw answer: unset when none came (yet).
  std::optional<Bytes> ask_raw(ByteSpan envelope) {
    auto out = std::make_shared<std::optional<Bytes>>();
    routes_.handle(envelope, [out](Bytes bytes) {
      EXPECT_FALSE(out->has_value()) << "answered twice";
      *out = std::move(bytes);
    });
    return *out;
  }
  wire::Response ask(const wire::Request& request) {
    const std::optional<Bytes> bytes = ask_raw(wire::encode_request(request));
    if (!bytes || bytes->empty()) return {};
    const Result<wire::Response> response = wire::decode_response(*bytes);
    EXPECT_TRUE(response);
    if (!response) return {};
    EXPECT_EQ(response->re, request.id);
    EXPECT_NE(response->id, 0u);
    return *response;
  }
  wire::Response ask(Method method, std::string path, std::optional<Bytes> body = std::nullopt) {
    wire::Request request{77, std::move(path), method, body.has_value(), {}};
    if (body) request.body = *body;
    return ask(request);
  }
  static std::string message(const wire::Response& response) {
    return wire::response_error(response).message.value_or("(no message)");
  }
};

#define EXPECT_ANSWER(response, expected_status, expected_message)    \
  do {                                                                \
    const wire::Response answered = (response);                       \
    ASSERT_TRUE(answered.status);                                     \
    EXPECT_EQ(static_cast<int>(*answered.status), (expected_status)); \
    EXPECT_EQ(message(answered), (expected_message));                 \
  } while (false)

TEST_F(ApiRoutes, EveryRouteReachesItsOperationAndAnswersInItsShape) {
  struct Case {
    Method method;
    const char* path;
    std::optional<Bytes> body;
    const char* operation;  // what the node was asked for; null: nothing to see
    bool has_body;
    bool empty;
  };
  const auto address = [](const char* a) { return TransportAddress{a}.encode(); };
  const auto worker = [](const char* a) {
    return ChannelAddress{wire::Address::local(a)}.encode();
  };
  AddConsumer consumer{{"id"}, wire::MultiAddr::parse("/service/a").value()};
  const Case cases[] = {
      {Method::kGet, "node", {}, nullptr, true, false},
      {Method::kGet, "//node", {}, nullptr, true, false},
      {Method::kGet, "/node/resources", {}, nullptr, true, false},
      {Method::kGet, "/node/counters", {}, nullptr, true, false},
      {Method::kPost, "/node/latency", StartLatency{8, 5, false}.encode(), "start latency 8", true,
       false},
      {Method::kGet, "/node/latency", LatencySessionId{7}.encode(), "read latency 7", true, false},
      {Method::kDelete, "/node/latency", LatencySessionId{7}.encode(), "stop latency 7", false,
       true},
      {Method::kGet, "/node/tcp/connection", {}, nullptr, true, false},
      {Method::kGet,
       "/node/tcp/connection/1.2.3.4:5",
       {},
       "show connection 1.2.3.4:5",
       true,
       false},
      {Method::kGet, "/node/tcp/connection/0#ab", {}, "show connection ab", true, false},
      {Method::kPost, "/node/tcp/connection", address("h:1"), "connect h:1", true, false},
      {Method::kDelete, "/node/tcp/connection", address("0#ab"), "delete connection ab", true,
       true},
      {Method::kGet, "/node/tcp/listener", {}, nullptr, true, false},
      {Method::kGet, "/node/tcp/listener/1.2.3.4:5", {}, "show listener 1.2.3.4:5", true, false},
      {Method::kPost, "/node/tcp/listener", address("1.2.3.4:0"), "listen 1.2.3.4:0", true, false},
      {Method::kDelete, "/node/tcp/listener", address("ab"), "delete listener ab", true, true},
      {Method::kGet, "/node/secure_channel", {}, nullptr, true, false},
      {Method::kDelete, "/node/secure_channel", worker("e"), "delete channel e", true, false},
      {Method::kGet, "/node/show_secure_channel", worker("e"), "show channel e", true, false},
      {Method::kGet, "/node/secure_channel_listener", {}, nullptr, true, false},
      {Method::kPost, "/node/secure_channel_listener", worker("l"), "create channel listener l",
       false, true},
      {Method::kDelete, "/node/secure_channel_listener", worker("l"), "delete channel listener l",
       true, false},
      {Method::kGet, "/node/show_secure_channel_listener", worker("l"), "show channel listener l",
       true, false},
      {Method::kGet, "/node/services", {}, nullptr, true, false},
      {Method::kGet, "/node/services/api", {}, nullptr, true, false},
      {Method::kPost, "/node/services/uppercase", address("u"), "uppercase u", false, true},
      {Method::kPost, "/node/services/echo", address("e"), "echo e", false, true},
      {Method::kPost, "/node/services/hop", address("0#h"), "hop h", false, true},
      {Method::kGet, "/node/workers", {}, nullptr, true, false},
      {Method::kGet, "/node/relay", {}, nullptr, true, false},
      {Method::kGet, "/node/relay/r1", {}, "show relay r1", true, false},
      {Method::kDelete, "/node/relay/r1", {}, "delete relay r1", true, true},
      {Method::kGet, "/node/inlet", {}, nullptr, true, false},
      {Method::kGet, "/node/inlet/in", {}, "show inlet in", true, false},
      {Method::kDelete, "/node/inlet/in", {}, "delete inlet in", true, false},
      {Method::kGet, "/node/outlet", {}, nullptr, true, false},
      {Method::kGet, "/node/outlet/out", {}, "show outlet out", true, false},
      {Method::kDelete, "/node/outlet/0#out", {}, "delete outlet out", true, false},
      {Method::kPost, "/node/flow_controls/add_consumer", consumer.encode(),
       "consumer id /service/a", false, true},
      {Method::kPost, "v0/message", SendMessage{"/service/a", {1, 2}}.encode(),
       "message /service/a 30000", true, false},
      {Method::kGet, "/node/forwarder", {}, nullptr, true, false},
      {Method::kPost, "/node/forwarder", address("h:1"), nullptr, true, false},
      {Method::kDelete, "/node/forwarder/f0", {}, "delete forwarder f0", true, true},
  };
  for (const Case& c : cases) {
    node_.last.clear();
    const wire::Response response = ask(c.method, c.path, c.body);
    EXPECT_EQ(response.status, ApiStatus::kOk) << c.path << ": " << message(response);
    if (c.operation != nullptr) {
      EXPECT_EQ(node_.last, c.operation);
    }
    EXPECT_EQ(response.has_body, c.has_body) << c.path;
    EXPECT_EQ(response.body.empty(), c.empty) << c.path;
  }
}

// The errors of spec/04 5.2 that Ockam's client shows or tests.
TEST_F(ApiRoutes, ErrorsHaveOckamsStatusAndWords) {
  node_.error = Error{Errc::kNotFound, "gone", {}};
  const Bytes none = ChannelAddress{wire::Address::local("none")}.encode();
  const auto address = [](const char* a) { return TransportAddress{a}.encode(); };
  EXPECT_ANSWER(ask(Method::kGet, "/node/tcp/connection/a"), 404,
                "Connection a was not found in the registry.");
  EXPECT_ANSWER(ask(Method::kGet, "/node/tcp/listener/a"), 400,
                "Listener a was not found in the registry.");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/tcp/listener", address("127.0.0.1:1")), 400,
                "Listener 127.0.0.1:1 was not found in the registry.");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/tcp/connection", address("ab")), 400,
                "Unable to disconnect from 0#ab: No such alias: 0#ab");
  EXPECT_ANSWER(ask(Method::kPost, "/node/tcp/connection", address("h:1")), 400,
                "Unable to connect to h:1: gone");
  EXPECT_ANSWER(ask(Method::kPost, "/node/tcp/listener", address("h:1")), 400,
                "Unable to listen on h:1: gone");
  EXPECT_ANSWER(ask(Method::kGet, "/node/show_secure_channel", none), 404,
                "Secure channel with address, 0#none, not found");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/secure_channel", none), 404,
                "Secure channel with address, 0#none, not found");
  EXPECT_ANSWER(ask(Method::kGet, "/node/services/nonsense"), 400,
                "the service nonsense is not a valid service");
  EXPECT_ANSWER(ask(Method::kGet, "/node/relay/none"), 404, "Relay with alias none not found.");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/relay/none"), 404,
                "Relay with address none not found.");
  EXPECT_ANSWER(ask(Method::kGet, "/node/inlet/none"), 404, "Inlet with alias none not found");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/inlet/none"), 400, "Inlet with alias none not found");
  EXPECT_ANSWER(ask(Method::kGet, "/node/outlet/none"), 404,
                "Outlet with address 0#none not found");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/outlet/none"), 400,
                "Outlet with address 0#none not found");
  EXPECT_ANSWER(ask(Method::kPost, "v0/message", SendMessage{"/service/a", {}}.encode()), 500,
                "Failed to send message: gone");
  node_.error = Error{Errc::kAlreadyExists, "taken", {}};
  EXPECT_ANSWER(ask(Method::kPost, "/node/services/echo", address("e")), 500,
                "echoer service already exists at 0#e");
  CreateRelay relay;
  relay.at = wire::MultiAddr::parse("/ip4/127.0.0.1/tcp/1").value();
  relay.name = "r1";
  EXPECT_ANSWER(
      ask(Method::kPost, "/node/relay", relay.encode()), 500,
      "Failed to create relay at /ip4/127.0.0.1/tcp/1 with name r1. A relay with the name "
      "'r1' already exists");
  CreateOutlet outlet;
  outlet.address = wire::Address::local("outlet");
  EXPECT_ANSWER(ask(Method::kPost, "/node/outlet", outlet.encode()), 400,
                "A TCP outlet with address '0#outlet' already exists");
}

TEST_F(ApiRoutes, WithRequestErrorsNamePathAndMethodAndOthersDoNot) {
  node_.error = Error{Errc::kNotFound, "gone", {}};
  const wire::ErrorBody relay = wire::response_error(ask(Method::kGet, "/node/relay/x"));
  EXPECT_EQ(relay.path, "/node/relay/x");
  EXPECT_EQ(relay.method, Method::kGet);
  const wire::ErrorBody inlet = wire::response_error(ask(Method::kGet, "/node/inlet/x"));
  EXPECT_FALSE(inlet.path);
  EXPECT_FALSE(inlet.method);
}

// Real errors of real nodes, byte for byte.
TEST_F(ApiRoutes, ErrorBodiesOfRealNodesAreReproduced) {
  node_.error = Error{Errc::kNotFound, "gone", {}};
  std::ifstream file(WEIR_TEST_VECTORS "/api.json");
  int compared = 0;
  const nlohmann::json all = nlohmann::json::parse(file);
  for (const auto& exchange : all.at("node_manager_exchanges")) {
    const auto& response = exchange.at("response");
    const std::string hex = response.at("body");
    // Those whose message holds a source file of the machine that built the node cannot match.
    if (response.at("status") == 200 || !response.contains("error") ||
        response.at("error").at("message").get<std::string>().find("crates/") !=
            std::string::npos) {
      continue;
    }
    const std::string request = exchange.at("request").at("bytes");
    const std::optional<Bytes> answer = ask_raw(from_hex(request).value());
    ASSERT_TRUE(answer);
    const Result<wire::Response> ours = wire::decode_response(*answer);
    ASSERT_TRUE(ours);
    EXPECT_EQ(static_cast<int>(*ours->status), response.at("status").get<int>());
    EXPECT_EQ(to_hex(ours->body), hex) << exchange.at("what");
    ++compared;
  }
  std::printf("%d error bodies\n", compared);
  EXPECT_GE(compared, 10);
}

// In the order in which a real node was asked; the inlet of another exchange had a policy, too.
TEST_F(ApiRoutes, PoliciesAreAnsweredAsARealNodeAnswersThem) {
  Policies& policies = node_.node_policies;
  ASSERT_TRUE(policies.load());
  const Expr member = PolicyExpression::parse("role=member")->to_expr();
  ASSERT_TRUE(policies.put(PolicyScope::kResource, "endowed-nyala", member));
  std::ifstream file(WEIR_TEST_VECTORS "/api.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  int ran = 0;
  for (const auto& exchange : all.at("node_manager_exchanges")) {
    const auto& request = exchange.at("request");
    if (request.at("path").get<std::string>().find("policy") == std::string::npos) continue;
    const auto answer = ask_raw(from_hex(request.at("bytes").get<std::string>()).value());
    const auto ours = wire::decode_response(answer.value());
    ASSERT_TRUE(ours);
    const auto& response = exchange.at("response");
    EXPECT_EQ(static_cast<int>(*ours->status), response.at("status").get<int>());
    EXPECT_EQ(ours->has_body, response.at("has_body").get<bool>());
    EXPECT_EQ(to_hex(ours->body), response.at("body").get<std::string>()) << exchange.at("what");
    ++ran;
  }
  std::printf("%d policy exchanges\n", ran);
  EXPECT_GE(ran, 7);
  EXPECT_ANSWER(ask(Method::kDelete, "/policy/x", ResourceTypeOrName{std::nullopt, "r"}.encode()),
                500, "Matching variant not found");
  EXPECT_EQ(ask(Method::kGet, "/policy").status, ApiStatus::kInternalServerError);
}

TEST_F(ApiRoutes, UnknownPathsAndMethodsAreNamedInTheAnswer) {
  EXPECT_ANSWER(ask(Method::kGet, "/nothing/here"), 400, "Invalid endpoint: GET /nothing/here");
  EXPECT_ANSWER(ask(Method::kPut, "/node"), 400, "Invalid endpoint: PUT /node");
  EXPECT_ANSWER(ask(Method::kGet, "/node/"), 400, "Invalid endpoint: GET /node/");
  EXPECT_ANSWER(ask(Method::kGet, ""), 400, "Invalid endpoint: GET ");
  EXPECT_ANSWER(ask(Method::kGet, "/node/a/b/c/d/e/f"), 400,
                "Invalid endpoint: GET /node/a/b/c/d/e/f");
  EXPECT_ANSWER(ask(Method::kDelete, "/node/relay"), 400, "Invalid endpoint: DELETE /node/relay");
}

TEST_F(ApiRoutes, WhatIsNotBuiltSaysSoInsteadOfPretending) {
  struct Case {
    Method method;
    const char* path;
  };
  const Case cases[] = {
      {Method::kDelete, "/node/portal"},
      {Method::kPost, "/node/services/kafka_inlet"},
      {Method::kDelete, "/node/services/kafka_outlet"},
      {Method::kPost, "/node/services/http_headers"},
      {Method::kPost, "/node/services/lease_manager"},
      {Method::kPost, "/node/influxdb_inlet"},
      {Method::kPost, "/node/influxdb_outlet"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ask(c.method, c.path).status, ApiStatus::kNotImplemented) << c.path;
  }
}

// An option that is dropped silently would surprise whoever relies on it.
TEST_F(ApiRoutes, OptionsThatCannotBeHonouredAreRefusedBeforeAnythingIsMade) {
  CreateInlet inlet;
  CreateOutlet outlet;
  CreateSecureChannel channel;
  inlet.enable_udp_puncture = true;
  EXPECT_EQ(ask(Method::kPost, "/node/inlet", inlet.encode()).status, ApiStatus::kNotImplemented);
  outlet.tls = true;
  EXPECT_EQ(ask(Method::kPost, "/node/outlet", outlet.encode()).status, ApiStatus::kNotImplemented);
  channel.credential = RawItem{{0x80}};
  EXPECT_EQ(ask(Method::kPost, "/node/secure_channel", channel.encode()).status,
            ApiStatus::kNotImplemented);
  EXPECT_FALSE(node_.inlet || node_.outlet || node_.channel);
}

TEST_F(ApiRoutes, RequestsReachTheNodeWithEveryField) {
  CreateInlet inlet;
  inlet.listen = {"127.0.0.1", 0};
  inlet.to = wire::MultiAddr::parse("/secure/api/service/outlet").value();
  inlet.alias = "in";
  inlet.authorized = Identifier{{1}};
  inlet.identity = Identifier{{2}};
  inlet.wait_connection = false;
  inlet.skip_handshake = true;
  inlet.enable_nagle = true;
  inlet.prefix_route.push_back(wire::Address::local("hop"));
  inlet.policy = PolicyExpression::parse("role=member").value();
  EXPECT_EQ(ask(Method::kPost, "/node/inlet", inlet.encode()).status, ApiStatus::kOk);
  ASSERT_TRUE(node_.inlet);
  EXPECT_EQ(node_.inlet->to.text(), "/secure/api/service/outlet");
  EXPECT_EQ(node_.inlet->alias, "in");
  EXPECT_EQ(node_.inlet->authorized, (Identifier{{1}}));
  EXPECT_EQ(node_.inlet->identity, (Identifier{{2}}));
  EXPECT_EQ(node_.inlet->wait_for_outlet_ms, 15'000u);
  EXPECT_FALSE(node_.inlet->wait_connection);
  EXPECT_TRUE(node_.inlet->skip_handshake && node_.inlet->enable_nagle);
  EXPECT_EQ(node_.inlet->prefix_route, std::vector<std::string>{"hop"});
  EXPECT_EQ(node_.inlet->policy->to_text(), "(= subject.role \"member\")");

  CreateSecureChannel channel;
  channel.to = wire::MultiAddr::parse("/service/api").value();
  channel.authorized = std::vector<Identifier>{};  // trusts nobody: not the same as absent
  channel.timeout = Duration::from_ms(1234);
  EXPECT_EQ(ask(Method::kPost, "/node/secure_channel", channel.encode()).status, ApiStatus::kOk);
  ASSERT_TRUE(node_.channel && node_.channel->authorized);
  EXPECT_TRUE(node_.channel->authorized->empty());
  EXPECT_EQ(node_.channel->timeout_ms, 1234u);

  CreateRelay relay;
  relay.name = "r";
  relay.return_timing = ReturnTiming::kImmediately;
  EXPECT_EQ(ask(Method::kPost, "/node/relay", relay.encode()).status, ApiStatus::kOk);
  ASSERT_TRUE(node_.relay);
  EXPECT_FALSE(node_.relay->wait_for_connection);
  EXPECT_FALSE(node_.relay->relay_address);
}

TEST_F(ApiRoutes, ServicesAreListedByKind) {
  const auto list = ServiceStatusList::decode(ask(Method::kGet, "/node/services").body).value();
  std::string order;
  for (const ServiceStatus& service : list.items) order += service.address + " ";
  EXPECT_EQ(order, "up echo e2 h ");
  const auto echo =
      ServiceStatusList::decode(ask(Method::kGet, "/node/services/echo").body).value();
  EXPECT_EQ(echo.items.size(), 2u);
}

// Each of these ends an Ockam node (spec/04 12.1).
TEST_F(ApiRoutes, InputsThatCrashOtherNodesAreErrors) {
  wire::Request request{5, "/node", std::nullopt, false, {}};
  EXPECT_EQ(ask(request).status, ApiStatus::kBadRequest);
  EXPECT_EQ(ask(Method::kGet, "/node/outlet/x#y").status, ApiStatus::kBadRequest);
  EXPECT_EQ(ask(Method::kGet, "/node/outlet/0#x#y").status, ApiStatus::kBadRequest);
  EXPECT_EQ(ask(Method::kDelete, "/node/outlet/1#x").status, ApiStatus::kBadRequest);
  EXPECT_EQ(ask(Method::kPost, "/node/services/echo", TransportAddress{"x#y"}.encode()).status,
            ApiStatus::kBadRequest);
  EXPECT_EQ(ask(Method::kDelete, "/node/portal").status, ApiStatus::kNotImplemented);
  CreateRelay relay;
  relay.name = "r";
  relay.relay_address = "x#y";
  EXPECT_EQ(ask(Method::kPost, "/node/relay", relay.encode()).status, ApiStatus::kBadRequest);
  EXPECT_FALSE(node_.relay);
  Bytes deep(800'004, 0x81);
  store_be32(deep.data(), 0xa2054006);
  EXPECT_EQ(ask(Method::kPost, "/node/inlet", deep).status, ApiStatus::kInternalServerError);
  EXPECT_EQ(ask(Method::kGet, "/policy/handle_message", deep).status,
            ApiStatus::kInternalServerError);
}

TEST_F(ApiRoutes, MissingAndUndecodableBodiesAreNamed) {
  EXPECT_ANSWER(ask(Method::kPost, "/node/tcp/listener"), 500,
                "failed to handle request: end of input bytes (origin: Unknown, kind: Invalid)");
  EXPECT_EQ(ask(Method::kPost, "/node/tcp/listener", Bytes{0xff, 0}).status,
            ApiStatus::kInternalServerError);
  // A body that the header denies does not exist.
  wire::Request request{9, "/node/tcp/listener", Method::kPost, false, {}};
  Bytes envelope = wire::encode_request(request);
  const Bytes body = TransportAddress{"1.2.3.4:5"}.encode();
  envelope[0] = static_cast<std::uint8_t>(envelope[0] + body.size());
  envelope.insert(envelope.end(), body.begin(), body.end());
  const std::optional<Bytes> answer = ask_raw(envelope);
  EXPECT_EQ(wire::decode_response(*answer)->status, ApiStatus::kInternalServerError);
}

TEST_F(ApiRoutes, WhatIsNoEnvelopeGetsSilence) {
  for (const char* hex :
       {"", "00", "ff", "7fa4", "0ea4011ac47c548b02622f61030004", "0aa40105026161030904f4"}) {
    const std::optional<Bytes> answer = ask_raw(from_hex(hex).value());
    ASSERT_TRUE(answer) << hex;
    EXPECT_TRUE(answer->empty()) << hex;
  }
}

TEST_F(ApiRoutes, ARequestThatWaitsHoldsUpNoOtherAndIsAnsweredLater) {
  node_.hold = true;
  std::vector<std::uint32_t> answered;
  const auto send = [this, &answered](std::uint32_t id, Method method, const char* path,
                                      Bytes body) {
    const wire::Request request{id, path, method, true, std::move(body)};
    routes_.handle(wire::encode_request(request), [&answered](Bytes bytes) {
      answered.push_back(wire::decode_response(bytes)->re);
    });
  };
  send(1, Method::kPost, "v0/message", SendMessage{"/service/a", {1}}.encode());
  send(2, Method::kPost, "/node/tcp/connection", TransportAddress{"h:1"}.encode());
  send(3, Method::kGet, "/node", {});
  EXPECT_EQ(answered, (std::vector<std::uint32_t>{3}));
  node_.held.back()();
  node_.held.front()();
  EXPECT_EQ(answered, (std::vector<std::uint32_t>{3, 2, 1}));
}

TEST_F(ApiRoutes, TooManyWaitingRequestsAreRefusedAndTheirPlacesComeBack) {
  node_.hold = true;
  node_.node_config.limits.pending_requests_max = 2;
  const Bytes body = TransportAddress{"h:1"}.encode();
  EXPECT_FALSE(ask(Method::kPost, "/node/tcp/connection", body).status);
  EXPECT_FALSE(ask(Method::kPost, "/node/tcp/connection", body).status);
  EXPECT_EQ(ask(Method::kGet, "/node").status, ApiStatus::kInternalServerError);
  for (auto& run : node_.held) run();
  node_.held.clear();
  EXPECT_EQ(ask(Method::kGet, "/node").status, ApiStatus::kOk);
}

TEST_F(ApiRoutes, AnswersMayComeAfterTheManagerIsGone) {
  node_.hold = true;
  std::optional<Bytes> answer;
  {
    internal::Routes<FakeNode> routes(node_, rng_);
    const wire::Request request{1, "v0/message", Method::kPost, true,
                                SendMessage{"/service/a", {1}}.encode()};
    routes.handle(wire::encode_request(request), [&answer](Bytes bytes) { answer = bytes; });
  }
  node_.held.front()();
  EXPECT_TRUE(answer);
}

}  // namespace
}  // namespace weir::api
