// Portals through two real shards: an inlet, an outlet, a connection between them, and
// applications.
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "base/hex.h"
#include "shard_harness.h"

namespace weir {
namespace {
using test::RawPeer;
using test::route;
using test::TestShard;

constexpr FlowId kListener = 0xff000001;
constexpr FlowId kOutgoing = 0xff000002;

// A non-blocking application socket.
struct App {
  int fd = -1;
  Bytes in;
  bool eof = false;
  int error = 0;

  App() = default;
  explicit App(int owned) : fd(owned) {}
  App(App&& other) noexcept
      : fd(std::exchange(other.fd, -1)), in(std::move(other.in)), eof(other.eof) {}
  App& operator=(App&&) = delete;
  ~App() { close(); }
  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  std::size_t write_some(ByteSpan bytes) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  void read_some(std::size_t most = 1 << 20) {
    Bytes chunk(most);
    const ssize_t n = recv(fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n > 0) in.insert(in.end(), chunk.begin(), chunk.begin() + n);
    if (n == 0) eof = true;
    if (n < 0 && errno != EAGAIN) error = errno;
  }
};

struct PortalWorld {
  TestShard inlet;
  TestShard outlet;
  int target_fd = -1;
  SocketAddress target;
  SocketAddress inlet_address;

  PortalWorld() {
    target_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    target = SocketAddress::v4_loopback(0);
    EXPECT_EQ(bind(target_fd, &target.any, target.size()), 0);
    EXPECT_EQ(listen(target_fd, 64), 0);
    socklen_t size = sizeof target.v6;
    getsockname(target_fd, &target.any, &size);
    const SocketAddress transport = outlet.listen(kListener);
    ConnectLink connect;
    connect.request = 5;
    connect.addresses = {transport};
    connect.flow = kOutgoing;
    inlet.send(connect);
    run([&] { return inlet.find<LinkUp>() != nullptr; });
    const LinkUp link = inlet.take<LinkUp>();
    OpenInlet open;
    open.inlet = 7;
    open.address = SocketAddress::v4_loopback(0);
    inlet.send(open);
    inlet_address = inlet.take<Listening>().bound;
    RouteInlet path;
    path.inlet = 7;
    path.onward = route({link.sender, "outlet"});
    inlet.send(path);
    open_outlet(target);
  }
  ~PortalWorld() {
    if (target_fd >= 0) close(target_fd);
  }
  void open_outlet(const SocketAddress& to) {
    OpenOutlet command;
    command.outlet = 8;
    command.address = "outlet";
    command.targets = {to};
    command.allowed = {kListener};
    outlet.send(command);
    run([] { return false; }, 5);
  }
  template <typename F>
  bool run(F&& until, int turns = 3000) {
    for (int i = 0; i < turns; ++i) {
      if (until()) return true;
      inlet.step(0);
      outlet.step(i % 4 == 3 ? 1 : 0);
    }
    return until();
  }
  App client() {
    App app(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect(app.fd, &inlet_address.any, inlet_address.size());
    return app;
  }
  App accepted() {
    int fd = -1;
    run([&] {
      fd = accept4(target_fd, nullptr, nullptr, SOCK_NONBLOCK);
      return fd >= 0;
    });
    EXPECT_GE(fd, 0);
    return App(fd);
  }
  template <typename T>
  T ended(TestShard& shard) {
    run([&] { return shard.find<T>() != nullptr; });
    return shard.take<T>();
  }
};

Bytes pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t x = 12345;
  for (auto& byte : out) byte = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
  return out;
}

void pump(PortalWorld& world, App& from, App& to, const Bytes& data) {
  std::size_t sent = 0;
  to.in.clear();
  EXPECT_TRUE(world.run(
      [&] {
        sent += from.write_some(ByteSpan(data).subspan(sent));
        to.read_some();
        return to.in.size() >= data.size();
      },
      200000));
  EXPECT_TRUE(equal(to.in, data));
}

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
