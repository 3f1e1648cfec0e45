// Portals without a handshake (docs/spec/05 section 7): between two shards, and with a peer that
// writes what a real inlet writes.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "portal_world.h"

namespace weir {
namespace {
using namespace test;

Bytes payload(ByteSpan data) {
  Bytes out(wire::payload_head_bytes(data.size()));
  wire::put_payload_head(out.data(), data.size());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

const Bytes kPing = {0};
const Bytes kDisconnect = {2};

// One shard with an outlet that skips the handshake, and a peer that has a connection to it.
struct OutletWorld {
  TestShard shard;
  SocketAddress transport = shard.listen(kListener);
  int target_fd = -1;
  std::unique_ptr<RawPeer> peer;

  explicit OutletWorld(std::vector<PrincipalId> authorized = {}) {
    target_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SocketAddress target = SocketAddress::v4_loopback(0);
    EXPECT_EQ(bind(target_fd, &target.any, target.size()), 0);
    EXPECT_EQ(listen(target_fd, 0), 0);
    socklen_t size = sizeof target.v6;
    getsockname(target_fd, &target.any, &size);
    OpenOutlet outlet;
    outlet.outlet = 3;
    outlet.address = "outlet";
    outlet.targets = {target};
    outlet.allowed = {kListener, kChannelListener};
    outlet.skip_handshake = true;
    outlet.only_authorized = !authorized.empty();
    outlet.authorized = std::move(authorized);
    shard.send(outlet);
    peer = std::make_unique<RawPeer>(shard, transport);
  }
  ~OutletWorld() { close(target_fd); }

  void write(const char* from, const Bytes& message) {
    peer->write_frame(route({"outlet"}), route({from}), message);
  }
  // The next message to the peer, as hex; `to` is where it goes. Empty: none comes.
  std::string read(std::string* to = nullptr) {
    const Bytes body = peer->read_frame();
    wire::MessageView message;
    Bytes copy = body;
    if (wire::parse_message(copy, {}, message) != wire::ParseResult::kOk) return "";
    if (to != nullptr) *to = wire::route_text(message.onward);
    return to_hex(message.payload);
  }
  template <typename F>
  bool run(F&& until, int turns = 3000) {
    for (int i = 0; i < turns; ++i) {
      if (until()) return true;
      shard.step();
    }
    return false;
  }
  int accept_one() {
    int fd = -1;
    run([&] { return (fd = accept4(target_fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; });
    return fd;
  }
  // Nobody has connected, also after a while.
  bool nobody_connected() {
    run([] { return false; }, 100);  // the peer's kernel holds small writes back for 40 ms
    return accept4(target_fd, nullptr, nullptr, SOCK_NONBLOCK) < 0;
  }
  std::uint64_t dropped(DropReason reason) { return shard.shard.counters.dropped(reason); }
  std::uint32_t streams() { return shard.shard.portals.size(); }
  // Makes the target's kernel queue full, so that it answers nobody until one is accepted.
  std::vector<App> fill_backlog() {
    SocketAddress target = SocketAddress::v4_loopback(0);
    socklen_t size = sizeof target.v6;
    getsockname(target_fd, &target.any, &size);
    std::vector<App> fillers;
    for (int i = 0; i < 3; ++i) {
      fillers.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      connect(fillers.back().fd, &target.any, target.size());
    }
    return fillers;
  }
};

TEST(ShardPortalSkip, CarriesBytesBothWaysInOrder) {
  PortalWorld world(true, true);
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
}

TEST(ShardPortalSkip, StreamsOfOneConnectionStayApart) {
  PortalWorld world(true, true);
  App client1 = world.client();
  App server1 = world.accepted();
  App client2 = world.client();
  App server2 = world.accepted();
  for (int i = 0; i < 3; ++i) {
    pump(world, client1, server1, pattern(300000));
    pump(world, client2, server2, pattern(200000));
    pump(world, server2, client2, pattern(100000));
    pump(world, server1, client1, pattern(400000));
  }
  // The target's end reaches its own client only.
  server1.close();
  EXPECT_TRUE(world.run([&] {
    client1.read_some();
    return client1.eof;
  }));
  pump(world, client2, server2, pattern(1000));
}

TEST(ShardPortalSkip, ARefusedTargetClosesTheClientAtOnce) {
  PortalWorld world(true, true);
  close(std::exchange(world.target_fd, -1));
  App client = world.client();
  client.write_some(pattern(1000));
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    return client.eof || client.error != 0;
  }));
  EXPECT_EQ(world.ended<StreamEnded>(world.outlet).reason,
            static_cast<int>(StreamReason::kTargetRefused));
}

TEST(ShardPortalSkip, AnInletAloneEndsItsClientsAndSaysWhy) {
  PortalWorld world(true, false);
  App client = world.client();
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    return client.eof || client.error != 0;
  }));
  EXPECT_EQ(world.ended<StreamEnded>(world.inlet).reason,
            static_cast<int>(StreamReason::kModesDiffer));
  // The target's connection ends too.
  App server = world.accepted();
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return server.eof || server.error != 0;
  }));
}

TEST(ShardPortalSkip, AnOutletAloneStillServesWeirInlets) {
  PortalWorld world(false, true);
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(100000));
  pump(world, server, client, pattern(100000));
}

TEST(ShardPortalSkip, ADeletedOutletEndsItsStreams) {
  PortalWorld world(true, true);
  App client = world.client();
  App server = world.accepted();
  pump(world, client, server, pattern(10));
  world.outlet.send(CloseOutlet{8});
  EXPECT_TRUE(world.run([&] {
    client.read_some();
    server.read_some();
    return (client.eof || client.error != 0) && (server.eof || server.error != 0);
  }));
}

// What a real inlet writes, by hand.
TEST(ShardPortalSkip, SpeaksToARealInlet) {
  OutletWorld world;
  world.write("a", kPing);
  world.write("a", payload(as_bytes("hello")));
  App server(world.accept_one());
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return as_text(server.in) == "hello";
  }));
  world.write("a", kPing);  // of a known stream: nothing
  world.write("a", payload(as_bytes(" again")));
  EXPECT_TRUE(world.run([&] {
    server.read_some();
    return as_text(server.in) == "hello again";
  }));
  server.write_some(as_bytes("world"));
  std::string to;
  EXPECT_EQ(world.read(&to), "0305" + to_hex(as_bytes("world")));  // no Pong before it
  EXPECT_EQ(to, "0#a");
  // Another stream of the same peer.
  world.write("b", kPing);
  App other(world.accept_one());
  EXPECT_GE(other.fd, 0);
  world.write("b", payload(as_bytes("x")));
  EXPECT_TRUE(world.run([&] {
    other.read_some();
    return as_text(other.in) == "x";
  }));
  server.close();
  EXPECT_EQ(world.read(&to), "02");
  EXPECT_EQ(to, "0#a");
  world.write("b", kDisconnect);
  EXPECT_TRUE(world.run([&] {
    other.read_some();
    return other.eof;
  }));
  other.close();
  EXPECT_TRUE(world.run([&] { return world.streams() == 0; }));
}

TEST(ShardPortalSkip, DataAndEndThatComeBeforeTheTargetAnswersArriveInOrder) {
  OutletWorld world;
  const std::vector<App> fillers = world.fill_backlog();
  const Bytes data = pattern(700000);
  world.write("a", kPing);
  for (std::size_t at = 0; at < data.size(); at += 7000) {
    world.write("a",
                payload(ByteSpan(data).subspan(at, std::min<std::size_t>(7000, data.size() - at))));
  }
  world.write("a", kDisconnect);
  EXPECT_TRUE(world.run([&] { return world.streams() == 1; }));
  // The queue has room again; the kernel repeats its SYN after a second.
  std::vector<App> taken;
  Bytes got;
  const std::uint64_t until = world.shard.clock.now_ns() + 20 * kNsPerSecond;
  while (got.size() < data.size() && world.shard.clock.now_ns() < until) {
    const int fd = accept4(world.target_fd, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd >= 0) taken.emplace_back(fd);
    world.shard.step();
    for (App& app : taken) {
      app.read_some();
      if (!app.in.empty()) got = app.in;
    }
  }
  EXPECT_TRUE(equal(got, data));
  EXPECT_TRUE(world.run([&] { return world.streams() == 0; }));
  EXPECT_EQ(world.dropped(DropReason::kPortalParked), 0u);
}

TEST(ShardPortalSkip, WhatATargetThatDoesNotAnswerMakesWaitIsBounded) {
  OutletWorld world;
  const std::vector<App> fillers = world.fill_backlog();
  const Bytes piece = payload(Bytes(100000, 1));
  world.write("a", kPing);
  for (int i = 0; i < 40; ++i) world.write("a", piece);
  EXPECT_TRUE(world.run([&] { return world.streams() == 1; }));
  EXPECT_LE(world.shard.pool.in_use(BufferClass::kBulk), 6u);
  // 4.1 MB: too much. The peer is told instead of losing bytes.
  world.write("a", piece);
  world.write("a", piece);
  std::string to;
  EXPECT_EQ(world.read(&to), "02");
  EXPECT_EQ(to, "0#a");
  EXPECT_TRUE(world.run([&] { return world.streams() == 0; }));
  EXPECT_EQ(world.dropped(DropReason::kPortalParked), 1u);
  EXPECT_EQ(world.shard.pool.in_use(BufferClass::kBulk), 0u);
  // All streams together are bounded as well, and the next one finds room when others have ended.
  for (int stream = 0; stream < 10; ++stream) {
    const std::string from = "s" + std::to_string(stream);
    world.write(from.c_str(), kPing);
    for (int i = 0; i < 39; ++i) world.write(from.c_str(), piece);
  }
  EXPECT_TRUE(world.run(
      [&] { return world.dropped(DropReason::kPortalParked) == 3 && world.streams() == 8; }));
  world.peer->close();
  EXPECT_TRUE(world.run([&] { return world.streams() == 0; }));
  EXPECT_EQ(world.shard.pool.in_use(BufferClass::kBulk), 0u);
  EXPECT_LE(world.shard.pool.in_use(BufferClass::kMedium), 1u);  // heads of what is written next
}

TEST(ShardPortalSkip, OnlyAPingDialsTheTarget) {
  OutletWorld world;
  world.write("a", kDisconnect);
  world.write("a", Bytes{1});
  EXPECT_TRUE(world.nobody_connected());
  EXPECT_EQ(world.dropped(DropReason::kPortalUnknownStream), 2u);
  // Data for a stream that has ended: the inlet's client must not hang.
  world.write("a", payload(as_bytes("late")));
  std::string to;
  EXPECT_EQ(world.read(&to), "02");
  EXPECT_EQ(to, "0#a");
  EXPECT_TRUE(world.nobody_connected());
  EXPECT_EQ(world.dropped(DropReason::kPortalUnknownStream), 3u);
  // Neither does what does not decode, nor an address that is no address of a worker.
  world.write("a", Bytes{});
  world.write("a", Bytes{9});
  world.write("a", Bytes{3, 0xff});
  const std::string long_address(5000, 'a');
  world.write(long_address.c_str(), kPing);
  EXPECT_TRUE(world.nobody_connected());
  EXPECT_EQ(world.dropped(DropReason::kPortalMessage), 4u);
  EXPECT_EQ(world.streams(), 0u);
}

TEST(ShardPortalSkip, AnotherIdentityCannotWriteIntoAStream) {
  OutletWorld world({11, 22});
  const LinkUp link = world.shard.take<LinkUp>();
  FarEnd one = install(world.shard, 1, link, 11);
  FarEnd two = install(world.shard, 2, link, 22);
  FarEnd stranger = install(world.shard, 3, link, 33);
  const auto write = [&](FarEnd& far, int n, const Bytes& message) {
    world.peer->write_frame(route({channel_address(n, "de")}), {},
                            far.seal(route({"outlet"}), route({"same"}), message));
  };
  write(one, 1, kPing);
  App server(world.accept_one());
  write(one, 1, payload(as_bytes("mine")));
  write(two, 2, payload(as_bytes("theirs")));
  write(two, 2, kDisconnect);
  // Each message is checked, not only the first.
  write(stranger, 3, kPing);
  write(stranger, 3, payload(as_bytes("nobody's")));
  world.write("same", kPing);
  EXPECT_TRUE(world.nobody_connected());
  server.read_some();
  EXPECT_EQ(as_text(server.in), "mine");
  EXPECT_FALSE(server.eof);
  EXPECT_EQ(world.dropped(DropReason::kNotAuthorized), 3u);
  EXPECT_EQ(world.dropped(DropReason::kPortalUnknownStream), 2u);
  // The same address of another identity is a stream of its own.
  write(two, 2, kPing);
  App other(world.accept_one());
  write(two, 2, payload(as_bytes("ours")));
  EXPECT_TRUE(world.run([&] {
    other.read_some();
    return as_text(other.in) == "ours";
  }));
}

TEST(ShardPortalSkip, AKnownStreamIsFoundAmongThousands) {
  SeededRng rng(5);
  SenderMap map;
  map.seed(rng);
  std::vector<Bytes> addresses;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    addresses.push_back(wire::Address::local("stream" + std::to_string(i)).encode());
    map.add({i % 3, addresses.back()}, {i, i + 1});
  }
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const auto* found = map.find({i % 3, addresses[i]});
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->index, i);
    EXPECT_EQ(map.find({i % 3 + 1, addresses[i]}), nullptr);
    if (i % 2 == 0) map.remove({i % 3, addresses[i]});
  }
  EXPECT_EQ(map.size(), 2500u);
}

}  // namespace
}  // namespace weir
