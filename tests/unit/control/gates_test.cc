// Gates: what a policy says reaches frames and live streams, on any number of shards.
#include <map>

#include "control/policy/access.h"
#include "control/policy/policy_expression.h"
#include "tests/unit/control/node_world.h"

namespace weir::test {
namespace {

Expr expression(const char* text) {
  auto parsed = PolicyExpression::parse(text);
  CHECK(parsed.has_value());
  return parsed->to_expr();
}

// An outlet and an inlet with a channel between them; the outlet's node guards it.
struct Guarded {
  explicit Guarded(std::uint32_t shards, bool skip_handshake = false)
      : world(shards), peer(world.network) {
    out = &world.start(world.persona());
    in = &world.start(in_persona);
    target = peer.listen(address);
    set_policy(in_persona.id.text().c_str());
    CHECK(world
              .wait<OutletStatus>([&](auto done) {
                OutletRequest request;
                request.to = wire::HostnamePort::parse(address.text()).value();
                request.skip_handshake = skip_handshake;
                out->node.create_outlet(request, std::move(done));
              })
              .has_value());
    const auto made = world.wait<InletStatus>([&](auto done) {
      InletRequest request;
      request.listen = wire::HostnamePort::parse("127.0.0.1:0").value();
      request.to = wire::MultiAddr::parse(World::at(*out) + "/secure/api/service/outlet").value();
      request.alias = "in";
      request.wait_for_outlet_ms = 5'000;
      request.skip_handshake = skip_handshake;
      in->node.create_inlet(request, std::move(done));
    });
    CHECK(made.has_value());
    inlet = made->bind_address;
  }
  // Of the outlet; the short form.
  void set_policy(const char* text) {
    CHECK(out->node.policies().put(PolicyScope::kResource, "outlet", expression(text)).has_value());
  }
  bool carries() { return world.round_trip(peer, target, inlet, "hello", 3'000); }

  World world;
  Persona& in_persona = world.persona();
  SimPeer peer;
  SimNode* out = nullptr;
  SimNode* in = nullptr;
  SocketAddress address;
  SimEnd target = -1;
  std::string inlet;
};

TEST(Gates, APolicyOpensAndClosesAnOutletForChannelsThatAreOpen) {
  for (const std::uint32_t shards : {1U, 2U, 3U}) {
    SCOPED_TRACE(shards);
    Guarded portal(shards);
    for (int round = 0; round < 2; ++round) {
      EXPECT_TRUE(portal.carries());
      portal.set_policy("nobody");
      EXPECT_FALSE(portal.carries());
      portal.set_policy(portal.in_persona.id.text().c_str());
    }
    EXPECT_TRUE(portal.carries());
  }
}

TEST(Gates, AStreamEndsWithTheRightToIt) {
  for (const bool skip_handshake : {false, true}) {
    for (const std::uint32_t shards : {1U, 2U}) {
      SCOPED_TRACE(shards);
      Guarded portal(shards, skip_handshake);
      const SimEnd client = portal.peer.connect(SocketAddress::parse(portal.inlet).value());
      SimEnd served = -1;
      std::string got;
      ASSERT_TRUE(portal.world.run([&] {
        if (got.empty()) portal.peer.send(client, as_bytes("x"));
        if (served < 0) served = portal.peer.accept(portal.target);
        if (served >= 0) got += std::string(as_text(portal.peer.receive(served)));
        return !got.empty();
      }));
      portal.world.sleep_ms(500);
      got += std::string(as_text(portal.peer.receive(served)));
      portal.set_policy("nobody");
      const std::uint64_t began = portal.world.now_ms();
      EXPECT_TRUE(portal.world.run([&] { return portal.out->data.streams() == 0; }, 5'000));
      EXPECT_LT(portal.world.now_ms() - began, 1'000U);
      const std::size_t before = got.size();
      portal.peer.send(client, as_bytes("more"));
      portal.world.sleep_ms(500);
      got += std::string(as_text(portal.peer.receive(served)));
      EXPECT_EQ(got.size(), before) << "a byte passed without a right";
    }
  }
}

// A node with outlets, and another one that may use them if their policies say so.
struct ManyOutlets {
  ManyOutlets() : peer(world.network), target(peer.listen(address)) {}

  std::string who() const { return other.node.config().identity.text(); }
  // The outlets' own policies; empty: none.
  void create(int count, const std::function<std::string(int)>& policy) {
    for (int i = 0; i < count; ++i) {
      const std::string name = "outlet" + std::to_string(i);
      if (const std::string text = policy(i); !text.empty()) set_policy(name, text);
      ASSERT_TRUE(world.wait<OutletStatus>([&](auto done) {
        OutletRequest request;
        request.to = wire::HostnamePort::parse(address.text()).value();
        request.address = name;
        node.node.create_outlet(request, std::move(done));
      }));
    }
  }
  void set_policy(const std::string& resource, const std::string& text) {
    ASSERT_TRUE(
        node.node.policies().put(PolicyScope::kResource, resource, expression(text.c_str())));
  }
  bool carries(int outlet) {
    const std::string name = "outlet" + std::to_string(outlet);
    auto [inlet, is_new] = inlets.try_emplace(outlet);
    if (is_new) {
      const auto made = world.inlet(other, World::at(node) + "/secure/api/service/" + name, name);
      CHECK(made.has_value());
      inlet->second = made->bind_address;
    }
    return world.round_trip(peer, target, inlet->second, "hello", 2'000);
  }

  World world;
  SimNode& node = world.start(world.persona());
  SimNode& other = world.start(world.persona());
  SimPeer peer;
  SocketAddress address;
  SimEnd target;
  std::map<int, std::string> inlets;
};

TEST(Gates, ManyResourcesShareTheGateOfTheirType) {
  ManyOutlets outlets;
  ASSERT_TRUE(outlets.node.node.policies().put(PolicyScope::kResourceType, "tcp-outlet",
                                               expression(outlets.who().c_str())));
  outlets.create(100, [](int) { return ""; });
  EXPECT_TRUE(outlets.carries(99));
}

TEST(Gates, ManyResourcesShareTheGateOfEqualPolicies) {
  ManyOutlets outlets;
  const std::string who = outlets.who();
  outlets.create(150, [&](int i) { return i % 2 == 0 ? who : "nobody"; });
  EXPECT_TRUE(outlets.carries(0));
  EXPECT_TRUE(outlets.carries(148));
  EXPECT_FALSE(outlets.carries(1));
  EXPECT_FALSE(outlets.carries(149));
  // One of them parts, and comes back.
  outlets.set_policy("outlet148", "nobody or notanybody");
  EXPECT_FALSE(outlets.carries(148));
  EXPECT_TRUE(outlets.carries(0));
  outlets.set_policy("outlet149", who);
  outlets.set_policy("outlet148", who);
  EXPECT_TRUE(outlets.carries(148));
  EXPECT_TRUE(outlets.carries(149));
  EXPECT_FALSE(outlets.carries(1));
  EXPECT_FALSE(outlets.world.logged("all that weir can guard"));
}

TEST(Gates, APolicyThatNamesItsResourceIsNotShared) {
  ManyOutlets outlets;
  outlets.create(2, [](int) { return R"((= resource.id "outlet1"))"; });
  EXPECT_FALSE(outlets.carries(0));
  EXPECT_TRUE(outlets.carries(1));
}

TEST(Gates, MorePoliciesThanGatesCloseWhatHasNone) {
  ManyOutlets outlets;
  const std::string who = outlets.who();
  outlets.create(70, [&](int i) { return who + " or other" + std::to_string(i); });
  EXPECT_TRUE(outlets.carries(0));
  EXPECT_FALSE(outlets.carries(69));
  EXPECT_TRUE(outlets.world.logged("all that weir can guard"));
  // Gates that are free again serve what had none.
  for (int i = 10; i < 20; ++i) outlets.set_policy("outlet" + std::to_string(i), who);
  EXPECT_TRUE(outlets.carries(69));
}

TEST(Gates, AHopIsNoWayAround) {
  World world;
  SimNode& node = world.start(world.persona());
  SimNode& other = world.start(world.persona());
  ASSERT_TRUE(node.node.start_hop("hop"));
  ASSERT_TRUE(node.node.policies().put(PolicyScope::kResource, "echo", expression("nobody")));
  EXPECT_FALSE(world.message(other, World::at(node) + "/service/hop/service/echo", {1}, 1'000));
  ASSERT_TRUE(node.node.policies().remove(PolicyScope::kResource, "echo"));
  EXPECT_TRUE(world.message(other, World::at(node) + "/service/hop/service/echo", {1}, 1'000));
}

}  // namespace
}  // namespace weir::test
