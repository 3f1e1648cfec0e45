// Portals through two real shards: an inlet, an outlet, a connection between them, and
// applications.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "portal_world.h"

namespace weir {
namespace {
using namespace test;

TEST(ShardPortal, CarriesBytesBothWaysInOrder) {
  PortalWorld world;
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(1));
  pump(world, server, client, pattern(100));
  pump(world, client, server, pattern(20 << 20));
  pump(world, server, client, pattern(20 << 20));
  client.close();
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return server.eof;
  }));
  server.close();
  EXPECT_EQ(world.ended<StreamEnded>(world.inlet).reason,
            static_cast<int>(StreamReason::kFinished));
  EXPECT_EQ(world.ended<StreamEnded>(world.outlet).reason,
            static_cast<int>(StreamReason::kFinished));
  world.run([] { return false; }, 20);
  EXPECT_EQ(world.inlet.shard.portals.size(), 0u);
  EXPECT_EQ(world.outlet.shard.portals.size(), 0u);
  EXPECT_EQ(world.inlet.shard.counters.get(Counter::kPayloadCopies), 0u);
  EXPECT_EQ(world.outlet.shard.counters.get(Counter::kPayloadCopies), 0u);
}

TEST(ShardPortal, AnAnswerAfterHalfCloseArrives) {
  PortalWorld world;
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(5000));
  shutdown(client.fd, SHUT_WR);
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return server.eof;
  }));
  pump(world, server, client, pattern(300000));
  server.close();
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    return client.eof;
  }));
}

TEST(ShardPortal, ARefusedTargetClosesTheClientAtOnceAndSaysWhy) {
  PortalWorld world;
  close(std::exchange(world.target_fd, -1));
  App client = world.client();
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    return client.eof || client.error != 0;
  }));
  EXPECT_EQ(world.ended<StreamEnded>(world.inlet).reason,
            static_cast<int>(StreamReason::kTargetRefused));
  EXPECT_EQ(world.ended<StreamEnded>(world.outlet).reason,
            static_cast<int>(StreamReason::kTargetRefused));
}

TEST(ShardPortal, AResetArrivesAsReset) {
  PortalWorld world;
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(10));
  client.reset();
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return server.error == ECONNRESET;
  }));
}

TEST(ShardPortal, ASlowReaderSlowsOnlyItself) {
  PortalWorld world;
  App slow_client = world.client();
  App slow_server = world.accepted();
  App client = world.client();
  App server = world.accepted();
  const Bytes data = pattern(1 << 20);
  // Until nothing more is taken: the slow reader's window and sockets are full.
  std::size_t taken = 0;
  for (int idle = 0; idle < 200;) {
    const std::size_t n = slow_server.write_some(data);
    taken += n;
    idle = n == 0 ? idle + 1 : 0;
    world.run([] { return false; }, 2);
  }
  EXPECT_LT(taken, std::size_t{40} << 20);
  pump(world, server, client, pattern(10 << 20));
  pump(world, client, server, pattern(1 << 20));
  // It goes on where it stopped, and nothing is missing.
  std::size_t read = 0;
  EXPECT_TRUE(world.run(
      [&] {
        slow_client.in.clear();
        slow_client.read_some();
        read += slow_client.in.size();
        return read >= taken;
      },
      100000));
}

TEST(ShardPortal, ALostConnectionResetsItsStreams) {
  PortalWorld world;
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(10));
  LinkInfo link;
  world.inlet.send(Report{1, ReportKind::kLinks});
  link = world.inlet.take<Reported>().links.at(0);
  world.inlet.send(CloseLink{link.link});
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    server.read_some();
    return (client.eof || client.error != 0) && (server.eof || server.error != 0);
  }));
  world.run([] { return false; }, 20);
  EXPECT_EQ(world.inlet.shard.portals.size(), 0u);
  EXPECT_EQ(world.outlet.shard.portals.size(), 0u);
  EXPECT_EQ(world.outlet.shard.links.size(), 0u);
}

TEST(ShardPortal, APausedInletClosesItsClients) {
  PortalWorld world;
  RouteInlet pause;
  pause.inlet = 7;
  world.inlet.send(pause);
  App client = world.client();
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    return client.eof || client.error != 0;
  }));
}

// Spec 05 section 17: what a real inlet and a real outlet do on the wire, by hand.
TEST(ShardPortal, SpeaksToARealInletWithoutExtensions) {
  TestShard shard;
  const SocketAddress transport = shard.listen(kListener);
  PortalWorld other;  // its target is used
  OpenOutlet outlet;
  outlet.outlet = 3;
  outlet.address = "outlet";
  outlet.targets = {other.target};
  outlet.allowed = {kListener};
  shard.send(outlet);
  RawPeer inlet(shard, transport);
  inlet.write_frame(route({"outlet"}), route({"a"}), Bytes{0});
  Bytes body = inlet.read_frame();
  wire::MessageView pong;
  ASSERT_EQ(wire::parse_message(body, {}, pong), wire::ParseResult::kOk);
  ASSERT_EQ(to_hex(pong.payload), "01");  // no Cap
  EncodedRoute to;
  to.items = to_bytes(pong.ret.items);
  to.count = pong.ret.count;
  App server = other.accepted();
  inlet.write_frame(to, {}, *from_hex("030568656c6c6f"));
  for (int i = 0; i < 100 && server.in.size() < 5; ++i) {
    shard.step();
    server.read_some();
  }
  EXPECT_EQ(as_text(server.in), "hello");
  server.write_some(as_bytes("world"));
  body = inlet.read_frame();
  ASSERT_EQ(wire::parse_message(body, {}, pong), wire::ParseResult::kOk);
  EXPECT_EQ(to_hex(pong.payload), "0305" + to_hex(as_bytes("world")));
  server.close();
  body = inlet.read_frame();
  ASSERT_EQ(wire::parse_message(body, {}, pong), wire::ParseResult::kOk);
  EXPECT_EQ(to_hex(pong.payload), "02");
  // A target that is gone: Pong, then Disconnect, so that a real inlet closes its client.
  close(std::exchange(other.target_fd, -1));
  inlet.write_frame(route({"outlet"}), route({"a"}), Bytes{0});
  body = inlet.read_frame();
  ASSERT_EQ(wire::parse_message(body, {}, pong), wire::ParseResult::kOk);
  EXPECT_EQ(to_hex(pong.payload), "01");
  body = inlet.read_frame();
  ASSERT_EQ(wire::parse_message(body, {}, pong), wire::ParseResult::kOk);
  EXPECT_EQ(to_hex(pong.payload), "02");
}

}  // namespace
}  // namespace weir
