// Portals through two real shards: an inlet, an outlet, a connection between them, and
// applications.
#pragma once

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "shard_far_end.h"
#include "shard_harness.h"

namespace weir::test {

inline constexpr FlowId kOutgoing = 0xff000003;

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

  explicit PortalWorld(bool inlet_skips = false, bool outlet_skips = false) {
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
    open.skip_handshake = inlet_skips;
    inlet.send(open);
    inlet_address = inlet.take<Listening>().bound;
    RouteInlet path;
    path.inlet = 7;
    path.onward = route({link.sender, "outlet"});
    inlet.send(path);
    open_outlet(target, outlet_skips);
  }
  ~PortalWorld() {
    if (target_fd >= 0) close(target_fd);
  }
  void open_outlet(const SocketAddress& to, bool skips) {
    OpenOutlet command;
    command.outlet = 8;
    command.address = "outlet";
    command.targets = {to};
    command.allowed = {kListener};
    command.skip_handshake = skips;
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

inline Bytes pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t x = 12345;
  for (auto& byte : out) byte = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
  return out;
}

inline void pump(PortalWorld& world, App& from, App& to, const Bytes& data) {
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

}  // namespace weir::test
