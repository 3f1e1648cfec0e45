// Nodes with their real shards in virtual time: what a user of several nodes relies on.
#include <fmt/format.h>

#include "control/store/state.h"
#include "tests/unit/control/node_world.h"

namespace weir::test {
namespace {

TEST(NodeWhole, MessagesReachServicesOfAnotherNode) {
  World world;
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const auto upper = world.message(b, World::at(a) + "/service/uppercase",
                                   text_message("stra\xc3\x9f"
                                                "e \xc4\xb1"));
  ASSERT_TRUE(upper) << upper.error().text();
  EXPECT_EQ(wire::decode_bare_string(*upper).value(), "STRASSE I");
  const auto echo = world.message(b, World::at(a) + "/service/echo", {});
  ASSERT_TRUE(echo) << echo.error().text();
  EXPECT_TRUE(echo->empty());
  // The connections made for it are closed again.
  world.sleep_ms(100);
  EXPECT_TRUE(b.node.list_tcp_connections().empty());
  EXPECT_TRUE(a.node.list_tcp_connections().empty());
}

TEST(NodeWhole, LocalServicesAnswerWithoutAConnection) {
  World world;
  SimNode& a = world.start(world.persona());
  const auto upper = world.message(a, "/service/uppercase", text_message("abc"));
  ASSERT_TRUE(upper) << upper.error().text();
  EXPECT_EQ(wire::decode_bare_string(*upper).value(), "ABC");
}

TEST(NodeWhole, ChannelsDirectlyBehindEachOtherWork) {
  World world;
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const auto echo = world.message(b, World::at(a) + "/secure/api/secure/api/service/uppercase",
                                  text_message("x"));
  ASSERT_TRUE(echo) << echo.error().text();
  EXPECT_EQ(wire::decode_bare_string(*echo).value(), "X");
  world.sleep_ms(100);
  EXPECT_TRUE(b.node.list_secure_channels().empty());
}

TEST(NodeWhole, TwoTransportsAreRefusedBeforeTheFirstConnect) {
  World world;
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const auto echo = world.message(b, World::at(a) + World::at(a) + "/service/echo", {});
  ASSERT_FALSE(echo);
  EXPECT_STREQ(echo.error().what, "multiple transport connections created in a `MultiAddr`");
  EXPECT_TRUE(b.node.list_tcp_connections().empty());
}

TEST(NodeWhole, TheWrongIdentityIsRefusedAtOnce) {
  World world;
  Persona& stranger = world.persona();
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const std::uint64_t before = world.now_ms();
  const auto channel = world.channel(b, World::at(a) + "/service/api", {{stranger.id}}, 120'000);
  ASSERT_FALSE(channel);
  EXPECT_LT(world.now_ms() - before, 1'000U);
  world.sleep_ms(11'000);
  EXPECT_EQ(a.data.channels(), 0U);
  EXPECT_EQ(b.data.channels(), 0U);
  EXPECT_TRUE(b.node.list_tcp_connections().empty());
}

TEST(NodeWhole, AChannelThatIsDeletedTakesItsConnectionAndItsPeersEndAlong) {
  World world;
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const auto workers = b.node.list_workers().size();
  const auto channel = world.channel(b, World::at(a) + "/service/api");
  ASSERT_TRUE(channel) << channel.error().text();
  EXPECT_EQ(channel->peer, a.node.config().identity);
  EXPECT_EQ(b.node.list_secure_channels().size(), 1U);
  const auto upper =
      world.message(b, "/service/" + channel->encryptor + "/service/uppercase", text_message("a"));
  ASSERT_TRUE(upper) << upper.error().text();
  ASSERT_TRUE(b.node.delete_secure_channel(channel->encryptor));
  world.sleep_ms(100);
  EXPECT_EQ(a.data.channels(), 0U);
  EXPECT_EQ(b.data.channels(), 0U);
  EXPECT_TRUE(b.node.list_tcp_connections().empty());
  EXPECT_EQ(b.node.list_workers().size(), workers);
}

TEST(NodeWhole, OnlyWhatTheTableSaysIsReachable) {
  World world;
  NodeConfig exposed;
  exposed.expose_node_manager = true;
  SimNode& a = world.start(world.persona());
  SimNode& open = world.start(world.persona(), 0, exposed);
  SimNode& b = world.start(world.persona());
  ASSERT_TRUE(a.node.start_hop("hop"));
  open.node.set_api_handler([](Bytes request, auto answer) { answer(std::move(request)); });
  const std::string plain = World::at(a);
  const std::string secure = World::at(a) + "/secure/api";
  const auto reaches = [&](const std::string& to) {
    return world.message(b, to, text_message("q"), 500).has_value();
  };
  EXPECT_TRUE(reaches(plain + "/service/echo"));
  EXPECT_TRUE(reaches(secure + "/service/echo"));
  EXPECT_TRUE(reaches(plain + "/service/uppercase"));
  EXPECT_TRUE(reaches(secure + "/service/uppercase"));
  EXPECT_TRUE(reaches(plain + "/service/hop/service/echo"));
  EXPECT_FALSE(reaches(secure + "/service/hop/service/echo"));
  EXPECT_FALSE(reaches(plain + "/service/_internal.nodemanager"));
  EXPECT_FALSE(reaches(secure + "/service/_internal.nodemanager"));
  EXPECT_TRUE(reaches(World::at(open) + "/service/_internal.nodemanager"));
  EXPECT_FALSE(reaches(World::at(open) + "/secure/api/service/_internal.nodemanager"));
  EXPECT_FALSE(reaches(plain + "/service/app"));
  // Relay service and relays: by both.
  EXPECT_TRUE(reaches(plain + "/service/forwarding_service"));
  EXPECT_TRUE(reaches(secure + "/service/static_forwarding_service"));
  EXPECT_TRUE(world.channel(b, plain + "/service/api", {}, 500));
  EXPECT_TRUE(world.channel(b, secure + "/service/api", {}, 500));
  // Other peers' sockets and channels: never.
  const std::string other = a.node.list_tcp_connections().front().worker_address;
  EXPECT_FALSE(reaches(plain + "/service/" + other + "/service/echo"));
}

TEST(NodeWhole, AListenerOfItsOwnGivesNothingUntilAConsumerIsAdded) {
  World world;
  SimNode& a = world.start(world.persona());
  SimNode& b = world.start(world.persona());
  const auto listener = world.wait<TransportInfo>(
      [&](auto done) { a.node.create_tcp_listener("127.0.0.1:0", std::move(done)); });
  ASSERT_TRUE(listener) << listener.error().text();
  const std::string to =
      "/ip4/127.0.0.1/tcp/" + std::to_string(listener->socket_address.port()) + "/service/echo";
  EXPECT_FALSE(world.message(b, to, {}, 500));
  ASSERT_TRUE(a.node.add_consumer(listener->flow_control_id,
                                  wire::MultiAddr::parse("/service/echo").value()));
  EXPECT_TRUE(world.message(b, to, {}, 500));
}

TEST(NodeWhole, ARelayNameBelongsToTheIdentityThatRegisteredIt) {
  World world;
  SimNode& hub = world.start(world.persona());
  Persona& owner = world.persona();
  SimNode& a = world.start(owner);
  SimNode& thief = world.start(world.persona());
  const auto mine = world.relay(a, World::at(hub) + "/secure/api", "x");
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->status, ConnectionStatus::kUp);
  EXPECT_EQ(mine->remote_address.value_or(""), "forward_to_x");
  EXPECT_EQ(world.relay(thief, World::at(hub) + "/secure/api", "x")->status,
            ConnectionStatus::kDown);
  ASSERT_TRUE(thief.node.delete_relay("x"));
  EXPECT_EQ(world.relay(thief, World::at(hub), "x")->status, ConnectionStatus::kDown)
      << "a plain connection must not take it either";
  SimNode& c = world.start(world.persona());
  const auto who = world.channel(c, World::at(hub) + "/service/forward_to_x/service/api");
  ASSERT_TRUE(who) << who.error().text();
  EXPECT_EQ(who->peer, owner.id);
  // The same identity may come again by another channel.
  SimNode& again = world.start(owner);
  EXPECT_EQ(world.relay(again, World::at(hub) + "/secure/api", "x")->status, ConnectionStatus::kUp);
}

TEST(NodeWhole, NamesThatCrashOckamAreOnlyNames) {
  World world;
  SimNode& hub = world.start(world.persona());
  SimNode& a = world.start(world.persona());
  for (const std::string name : {"x#y", "a#b#c", "", "\xc3\xa4 => b"}) {
    const auto relay = world.relay(a, World::at(hub), name);
    ASSERT_TRUE(relay);
    EXPECT_EQ(relay->status, ConnectionStatus::kUp) << name;
    EXPECT_EQ(relay->remote_address.value_or(""), "forward_to_" + name);
  }
}

TEST(NodeWhole, ARelayEndsWithTheConnectionThatRegisteredIt) {
  World world;
  SimNode& hub = world.start(world.persona());
  SimNode& a = world.start(world.persona());
  const std::size_t workers = hub.node.list_workers().size();
  ASSERT_EQ(world.relay(a, World::at(hub), "x")->status, ConnectionStatus::kUp);
  EXPECT_GT(hub.node.list_workers().size(), workers);
  ASSERT_TRUE(a.node.delete_relay("x"));
  world.sleep_ms(100);
  EXPECT_EQ(hub.node.list_workers().size(), workers);
  EXPECT_TRUE(a.node.list_tcp_connections().empty());
}

struct Portal {
  explicit Portal(World& w, const std::string& relay_suffix = "",
                  const std::string& inlet_relay = "")
      : world(w), peer(w.network) {
    hub = &world.start(hub_persona, kHubPort);
    out = &world.start(world.persona());
    in = &world.start(world.persona());
    target = peer.listen(target_address);
    EXPECT_TRUE(world.outlet(*out, target_address));
    EXPECT_EQ(world.relay(*out, World::at(*hub) + relay_suffix, "r")->status,
              ConnectionStatus::kUp);
    const auto made = world.inlet(
        *in, World::at(*hub) + inlet_relay + "/service/forward_to_r/secure/api/service/outlet");
    EXPECT_TRUE(made);
    EXPECT_EQ(made->status, ConnectionStatus::kUp);
    inlet = made->bind_address;
  }
  static constexpr std::uint16_t kHubPort = 4000;
  World& world;
  Persona& hub_persona = world.persona();
  SimNode* hub = nullptr;
  SimNode* out = nullptr;
  SimNode* in = nullptr;
  SimPeer peer;
  SocketAddress target_address;
  SimEnd target = -1;
  std::string inlet;
};

TEST(NodeWhole, APortalCarriesBytesThroughAnOpaqueRelay) {
  World world;
  Portal portal(world);
  EXPECT_TRUE(world.round_trip(portal.peer, portal.target, portal.inlet, "hello"));
}

TEST(NodeWhole, APortalCarriesBytesThroughARelayWithChannelsToBothEnds) {
  World world;
  Portal portal(world, "/secure/api", "/secure/api");
  EXPECT_TRUE(world.round_trip(portal.peer, portal.target, portal.inlet, "hello"));
}

// The first client comes as soon as there is a route, and sends more than a channel that is just
// being made keeps: none of it may be lost.
TEST(NodeWhole, PortalsWithoutAHandshakeCarryTheirFirstBytes) {
  for (const std::uint32_t shards : {1U, 2U}) {
    World world(shards);
    SimNode& out = world.start(world.persona());
    SimNode& in = world.start(world.persona());
    SimPeer peer(world.network);
    SocketAddress target_address;
    const SimEnd target = peer.listen(target_address);
    ASSERT_TRUE(world.wait<OutletStatus>([&](auto done) {
      OutletRequest request;
      request.to = wire::HostnamePort::parse(target_address.text()).value();
      request.skip_handshake = true;
      out.node.create_outlet(request, std::move(done));
    }));
    const auto made = world.wait<InletStatus>([&](auto done) {
      InletRequest request;
      request.listen = wire::HostnamePort::parse("127.0.0.1:0").value();
      request.to = wire::MultiAddr::parse(World::at(out) + "/secure/api/service/outlet").value();
      request.alias = "in";
      request.wait_for_outlet_ms = 5'000;
      request.skip_handshake = true;
      in.node.create_inlet(request, std::move(done));
    });
    ASSERT_TRUE(made);
    EXPECT_EQ(made->status, ConnectionStatus::kUp);
    const std::string text(3'000'000, 'x');
    const SimEnd client = peer.connect(SocketAddress::parse(made->bind_address).value());
    std::size_t sent = 0;
    std::size_t got = 0;
    SimEnd served = -1;
    EXPECT_TRUE(world.run(
        [&] {
          if (sent < text.size()) {
            sent += static_cast<std::size_t>(
                std::max(0, peer.send(client, as_bytes(text).subspan(sent))));
          }
          if (served < 0) served = peer.accept(target);
          if (served >= 0) got += peer.receive(served).size();
          return got == text.size();
        },
        20'000));
    EXPECT_EQ(got, text.size());
  }
}

TEST(NodeWhole, PortalsWorkOnSeveralShards) {
  for (const std::uint32_t shards : {2U, 3U}) {
    for (const std::string channels : {"", "/secure/api"}) {
      World world(shards);
      Portal portal(world, channels, channels);
      for (int i = 0; i < 6; ++i) {
        EXPECT_TRUE(world.round_trip(portal.peer, portal.target, portal.inlet, "hello"))
            << shards << " shards" << channels;
      }
    }
  }
}

// Why frames did not arrive, for a failure's text.
std::string drops(const Portal& portal) {
  std::string text;
  for (SimNode* node : {portal.in, portal.hub, portal.out}) {
    text += "\n" + node->node.config().name + ":";
    for (auto& shard : node->data.all) {
      for (int r = 1; r < static_cast<int>(DropReason::kCount); ++r) {
        const auto reason = static_cast<DropReason>(r);
        const auto count = shard->shard.counters.dropped(reason);
        if (count != 0) text += fmt::format(" {}={}", drop_reason_name(reason), count);
      }
      text += ";";
    }
  }
  return text;
}
std::string tail(const World& world) {
  std::string text;
  const std::size_t count = std::min<std::size_t>(world.log.size(), 40);
  for (std::size_t i = world.log.size() - count; i < world.log.size(); ++i) {
    text += "\n" + world.log[i];
  }
  return text;
}

void restarts(const std::string& channels, int count, std::uint32_t shards = 1) {
  World world(shards);
  Portal portal(world, channels, channels);
  ASSERT_TRUE(world.round_trip(portal.peer, portal.target, portal.inlet, "before"));
  world.sleep_ms(6'000);
  const auto measure = [&] {
    std::vector<std::size_t> sizes;
    for (SimNode* node : {portal.in, portal.out, portal.hub}) {
      sizes.push_back(node->node.list_workers().size());
      sizes.push_back(node->node.list_tcp_connections().size());
      sizes.push_back(node->data.addresses());
      sizes.push_back(node->data.channels());
      sizes.push_back(node->data.links());
      sizes.push_back(node->data.streams());
    }
    return sizes;
  };
  const auto before = measure();
  for (int i = 0; i < count; ++i) {
    world.kill(*portal.hub);
    ASSERT_TRUE(world.run(
        [&] { return portal.in->node.list_inlets()[0].status == ConnectionStatus::kDown; }, 2'000))
        << "the loss was not noticed";
    world.sleep_ms(3'000);
    portal.hub = &world.start(portal.hub_persona, Portal::kHubPort);
    ASSERT_TRUE(world.run(
        [&] {
          return portal.in->node.list_inlets()[0].status == ConnectionStatus::kUp &&
                 portal.out->node.list_relays()[0].status == ConnectionStatus::kUp;
        },
        5'000))
        << "restart " << i;
    ASSERT_TRUE(world.round_trip(portal.peer, portal.target, portal.inlet, "again"))
        << "restart " << i << drops(portal) << tail(world);
    // Longer than a session needs to be trusted, and than a channel lingers.
    world.sleep_ms(6'000);
  }
  world.sleep_ms(125'000);
  EXPECT_EQ(measure(), before);
}

TEST(NodeWhole, EndsRecoverFromRelayRestartsInFiveSecondsAndLeakNothing) { restarts("", 100); }
TEST(NodeWhole, EndsWithChannelsRecoverFromRelayRestartsAndLeakNothing) {
  restarts("/secure/api", 100);
}
TEST(NodeWhole, EndsOnSeveralShardsRecoverFromRelayRestartsAndLeakNothing) {
  restarts("/secure/api", 20, 2);
}

TEST(NodeWhole, AnInletListensBeforeItsOutletExists) {
  World world;
  SimNode& in = world.start(world.persona());
  SimPeer peer(world.network);
  SocketAddress target_address;
  const SimEnd target = peer.listen(target_address);
  const auto made =
      world.inlet(in, "/ip4/127.0.0.1/tcp/4001/secure/api/service/outlet", "in", 1'000);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->status, ConnectionStatus::kDown);
  EXPECT_FALSE(world.round_trip(peer, target, made->bind_address, "x", 500));
  SimNode& out = world.start(world.persona(), 4001);
  ASSERT_TRUE(world.outlet(out, target_address));
  ASSERT_TRUE(
      world.run([&] { return in.node.list_inlets()[0].status == ConnectionStatus::kUp; }, 5'000));
  EXPECT_TRUE(world.round_trip(peer, target, made->bind_address, "x"));
}

TEST(NodeWhole, ANodeThatIsStartedAgainHasItsResources) {
  World world;
  auto state = State::open({});
  ASSERT_TRUE(state) << state.error().text();
  Persona& who = world.persona();
  NodeConfig config;
  config.name = "kept";
  SimNode& hub = world.start(world.persona());
  SimNode& a = world.start(who, 4005, config, state->get());
  a.node.clear_stored();
  SimPeer peer(world.network);
  SocketAddress target_address;
  const SimEnd target = peer.listen(target_address);
  ASSERT_TRUE(world.outlet(a, target_address));
  ASSERT_TRUE(world.relay(a, World::at(hub) + "/secure/api", "kept"));
  const auto inlet =
      world.inlet(a, World::at(hub) + "/service/forward_to_kept/secure/api/service/outlet");
  ASSERT_TRUE(inlet);
  ASSERT_TRUE(a.node.start_hop("hop"));
  ASSERT_TRUE(a.node.create_secure_channel_listener({"mine", {{who.id}}, std::nullopt}));
  ASSERT_TRUE(world.wait<TransportInfo>(
      [&](auto done) { a.node.create_tcp_listener("127.0.0.1:4006", std::move(done)); }));
  ASSERT_TRUE(world.round_trip(peer, target, inlet->bind_address, "x"));
  world.kill(a);
  SimNode& b = world.start(who, 4005, config, state->get());
  b.node.restore_all();
  ASSERT_TRUE(world.run([&] {
    const auto inlets = b.node.list_inlets();
    return inlets.size() == 1 && inlets[0].status == ConnectionStatus::kUp;
  }));
  EXPECT_EQ(b.node.list_inlets()[0].bind_address, inlet->bind_address);
  EXPECT_TRUE(world.round_trip(peer, target, inlet->bind_address, "x"));
  EXPECT_EQ(b.node.list_tcp_listeners().size(), 2U);
  EXPECT_EQ(b.node.list_secure_channel_listeners().size(), 2U);
  EXPECT_EQ(b.node.list_services().size(), 3U);
  SimNode& stranger = world.start(world.persona());
  EXPECT_FALSE(
      world.channel(stranger, World::at(b) + "/service/mine", {}, 500)->peer_history_hex.empty())
      << "an initiator cannot see the refusal";
  EXPECT_FALSE(world.message(stranger, World::at(b) + "/secure/mine/service/echo", {}, 500));
  // What was deleted stays away.
  ASSERT_TRUE(b.node.delete_inlet("in"));
  ASSERT_TRUE(b.node.delete_relay("kept"));
  world.kill(b);
  SimNode& c = world.start(who, 4005, config, state->get());
  c.node.restore_all();
  world.sleep_ms(1'000);
  EXPECT_TRUE(c.node.list_inlets().empty());
  EXPECT_TRUE(c.node.list_relays().empty());
  EXPECT_EQ(c.node.list_outlets().size(), 1U);
}

TEST(NodeWhole, ANodeWaitsForAnAddressThatAKilledOneStillHolds) {
  World world;
  SimPeer holder(world.network);
  SocketAddress held;
  const SimEnd listener = holder.listen(held);
  Persona& who = world.persona();
  NodeConfig config;
  config.name = "n";
  config.tcp_listener = held;
  SimNode node(world.network, world.clock, who, config, nullptr, 1, &world.log);
  std::optional<Result<std::optional<SocketAddress>>> started;
  node.node.start([&](auto result) { started = std::move(result); });
  const auto run_for_ms = [&](std::uint64_t ms) {
    const std::uint64_t end_ns = world.network.now_ns() + ms * kNsPerMs;
    while (world.network.now_ns() < end_ns) {
      node.data.step();
      node.node.step();
      if (!world.network.step(world.network.now_ns() + kNsPerMs))
        world.network.advance_to(world.network.now_ns() + kNsPerMs);
    }
  };
  run_for_ms(500);
  EXPECT_FALSE(started.has_value());
  holder.close(listener);
  run_for_ms(100);
  ASSERT_TRUE(started.has_value());
  EXPECT_TRUE(started->has_value());

  // An inlet, too; and an address that stays taken is an error.
  SocketAddress taken;
  const SimEnd second = holder.listen(taken);
  std::optional<Result<InletStatus>> made;
  InletRequest request;
  request.listen = wire::HostnamePort::parse(taken.text()).value();
  request.to = wire::MultiAddr::parse("/service/outlet").value();
  request.wait_for_outlet_ms = 1;
  const auto create = [&](const std::string& alias) {
    made.reset();
    request.alias = alias;
    node.node.create_inlet(request, [&](auto result) { made = std::move(result); });
  };
  create("first");
  run_for_ms(200);
  EXPECT_FALSE(made.has_value());
  holder.close(second);
  run_for_ms(100);
  EXPECT_EQ(node.node.list_inlets().size(), 1u);
  run_for_ms(4'000);
  create("second");
  run_for_ms(10);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->error().code, Errc::kAlreadyExists);
}

TEST(NodeWhole, OutletsServeOnlyTheAuthorized) {
  World world;
  SimNode& out = world.start(world.persona());
  SimNode& friendly = world.start(world.persona());
  SimNode& stranger = world.start(world.persona());
  SimPeer peer(world.network);
  SocketAddress target_address;
  const SimEnd target = peer.listen(target_address);
  ASSERT_TRUE(world.wait<OutletStatus>([&](auto done) {
    OutletRequest request;
    request.to = wire::HostnamePort::parse(target_address.text()).value();
    request.authorized = {{friendly.node.config().identity}};
    out.node.create_outlet(request, std::move(done));
  }));
  const std::string to = World::at(out) + "/secure/api/service/outlet";
  const auto good = world.inlet(friendly, to);
  const auto bad = world.inlet(stranger, to);
  const auto plain = world.inlet(friendly, World::at(out) + "/service/outlet", "plain");
  EXPECT_TRUE(world.round_trip(peer, target, good->bind_address, "x"));
  EXPECT_FALSE(world.round_trip(peer, target, bad->bind_address, "x", 2'000));
  EXPECT_FALSE(world.round_trip(peer, target, plain->bind_address, "x", 2'000));
}

// An outlet to a name, on a host that moves from one address to another.
struct NamedTarget {
  explicit NamedTarget(World& w) : world(w), peer(w.network) {
    out = &world.start(world.persona());
    in = &world.start(world.persona());
    first = peer.listen(first_address);
    second = peer.listen(second_address,
                         SocketAddress::parse("127.0.0.2:" + std::to_string(port())).value());
  }
  std::uint16_t port() const { return first_address.port(); }
  void create() {
    EXPECT_TRUE(world.wait<OutletStatus>([&](auto done) {
      OutletRequest request;
      request.to = wire::HostnamePort::parse("db.test:" + std::to_string(port())).value();
      out->node.create_outlet(request, std::move(done));
    }));
    inlet = world.inlet(*in, World::at(*out) + "/secure/api/service/outlet")->bind_address;
  }
  bool served_by(SimEnd target) { return world.round_trip(peer, target, inlet, "x", 2'000); }

  World& world;
  SimNode* out = nullptr;
  SimNode* in = nullptr;
  SimPeer peer;
  SocketAddress first_address;
  SocketAddress second_address;
  SimEnd first = -1;
  SimEnd second = -1;
  std::string inlet;
};

TEST(NodeWhole, AnOutletsNameIsAskedForAgainOnlyWhenItIsUsed) {
  for (const std::uint32_t shards : {1U, 3U}) {
    World world(shards);
    NamedTarget named(world);
    TableResolver& names = named.out->resolver;
    names.put("db.test", {named.first_address});
    named.create();
    EXPECT_EQ(names.asked(), 1u);
    EXPECT_TRUE(named.served_by(named.first));
    world.sleep_ms(20 * 60'000);
    EXPECT_EQ(names.asked(), 1u);  // unused: nobody asks
    // The old address serves once more; what was learned by that serves the next.
    names.put("db.test", {named.second_address});
    EXPECT_TRUE(named.served_by(named.first));
    EXPECT_EQ(names.asked(), 2u);
    EXPECT_TRUE(named.served_by(named.second));
    EXPECT_TRUE(named.served_by(named.second));
    EXPECT_EQ(names.asked(), 2u);  // still good
    // A name that is gone keeps its addresses, and is asked for again at most every 30 s.
    world.sleep_ms(31'000);
    names.remove("db.test");
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(named.served_by(named.second));
    EXPECT_EQ(names.asked(), 3u);
    world.sleep_ms(31'000);
    EXPECT_TRUE(named.served_by(named.second));
    EXPECT_EQ(names.asked(), 4u);
    world.sleep_ms(20 * 60'000);
    EXPECT_EQ(names.asked(), 4u);
  }
}

TEST(NodeWhole, AnOutletWhoseNameHasNoAnswerYetFindsItLater) {
  World world;
  NamedTarget named(world);
  TableResolver& names = named.out->resolver;
  named.create();
  EXPECT_FALSE(named.served_by(named.first));
  // Ever more rarely: 3 s, 6 s, ... 5 minutes.
  world.sleep_ms(60 * 60'000);
  EXPECT_LT(names.asked(), 22u);
  names.put("db.test", {named.first_address});
  // Who uses it does not wait for that.
  EXPECT_FALSE(named.served_by(named.first));
  EXPECT_TRUE(named.served_by(named.first));
}

TEST(NodeWhole, ForwardersJoinSeveralTransportHops) {
  World world;
  SimNode& n1 = world.start(world.persona());
  SimNode& n2 = world.start(world.persona());
  SimNode& n3 = world.start(world.persona(), 4003);
  const auto make = [&](auto done) { n2.node.create_forwarder("127.0.0.1:4003", std::move(done)); };
  const auto forwarder = world.wait<ForwarderInfo>(make);
  ASSERT_TRUE(forwarder) << forwarder.error().text();
  EXPECT_EQ(world.wait<ForwarderInfo>(make)->address, forwarder->address);
  const std::string path = World::at(n2) + "/service/" + forwarder->address;
  const auto upper =
      world.message(n1, path + "/secure/api/service/uppercase", text_message("hello ockam!"));
  ASSERT_TRUE(upper) << upper.error().text();
  EXPECT_EQ(wire::decode_bare_string(*upper).value(), "HELLO OCKAM!");
  // Its connection comes back when it is needed.
  world.kill(n3);
  world.sleep_ms(1'000);
  EXPECT_FALSE(world.message(n1, path + "/service/echo", {}, 500));
  world.start(world.persona(), 4003);
  world.sleep_ms(6'000);
  EXPECT_TRUE(world.message(n1, path + "/service/echo", {}, 5'000));
  ASSERT_TRUE(n2.node.delete_forwarder(forwarder->address));
  EXPECT_FALSE(world.message(n1, path + "/service/echo", {}, 500));
}

TEST(NodeWhole, UnreachableTargetsOfForwardersAreAnError) {
  World world;
  SimNode& n2 = world.start(world.persona());
  EXPECT_FALSE(world.wait<ForwarderInfo>(
      [&](auto done) { n2.node.create_forwarder("127.0.0.1:9", std::move(done)); }));
  EXPECT_TRUE(n2.node.list_forwarders().empty());
}

}  // namespace
}  // namespace weir::test
