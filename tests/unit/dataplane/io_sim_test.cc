// The simulated network itself: that a seed replays, and that each fault does what it says.
#include <gtest/gtest.h>

#include <cerrno>

#include "dataplane/io/sim_io.h"
#include "dataplane/io/sim_peer.h"
#include "io_world.h"

namespace weir {
namespace {

constexpr BufferLimits kLimits = {{64, 16, 4, 0}};

// A shard-like echo server on SimIo, driven by step().
class EchoShard {
 public:
  explicit EchoShard(SimNetwork& network) : pool_(kLimits), io_(pool_, network) {
    (void)io_.listen(SocketAddress::v4_loopback(0), kListener, address).value();
  }
  // True while it had events.
  bool run_once() {
    IoEvent events[8];
    const std::size_t n = io_.reap(events, ~std::uint64_t{0});
    for (std::size_t i = 0; i < n; ++i) handle(events[i]);
    return n > 0 || io_.is_due();
  }
  SimIo& io() { return io_; }

  SocketAddress address;
  std::size_t accepted = 0;
  std::size_t closed = 0;

 private:
  static constexpr std::uint64_t kListener = ~std::uint64_t{0};
  struct Flow {
    SocketId socket = kNoSocket;
    Buffer* buffer = nullptr;
    iovec vector{};
  };

  void handle(const IoEvent& event) {
    if (event.kind == IoEventKind::kAccepted) {
      const std::uint64_t user = flows_.size();
      flows_.push_back({io_.adopt(event.result, user, {}).value(), nullptr, {}});
      io_.receive_any(flows_.back().socket, BufferClass::kSmall);
      ++accepted;
      return;
    }
    if (event.kind == IoEventKind::kClosed) {
      ++closed;
      return;
    }
    Flow& flow = flows_[event.user];
    if (event.result <= 0) return end(flow);
    if (event.kind == IoEventKind::kReceived) {
      flow.buffer = event.buffer;
      flow.vector = {event.buffer->data, static_cast<std::size_t>(event.result)};
    } else {
      advance(flow, event.result);
    }
    push(flow);
  }
  static void advance(Flow& flow, std::int32_t count) {
    flow.vector.iov_base = static_cast<std::uint8_t*>(flow.vector.iov_base) + count;
    flow.vector.iov_len -= static_cast<std::size_t>(count);
  }
  void push(Flow& flow) {
    while (flow.vector.iov_len > 0) {
      const std::int32_t n = io_.send(flow.socket, {&flow.vector, 1}, flow.vector.iov_len);
      if (n == -EINPROGRESS) return;
      if (n < 0) return end(flow);
      advance(flow, n);
    }
    pool_.unref(std::exchange(flow.buffer, nullptr));
    io_.receive_any(flow.socket, BufferClass::kSmall);
  }
  void end(Flow& flow) {
    if (flow.buffer != nullptr) pool_.unref(std::exchange(flow.buffer, nullptr));
    io_.close(flow.socket, false);
  }

  BufferPool pool_;
  SimIo io_;
  std::vector<Flow> flows_;
};

void settle(EchoShard& shard) {
  while (shard.run_once()) {
  }
}
// Lets time pass until `done` or the limit of virtual time.
template <typename Done>
bool run_until(SimNetwork& network, EchoShard& shard, std::uint64_t limit_ns, Done done) {
  const std::uint64_t end_ns = network.now_ns() + limit_ns;
  for (;;) {
    settle(shard);
    if (done()) return true;
    if (!network.step(std::min(end_ns, shard.io().deadline_ns())) && network.now_ns() >= end_ns)
      return done();
  }
}

// Echoes 64 KiB over each of three connections under drawn faults; returns the trace.
std::uint64_t run_scenario(std::uint64_t seed, std::string& parameters_text,
                           std::size_t& complete) {
  SeededRng draw(seed);
  const SimParameters parameters = SimParameters::draw(draw);
  parameters_text = parameters.to_string();
  SimNetwork network(seed, parameters);
  EchoShard shard(network);
  SimPeer peer(network);
  const Bytes data = io_test::pattern_bytes(0, 65536);
  struct Client {
    SimEnd end;
    std::size_t sent = 0;
    Bytes got;
    bool over = false;
  };
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back({peer.connect(shard.address), 0, {}, false});
  run_until(network, shard, 300 * kNsPerSecond, [&] {
    bool all_over = true;
    for (Client& client : clients) {
      const std::int32_t outcome = peer.connect_outcome(client.end);
      if (outcome != 0 && outcome != -EINPROGRESS) client.over = true;
      if (outcome == 0 && !client.over) {
        std::int32_t n = 1;
        while (n > 0 && client.sent < data.size()) {
          n = peer.send(client.end, ByteSpan(data).subspan(client.sent));
          if (n > 0) client.sent += static_cast<std::size_t>(n);
        }
        std::int32_t result = 0;
        const Bytes more = peer.receive(client.end, ~std::size_t{0}, &result);
        client.got.insert(client.got.end(), more.begin(), more.end());
        if (client.got.size() == data.size() || result == 0 || (result < 0 && result != -EAGAIN))
          client.over = true;
      }
      all_over = all_over && client.over;
    }
    return all_over;
  });
  complete = 0;
  for (const Client& client : clients) {
    EXPECT_LE(client.got.size(), data.size());
    EXPECT_TRUE(std::equal(client.got.begin(), client.got.end(), data.begin()))
        << "bytes lost or reordered";
    complete += client.got.size() == data.size() ? 1 : 0;
  }
  return network.trace_hash();
}

TEST(SimNetwork, SeedReplaysTheWholeRunAndFaultsNeverCorruptAStream) {
  std::size_t complete_total = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::string parameters;
    std::size_t complete = 0, again = 0;
    const std::uint64_t first = run_scenario(seed, parameters, complete);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + parameters);
    EXPECT_EQ(run_scenario(seed, parameters, again), first);
    EXPECT_EQ(complete, again);
    complete_total += complete;
  }
  EXPECT_GT(complete_total, 60u) << "the drawn faults leave too little working";
}

TEST(SimNetwork, SlowReaderFillsTheWindowAndStopsTheSender) {
  SimParameters parameters;
  parameters.window_bytes = 10'000;
  SimNetwork network(1, parameters);
  EchoShard shard(network);
  SimPeer peer(network);
  const SimEnd end = peer.connect(shard.address);
  ASSERT_TRUE(
      run_until(network, shard, kNsPerSecond, [&] { return peer.connect_outcome(end) == 0; }));
  const Bytes data(1 << 20, 7);
  std::size_t sent = 0;
  run_until(network, shard, 10 * kNsPerSecond, [&] {
    const std::int32_t n = peer.send(end, ByteSpan(data).subspan(sent));
    if (n > 0) sent += static_cast<std::size_t>(n);
    return false;  // never reads
  });
  // Two windows and one buffer of the shard: then everything stands still.
  EXPECT_GE(sent, 10'000u);
  EXPECT_LE(sent, 2 * 10'000u + 4096u);
  std::size_t got = 0;
  ASSERT_TRUE(run_until(network, shard, 60 * kNsPerSecond, [&] {
    got += peer.receive(end, 1000).size();
    return got == sent;
  }));
}

TEST(SimNetwork, CutAddressLosesOpenConnectionsSilentlyAndTimesNewOnesOut) {
  SimNetwork network(1, {});
  EchoShard shard(network);
  SimPeer peer(network);
  const SimEnd end = peer.connect(shard.address);
  ASSERT_TRUE(
      run_until(network, shard, kNsPerSecond, [&] { return peer.connect_outcome(end) == 0; }));
  network.cut(shard.address, true);
  EXPECT_GT(peer.send(end, as_bytes("hello?")), 0);
  const SimEnd late = peer.connect(shard.address);
  std::int32_t result = 0;
  EXPECT_FALSE(run_until(network, shard, 100 * kNsPerSecond,
                         [&] { return !peer.receive(end, 100, &result).empty(); }));
  EXPECT_EQ(result, -EAGAIN) << "a lost connection says nothing";
  EXPECT_TRUE(run_until(network, shard, 100 * kNsPerSecond,
                        [&] { return peer.connect_outcome(late) == -ETIMEDOUT; }));
  network.cut(shard.address, false);
  const SimEnd again = peer.connect(shard.address);
  EXPECT_TRUE(
      run_until(network, shard, kNsPerSecond, [&] { return peer.connect_outcome(again) == 0; }));
}

TEST(SimNetwork, ResetReachesBothEnds) {
  SimNetwork network(1, {});
  EchoShard shard(network);
  SimPeer peer(network);
  const SimEnd end = peer.connect(shard.address);
  ASSERT_TRUE(run_until(network, shard, kNsPerSecond, [&] { return shard.accepted == 1; }));
  network.reset_connection(end);
  EXPECT_TRUE(run_until(network, shard, kNsPerSecond, [&] { return shard.closed == 1; }));
  std::int32_t result = 0;
  EXPECT_TRUE(run_until(network, shard, kNsPerSecond, [&] {
    peer.receive(end, 1, &result);
    return result != -EAGAIN;
  }));
  EXPECT_EQ(result, -ECONNRESET);
}

TEST(SimNetwork, AcceptThatMetALimitIsRetried) {
  SimParameters parameters;
  parameters.exhaust_accept = 800;
  SimNetwork network(3, parameters);
  EchoShard shard(network);
  SimPeer peer(network);
  for (int i = 0; i < 5; ++i) peer.connect(shard.address);
  EXPECT_TRUE(run_until(network, shard, 60 * kNsPerSecond, [&] { return shard.accepted == 5; }));
}

TEST(SimNetwork, PeerCanBeConnectedToByAShard) {
  SimNetwork network(1, {});
  BufferPool pool(kLimits);
  SimIo io(pool, network);
  SimPeer peer(network);
  SocketAddress bound;
  const SimEnd listener = peer.listen(bound);
  const SocketId id = io.connect(bound, 5, {}).value();
  IoEvent event[1];
  while (io.reap(event, 0) == 0) ASSERT_TRUE(network.step());
  EXPECT_EQ(event[0].kind, IoEventKind::kConnected);
  EXPECT_EQ(event[0].result, 0);
  const SimEnd accepted = peer.accept(listener);
  ASSERT_GE(accepted, 0);
  EXPECT_EQ(peer.send(accepted, as_bytes("hi")), 2);
  io.receive_any(id, BufferClass::kSmall);
  while (io.reap(event, 0) == 0) ASSERT_TRUE(network.step());
  EXPECT_EQ(event[0].result, 2);
  pool.unref(event[0].buffer);
}

TEST(SimClock, WallClockJumpsAndMonotonicTimeDoesNot) {
  SimNetwork network(1, {});
  SimClock clock(network, 1000);
  const std::uint64_t mono = clock.now_ns();
  const std::uint64_t wall = clock.unix_seconds();
  clock.jump(-500);
  EXPECT_EQ(clock.now_ns(), mono);
  EXPECT_EQ(clock.unix_seconds(), wall - 500);
  network.advance_to(network.now_ns() + 3 * kNsPerSecond);
  EXPECT_EQ(clock.now_ns(), mono + 3 * kNsPerSecond);
  EXPECT_EQ(clock.unix_seconds(), wall - 497);
}

}  // namespace
}  // namespace weir
