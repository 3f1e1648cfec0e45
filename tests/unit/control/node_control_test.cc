// A node with scripted shards: the commands that it gives, its limits and its timing.
#include <deque>

#include "control/node/internal/timers.h"
#include "control/node/node.h"
#include "control/service/services.h"
#include "tests/unit/control/node_world.h"

namespace weir::test {
namespace {

struct FakePort final : ShardPort {
  void send(Command command) override { sent.push_back(std::move(command)); }
  bool poll(Event& event) override {
    if (events.empty()) return false;
    event = std::move(events.front());
    events.pop_front();
    return true;
  }
  template <class T>
  std::vector<T*> all() {
    std::vector<T*> found;
    for (Command& command : sent) {
      if (T* it = std::get_if<T>(&command)) found.push_back(it);
    }
    return found;
  }
  AddWorker* worker(const std::string& address) {
    for (AddWorker* added : all<AddWorker>()) {
      if (added->address == address) return added;
    }
    return nullptr;
  }
  std::vector<Command> sent;
  std::deque<Event> events;
};

// Virtual time in which work takes time: each look at the CPU's clock finds it later.
struct WorkClock final : Clock {
  explicit WorkClock(SimNetwork& in) : network(in) {}
  std::uint64_t now_ns() override { return network.now_ns(); }
  std::uint64_t unix_seconds() override { return 1'700'000'000 + network.now_ns() / kNsPerSecond; }
  std::uint64_t thread_cpu_ns() override { return cpu_ns += step_ns; }
  SimNetwork& network;
  std::uint64_t cpu_ns = 0;
  std::uint64_t step_ns = 0;
};

EncodedRoute local_route(const std::vector<std::string>& hops) {
  EncodedRoute out;
  for (const std::string& hop : hops) {
    wire::Address::local(hop).append_to(out.items);
    ++out.count;
  }
  return out;
}

struct Scripted {
  explicit Scripted(NodeConfig config = {}, std::size_t shard_count = 1)
      : ports(shard_count), persona(clock, 5) {
    config.identity = persona.id;
    config.tcp_listener = SocketAddress::v4_loopback(0);
    std::vector<ShardPort*> list;
    for (FakePort& port : ports) list.push_back(&port);
    node = std::make_unique<Node>(config, list, nullptr, persona.identities, resolver, clock, rng,
                                  nullptr);
    node->start([](const auto&) {});
    Listening listening;
    listening.id = port().all<ListenTransport>().at(0)->listener;
    listening.bound = SocketAddress::v4_loopback(4000);
    port().events.push_back(listening);
    node->step();
  }
  FakePort& port(std::size_t i = 0) { return ports[i]; }
  void advance_ms(std::uint64_t ms) {
    network.advance_to(network.now_ns() + ms * kNsPerMs);
    node->step();
  }
  // Steps through all timers on the way.
  void pass_ms(std::uint64_t ms) {
    const std::uint64_t end = network.now_ns() + ms * kNsPerMs;
    while (node->next_deadline_ns() <= end) {
      network.advance_to(std::max(network.now_ns(), node->next_deadline_ns()));
      node->step();
    }
    network.advance_to(end);
  }
  LinkUp accept(std::uint32_t index, ShardId shard = 0, const char* host = "127.0.0.1") {
    LinkUp up;
    up.link = {shard, index, 1};
    up.flow = FlowId{shard} << 24 | (index + 1);
    up.spawner = port().all<ListenTransport>().at(0)->flow;
    up.sender = random_address(rng, shard);
    up.receiver = random_address(rng, shard);
    up.peer =
        SocketAddress::parse(std::string(host) + ":" + std::to_string(50'000 + index)).value();
    port(shard).events.push_back(up);
    node->step();
    return up;
  }
  void message(const std::string& to, const LinkUp& from, Bytes payload,
               const std::string& reply = "me") {
    MessageEvent event;
    event.worker = port().worker(to)->worker;
    event.address = to;
    event.link = from.link;
    event.flow = from.flow;
    event.spawner = from.spawner;
    event.ret = local_route({from.sender, reply});
    event.payload = std::move(payload);
    port(from.link.shard).events.push_back(std::move(event));
    node->step();
  }
  std::uint64_t counter(const std::string& name) {
    CountersReport report;
    node->counters([&](const auto& result) { report = *result; });
    for (FakePort& fake : ports) {
      fake.events.push_back(Reported{fake.all<Report>().back()->request, {1}, {}});
    }
    node->step();
    for (const CounterValue& value : report.control) {
      if (value.name == name) return value.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  SimNetwork network{1, {}};
  WorkClock clock{network};
  std::vector<FakePort> ports;
  SeededRng rng{3};
  Persona persona;
  TableResolver resolver;
  std::unique_ptr<Node> node;
};

TEST(NodeControl, EveryMessageGivesItsCreditBack) {
  Scripted s;
  const LinkUp link = s.accept(0);
  s.message("uppercase", link, text_message("x"));
  s.message("uppercase", link, {0xff, 0xff});
  s.message("forwarding_service", link, {0xff, 0xff});
  s.message("api", link, Bytes(5));
  const auto done = s.port().all<MessageDone>();
  EXPECT_EQ(done.size(), 4U);
  for (const MessageDone* one : done) EXPECT_EQ(one->link, link.link);
}

TEST(NodeControl, HalfOpenHandshakesAreBoundedPerConnectionAndInTime) {
  NodeConfig config;
  config.limits.half_open_handshakes_per_link_max = 4;
  Scripted s(config);
  const LinkUp link = s.accept(0);
  const std::size_t workers = s.node->list_workers().size();
  for (int i = 0; i < 10; ++i) {
    Bytes key(32);
    s.rng.fill(key);
    s.message("api", link, key);
  }
  EXPECT_EQ(s.node->list_workers().size(), workers + 4);
  EXPECT_EQ(s.counter("handshakes_over_connection_limit"), 6U);
  s.pass_ms(10'001);
  EXPECT_EQ(s.node->list_workers().size(), workers);
  EXPECT_EQ(s.counter("handshakes_timed_out"), 4U);
}

TEST(NodeControl, OneFlooderCannotLockOthersOutOfHandshakes) {
  NodeConfig config;
  config.limits.half_open_handshakes_per_link_max = 4;
  config.limits.half_open_handshakes_max = 6;
  Scripted s(config);
  Bytes key(32, 9);
  const LinkUp flooder = s.accept(0);
  for (int i = 0; i < 4; ++i) s.message("api", flooder, key);
  for (std::uint32_t i = 1; i < 4; ++i) s.message("api", s.accept(i), key);
  EXPECT_EQ(s.counter("handshakes_evicted_by_global_limit"), 1U);
  EXPECT_EQ(s.port().all<RemoveWorker>().size(), 1U);
}

TEST(NodeControl, HalfOpenHandshakesEndWithTheirConnection) {
  Scripted s;
  const LinkUp link = s.accept(0);
  const std::size_t workers = s.node->list_workers().size();
  s.message("api", link, Bytes(32, 9));
  EXPECT_EQ(s.node->list_workers().size(), workers + 1);
  s.port().events.push_back(LinkDown{link.link, 0});
  s.node->step();
  EXPECT_EQ(s.node->list_workers().size(), workers - 2);  // sender and receiver too
}

TEST(NodeControl, MessageOneOfALowOrderPointOrTooShortGetsNoAnswer) {
  Scripted s;
  const LinkUp link = s.accept(0);
  const std::size_t sent = s.port().all<SendMessage>().size();
  s.message("api", link, Bytes(32, 0));
  s.message("api", link, Bytes(31, 9));
  s.message("api", link, {});
  EXPECT_EQ(s.port().all<SendMessage>().size(), sent);
  EXPECT_EQ(s.counter("handshake_messages_refused"), 3U);
}

std::size_t answers(Scripted& s) { return s.port().all<SendMessage>().size(); }

// Half a core, a millisecond each: 10 from the full bucket, then 50 in 100 ms.
TEST(NodeControl, AStormOfHandshakesGetsItsShareAndNoMore) {
  NodeConfig config;
  config.handshake_share_percent = 50;
  config.limits.half_open_handshakes_per_link_max = 1000;
  Scripted s(config);
  s.clock.step_ns = 1'000'000;
  s.pass_ms(1);
  const LinkUp link = s.accept(0);
  const std::size_t before = s.port().all<MessageDone>().size();
  for (int i = 0; i < 90; ++i) s.message("api", link, Bytes(32, 9));
  EXPECT_NEAR(static_cast<double>(answers(s)), 10, 2);
  // What waits keeps its credit, so that its connection is not read.
  EXPECT_EQ(s.port().all<MessageDone>().size() - before, answers(s));
  EXPECT_EQ(s.counter("handshake_messages_delayed_by_share"), 90 - answers(s));
  s.pass_ms(100);
  EXPECT_NEAR(static_cast<double>(answers(s)), 60, 3);
  s.pass_ms(1000);
  EXPECT_EQ(answers(s), 90U);
  EXPECT_EQ(s.port().all<MessageDone>().size() - before, 90U);
}

TEST(NodeControl, WithoutALimitNothingWaits) {
  NodeConfig config;
  config.handshake_share_percent = 100;
  config.limits.half_open_handshakes_per_link_max = 1000;
  Scripted s(config);
  s.clock.step_ns = 1'000'000;
  const LinkUp link = s.accept(0);
  for (int i = 0; i < 90; ++i) s.message("api", link, Bytes(32, 9));
  EXPECT_EQ(answers(s), 90U);
}

TEST(NodeControl, OneSourceCannotTakeTheShareOfOthers) {
  NodeConfig config;
  config.limits.half_open_handshakes_per_link_max = 1000;
  Scripted s(config);
  s.clock.step_ns = 1'000'000;
  s.pass_ms(1);
  // Many connections, one address: one source.
  for (std::uint32_t i = 0; i < 200; ++i) {
    const LinkUp link = s.accept(i, 0, "10.0.0.1");
    for (int k = 0; k < 2; ++k) s.message("api", link, Bytes(32, 9));
  }
  const LinkUp other = s.accept(500, 0, "10.0.0.2");
  s.message("api", other, Bytes(32, 9), "honest");
  const auto honest = [&] {
    for (const SendMessage* sent : s.port().all<SendMessage>()) {
      const ByteSpan route = sent->onward.items;
      const std::string_view text(reinterpret_cast<const char*>(route.data()), route.size());
      if (text.find("honest") != std::string_view::npos) return true;
    }
    return false;
  };
  EXPECT_FALSE(honest());
  s.pass_ms(10);
  EXPECT_TRUE(honest());
  EXPECT_LT(answers(s), 40U);
}

// A relay's connection carries more than strangers: it is read on.
TEST(NodeControl, StrangersBehindARelayDoNotStopItsConnection) {
  NodeConfig config;
  config.limits.half_open_handshakes_per_link_max = 1000;
  Scripted s(config);
  s.clock.step_ns = 1'000'000;
  s.pass_ms(1);
  s.node->create_tcp_connection("127.0.0.1:5000", [](const auto&) {});
  s.node->step();
  LinkUp up;
  up.request = s.port().all<ConnectLink>().at(0)->request;
  up.flow = s.port().all<ConnectLink>().at(0)->flow;
  up.link = {0, 7, 1};
  up.sender = random_address(s.rng, 0);
  up.receiver = random_address(s.rng, 0);
  up.peer = SocketAddress::v4_loopback(5000);
  s.port().events.push_back(up);
  s.node->step();
  for (std::size_t i = 0; i < 200; ++i) {
    s.message("api", up, Bytes(32, 9));
    EXPECT_LE(i + 1 - s.port().all<MessageDone>().size(), kMessageCredit / 4);
  }
  EXPECT_GT(s.counter("handshake_messages_dropped_over_share"), 100U);
  s.pass_ms(1000);
  EXPECT_EQ(s.port().all<MessageDone>().size(), 200U);
}

TEST(NodeControl, OwnHandshakesDoNotWaitBehindStrangers) {
  Scripted s;
  s.clock.step_ns = 1'000'000;
  s.pass_ms(1);
  const LinkUp link = s.accept(0);
  for (int i = 0; i < 32; ++i) s.message("api", link, Bytes(32, 9));
  const std::size_t before = answers(s);
  ChannelRequest request;
  request.to = wire::MultiAddr::parse("/service/" + link.sender + "/service/api").value();
  s.node->create_secure_channel(request, [](const auto&) {});
  EXPECT_EQ(answers(s), before + 1);
}

TEST(NodeControl, TheAnswerOfARegistrationIsExact) {
  Scripted s;
  const LinkUp link = s.accept(0);
  s.message("static_forwarding_service", link, from_hex("05616c696365").value(), "M");
  const SendMessage* answer = s.port().all<SendMessage>().back();
  EXPECT_EQ(to_hex(answer->payload), "10666f72776172645f746f5f616c696365");
  EXPECT_EQ(answer->onward.items, local_route({link.sender, "M"}).items);
  EXPECT_EQ(answer->ret.items, local_route({"forward_to_alice"}).items);
  const AddWorker* relay = s.port().worker("forward_to_alice");
  ASSERT_NE(relay, nullptr);
  EXPECT_EQ(relay->kind, WorkerKind::kRelay);
  EXPECT_EQ(relay->forward.items, local_route({link.sender}).items);
  EXPECT_EQ(relay->forward_flow, link.flow);
  // `register` on either address: a random name.
  s.message("static_forwarding_service", link, text_message("register"), "M");
  const auto name = wire::decode_bare_string(s.port().all<SendMessage>().back()->payload).value();
  EXPECT_EQ(name.size(), std::string("forward_to_").size() + 32);
}

TEST(NodeControl, RelaysAreBoundedPerOwner) {
  NodeConfig config;
  config.limits.relays_per_owner_max = 2;
  Scripted s(config);
  const LinkUp link = s.accept(0);
  for (int i = 0; i < 5; ++i) s.message("forwarding_service", link, text_message("register"));
  EXPECT_EQ(s.counter("relays_registered"), 2U);
  EXPECT_EQ(s.counter("relay_registrations_over_limit"), 3U);
  const LinkUp other = s.accept(1);
  s.message("forwarding_service", other, text_message("a"));
  EXPECT_EQ(s.counter("relays_registered"), 3U);
}

TEST(NodeControl, NamedWorkersLiveInEveryShardRandomOnesInTheirs) {
  Scripted s({}, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NE(s.port(i).worker("echo"), nullptr);
    EXPECT_NE(s.port(i).worker("api"), nullptr);
  }
  const LinkUp link = s.accept(0, 2);
  const std::size_t before[] = {s.port(0).sent.size(), s.port(1).sent.size()};
  s.message("api", link, Bytes(32, 9));
  EXPECT_EQ(s.port(0).sent.size(), before[0]);
  EXPECT_EQ(s.port(1).sent.size(), before[1]);
  const AddWorker* decryptor = s.port(2).all<AddWorker>().back();
  EXPECT_EQ(decryptor->kind, WorkerKind::kHandshake);
  EXPECT_EQ(shard_of(as_bytes(decryptor->address)), ShardId{2});
}

TEST(NodeControl, TimersRunInOrderAndMayStartAndStopEachOther) {
  control::Timers timers;
  std::string ran;
  control::TimerId b = 0;
  timers.start(10, [&] {
    ran += 'a';
    timers.cancel(b);
    timers.start(5, [&] { ran += 'd'; });
  });
  b = timers.start(20, [&] { ran += 'b'; });
  timers.start(30, [&] { ran += 'c'; });
  timers.run_due(30);
  EXPECT_EQ(ran, "ac") << "what a timer starts waits for the next turn";
  timers.run_due(30);
  EXPECT_EQ(ran, "acd");
  EXPECT_EQ(timers.size(), 0U);
}

// --- sessions: an inlet over scripted connections

struct ScriptedInlet : Scripted {
  ScriptedInlet() {
    InletRequest request;
    request.listen = wire::HostnamePort::parse("127.0.0.1:0").value();
    request.to = wire::MultiAddr::parse("/ip4/127.0.0.1/tcp/9000/service/outlet").value();
    request.alias = "in";
    request.wait_connection = false;
    node->create_inlet(request, [](const auto&) {});
    Listening listening;
    listening.id = port().all<OpenInlet>().at(0)->inlet;
    listening.bound = SocketAddress::v4_loopback(5000);
    port().events.push_back(listening);
    node->step();
  }
  std::size_t connects() { return port().all<ConnectLink>().size(); }
  LinkUp connected() {
    LinkUp up;
    up.request = port().all<ConnectLink>().back()->request;
    up.link = {0, static_cast<std::uint32_t>(100 + connects()), 1};
    up.flow = port().all<ConnectLink>().back()->flow;
    up.sender = random_address(rng, 0);
    up.receiver = random_address(rng, 0);
    up.peer = SocketAddress::v4_loopback(9000);
    port().events.push_back(up);
    node->step();
    return up;
  }
  void refused() {
    port().events.push_back(ConnectFailed{port().all<ConnectLink>().back()->request, ECONNREFUSED});
    node->step();
  }
  bool up() { return node->list_inlets().at(0).status == ConnectionStatus::kUp; }
  // Answers the last ping.
  void pong() {
    const SendMessage* ping = port().all<SendMessage>().back();
    const auto collector = wire::RouteView{ping->ret.items, ping->ret.count}.front();
    MessageEvent event;
    event.address = std::string(as_text(collector.value));
    event.worker = port().worker(event.address)->worker;
    event.payload = ping->payload;
    port().events.push_back(std::move(event));
    node->step();
  }
};

TEST(NodeSession, ALostConnectionIsNoticedAtOnceAndRebuiltWithinASecond) {
  ScriptedInlet s;
  const LinkUp link = s.connected();
  ASSERT_TRUE(s.up());
  s.pong();
  s.pass_ms(6'000);
  s.port().events.push_back(LinkDown{link.link, 0});
  s.node->step();
  EXPECT_FALSE(s.up());
  const RouteInlet* paused = s.port().all<RouteInlet>().back();
  EXPECT_EQ(paused->onward.count, 0U);
  EXPECT_TRUE(paused->reset_streams);
  const std::size_t before = s.connects();
  s.pass_ms(100);
  EXPECT_EQ(s.connects(), before + 1);
  s.connected();
  EXPECT_TRUE(s.up());
  EXPECT_EQ(s.port().all<RouteInlet>().back()->onward.count, 2U);
}

TEST(NodeSession, ThreeSilentPingsAreTheFallback) {
  ScriptedInlet s;
  s.connected();
  s.pong();
  s.pass_ms(25'000);
  EXPECT_TRUE(s.up());
  s.pass_ms(16'000);
  EXPECT_FALSE(s.up());
  EXPECT_EQ(s.counter("sessions_lost"), 1U);
  EXPECT_FALSE(s.port().all<CloseLink>().empty()) << "the silent connection must not stay";
}

TEST(NodeSession, AnyAnsweredPingKeepsItUp) {
  ScriptedInlet s;
  s.connected();
  for (int i = 0; i < 20; ++i) {
    s.pong();
    s.pass_ms(25'000);
  }
  EXPECT_TRUE(s.up());
}

TEST(NodeSession, RetriesBackOffToAboutASecondAndLaterToThreeWithJitter) {
  ScriptedInlet s;
  std::vector<std::uint64_t> gaps;
  for (int i = 0; i < 80; ++i) {
    s.refused();
    const std::size_t before = s.connects();
    const std::uint64_t start = s.network.now_ns();
    while (s.connects() == before) {
      s.network.advance_to(s.node->next_deadline_ns());
      s.node->step();
    }
    gaps.push_back((s.network.now_ns() - start) / kNsPerMs);
  }
  EXPECT_LE(gaps.front(), 200U);
  for (int i = 5; i < 20; ++i) EXPECT_LE(gaps[i], 1'000U);
  std::set<std::uint64_t> late(gaps.end() - 10, gaps.end());
  for (const std::uint64_t gap : late) {
    EXPECT_GE(gap, 1'500U);
    EXPECT_LE(gap, 3'000U);
  }
  EXPECT_GT(late.size(), 5U) << "clients must not come back in step";
}

TEST(NodeSession, AHundredLossesLeaveNothingBehind) {
  ScriptedInlet s;
  LinkUp link = s.connected();
  const std::size_t workers = s.node->list_workers().size();
  for (int i = 0; i < 100; ++i) {
    s.pass_ms(6'000);
    s.port().events.push_back(LinkDown{link.link, 0});
    s.node->step();
    s.pass_ms(100);
    link = s.connected();
    ASSERT_TRUE(s.up());
  }
  EXPECT_EQ(s.node->list_workers().size(), workers);
  EXPECT_EQ(s.node->list_tcp_connections().size(), 1U);
}

TEST(NodeControl, UpperCaseIsFullUnicode) {
  EXPECT_EQ(control::upper_case("stra\xc3\x9f"
                                "e \xc4\xb1")
                .value(),
            "STRASSE I");
  EXPECT_EQ(control::upper_case("").value(), "");
}

}  // namespace
}  // namespace weir::test
