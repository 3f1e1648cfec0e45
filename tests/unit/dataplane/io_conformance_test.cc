// The contract of dataplane/io/io.h, held against every back end and each of its fallbacks.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <optional>
#include <thread>

#include "io_world.h"

namespace weir::io_test {
namespace {

constexpr std::uint64_t kListenerUser = 1;
constexpr std::uint64_t kClientUser = 2;
constexpr std::uint64_t kServerUser = 3;

class IoConformance : public testing::TestWithParam<Backend> {
 protected:
  IoConformance() : world_(GetParam().make_world()) {}

  struct Pair {
    SocketId client = kNoSocket;
    SocketId server = kNoSocket;
    SocketId listener = kNoSocket;
  };
  // `a` connects to a listener of `b`; both are left with nothing seen.
  Pair make_pair(Host& a, Host& b) {
    Pair pair;
    SocketAddress bound;
    pair.listener = b.io->listen(SocketAddress::v4_loopback(0), kListenerUser, bound).value();
    pair.client = a.io->connect(bound, kClientUser, {}).value();
    EXPECT_TRUE(pump_until({&a, &b}, [&] {
      return a.find(IoEventKind::kConnected, kClientUser) &&
             b.find(IoEventKind::kAccepted, kListenerUser);
    }));
    EXPECT_EQ(a.find(IoEventKind::kConnected, kClientUser)->result, 0);
    const NativeSocket accepted = b.find(IoEventKind::kAccepted, kListenerUser)->result;
    pair.server = b.io->adopt(accepted, kServerUser, {}).value();
    a.forget();
    b.forget();
    return pair;
  }
  // `text` is a literal; the vector must stay until a send that is queued has ended.
  std::int32_t send_text(Host& host, SocketId socket, std::string_view text) {
    vectors_.push_back({const_cast<char*>(text.data()), text.size()});
    return host.io->send(socket, {&vectors_.back(), 1});
  }
  std::deque<iovec> vectors_;
  // Sends a short text and waits until it is gone.
  void deliver(Host& host, SocketId socket, std::uint64_t user, std::string_view text) {
    iovec vector{const_cast<char*>(text.data()), text.size()};
    while (vector.iov_len > 0) {
      std::int32_t n = host.io->send(socket, {&vector, 1});
      if (n == -EINPROGRESS) {
        ASSERT_TRUE(pump_until({&host}, [&] { return host.find(IoEventKind::kSent, user); }));
        n = host.find(IoEventKind::kSent, user)->result;
        std::erase_if(host.seen, [](const IoEvent& e) { return e.kind == IoEventKind::kSent; });
      }
      ASSERT_GT(n, 0);
      vector.iov_base = static_cast<char*>(vector.iov_base) + n;
      vector.iov_len -= static_cast<std::size_t>(n);
    }
  }

  std::unique_ptr<World> world_;
};

std::string buffer_text(const IoEvent& event) {
  return event.buffer == nullptr
             ? std::string()
             : std::string(as_text({event.buffer->data, static_cast<std::size_t>(event.result)}));
}

TEST_P(IoConformance, ConnectionAcceptedByOneShardLivesOnAnother) {
  Host client(*world_), acceptor(*world_), owner(*world_);
  SocketAddress bound;
  const SocketId listener = acceptor.io->listen(SocketAddress::v4_loopback(0), 7, bound).value();
  EXPECT_NE(bound.port(), 0);
  const SocketId connected = client.io->connect(bound, kClientUser, {}).value();
  ASSERT_TRUE(pump_until({&client, &acceptor}, [&] {
    return client.find(IoEventKind::kConnected, kClientUser) &&
           acceptor.find(IoEventKind::kAccepted, 7);
  }));
  const IoEvent accepted = *acceptor.find(IoEventKind::kAccepted, 7);
  EXPECT_TRUE(accepted.peer.is_loopback());
  EXPECT_NE(accepted.peer.port(), 0);
  // Data that arrives before the socket has an owner is not lost.
  deliver(client, connected, kClientUser, "early");
  const SocketId adopted =
      owner.io->adopt(accepted.result, kServerUser, {.no_delay = true, .keep_alive = true}).value();
  std::string got;
  owner.on_event = [&](const IoEvent& event) {
    ASSERT_EQ(event.kind, IoEventKind::kReceived);
    ASSERT_GT(event.result, 0);
    got += buffer_text(event);
    owner.pool.unref(event.buffer);
    if (got.size() < 5) owner.io->receive_any(adopted, BufferClass::kSmall);
  };
  owner.io->receive_any(adopted, BufferClass::kSmall);
  ASSERT_TRUE(pump_until({&owner}, [&] { return got == "early"; }));
  EXPECT_EQ(acceptor.seen.size(), 1u);
  acceptor.io->close(listener, false);
  ASSERT_TRUE(pump_until({&acceptor}, [&] { return acceptor.find(IoEventKind::kClosed, 7); }));
}

TEST_P(IoConformance, RefusedConnectIsToldWithItsReason) {
  Host host(*world_), other(*world_);
  SocketAddress bound;
  const SocketId listener = other.io->listen(SocketAddress::v4_loopback(0), 1, bound).value();
  other.io->close(listener, false);
  ASSERT_TRUE(pump_until({&other}, [&] { return other.find(IoEventKind::kClosed, 1); }));
  const SocketId socket = host.io->connect(bound, kClientUser, {}).value();
  ASSERT_TRUE(pump_until({&host}, [&] { return host.find(IoEventKind::kConnected, kClientUser); }));
  EXPECT_EQ(host.find(IoEventKind::kConnected, kClientUser)->result, -ECONNREFUSED);
  host.io->close(socket, false);
  ASSERT_TRUE(pump_until({&host}, [&] { return host.find(IoEventKind::kClosed, kClientUser); }));
}

TEST_P(IoConformance, SecondListenerOnOneAddressIsRefused) {
  Host host(*world_);
  SocketAddress bound, again;
  ASSERT_TRUE(host.io->listen(SocketAddress::v4_loopback(0), 1, bound).has_value());
  const auto second = host.io->listen(bound, 2, again);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
}

// Sends `total` pattern bytes on one socket and checks those that come back.
class Streamer {
 public:
  Streamer(Host& host, SocketId socket, std::uint64_t user, std::uint64_t total,
           std::size_t send_bytes)
      : host_(host), socket_(socket), user_(user), total_(total), send_bytes_(send_bytes) {}

  void start(bool receive_into, BufferClass size_class) {
    if (receive_into) memory_.resize(300'000);
    size_class_ = size_class;
    arm();
    push();
  }
  bool done() const { return received_ == total_ && sent_ == total_; }
  std::uint64_t short_sends() const { return short_sends_; }
  std::uint64_t received() const { return received_; }

  void on_event(const IoEvent& event) {
    if (event.user != user_) return;
    if (event.kind == IoEventKind::kSent) {
      ASSERT_GT(event.result, 0);
      advance(static_cast<std::size_t>(event.result));
      push();
    } else if (event.kind == IoEventKind::kReceived) {
      ASSERT_GT(event.result, 0) << "after " << received_;
      const auto size = static_cast<std::size_t>(event.result);
      check({memory_.empty() ? event.buffer->data : memory_.data(), size});
      if (event.buffer != nullptr) host_.pool.unref(event.buffer);
      if (received_ < total_) arm();
    }
  }

 private:
  void arm() {
    if (memory_.empty()) {
      host_.io->receive_any(socket_, size_class_);
    } else {
      host_.io->receive_into(socket_, memory_);
    }
  }
  void check(ByteSpan bytes) {
    const std::size_t right = matching(bytes, received_);
    ASSERT_EQ(right, bytes.size()) << "at " << received_ + right;
    received_ += right;
  }
  void advance(std::size_t count) {
    if (count < wanted_) ++short_sends_;
    wanted_ -= count;
    sent_ += count;
  }
  void push() {
    while (sent_ < total_) {
      if (wanted_ == 0) {
        wanted_ = static_cast<std::size_t>(std::min<std::uint64_t>(send_bytes_, total_ - sent_));
        bytes_ = pattern_bytes(sent_, wanted_);
      }
      // Several vectors, the first tiny, as framed sends are.
      std::uint8_t* const first = bytes_.data() + (bytes_.size() - wanted_);
      const std::size_t head = std::min<std::size_t>(7, wanted_);
      vectors_[0] = {first, head};
      vectors_[1] = {first + head, (wanted_ - head) / 2};
      vectors_[2] = {first + head + (wanted_ - head) / 2, wanted_ - head - (wanted_ - head) / 2};
      const std::int32_t n = host_.io->send(socket_, vectors_);
      if (n == -EINPROGRESS) return;
      ASSERT_GT(n, 0);
      advance(static_cast<std::size_t>(n));
    }
  }

  Host& host_;
  const SocketId socket_;
  const std::uint64_t user_;
  const std::uint64_t total_;
  const std::size_t send_bytes_;
  BufferClass size_class_ = BufferClass::kBulk;
  Bytes memory_;
  Bytes bytes_;
  iovec vectors_[3] = {};
  std::size_t wanted_ = 0;  // the end of bytes_ that is still to be sent
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t short_sends_ = 0;
};

// Sends back what it receives, one buffer at a time.
class Echo {
 public:
  Echo(Host& host, SocketId socket) : host_(host), socket_(socket) {}
  void start() { host_.io->receive_any(socket_, BufferClass::kMedium); }
  void on_event(const IoEvent& event) {
    if (event.kind == IoEventKind::kReceived) {
      if (event.result <= 0) return;
      buffer_ = event.buffer;
      vector_ = {buffer_->data, static_cast<std::size_t>(event.result)};
      push();
    } else if (event.kind == IoEventKind::kSent) {
      ASSERT_GT(event.result, 0);
      advance(static_cast<std::size_t>(event.result));
      push();
    }
  }

 private:
  void advance(std::size_t count) {
    vector_.iov_base = static_cast<std::uint8_t*>(vector_.iov_base) + count;
    vector_.iov_len -= count;
  }
  void push() {
    while (vector_.iov_len > 0) {
      const std::int32_t n = host_.io->send(socket_, {&vector_, 1});
      if (n == -EINPROGRESS) return;
      ASSERT_GT(n, 0);
      advance(static_cast<std::size_t>(n));
    }
    host_.pool.unref(std::exchange(buffer_, nullptr));
    host_.io->receive_any(socket_, BufferClass::kMedium);
  }

  Host& host_;
  const SocketId socket_;
  Buffer* buffer_ = nullptr;
  iovec vector_{};
};

TEST_P(IoConformance, EchoKeepsEveryByteInOrderWithBuffersOfThePool) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  const std::uint64_t total = world_->is_simulated() ? 4 << 20 : 64 << 20;
  Streamer streamer(a, pair.client, kClientUser, total, 1 << 20);
  Echo echo(b, pair.server);
  a.on_event = [&](const IoEvent& event) { streamer.on_event(event); };
  b.on_event = [&](const IoEvent& event) { echo.on_event(event); };
  echo.start();
  streamer.start(false, BufferClass::kBulk);
  ASSERT_TRUE(pump_until(
      {&a, &b}, [&] { return streamer.done() || HasFatalFailure(); }, 60'000))
      << streamer.received();
  EXPECT_GT(streamer.short_sends(), 0u) << "the test did not reach a full socket";
}

TEST_P(IoConformance, EchoKeepsEveryByteInOrderWithGivenMemory) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  const std::uint64_t total = world_->is_simulated() ? 1 << 20 : 16 << 20;
  Streamer streamer(a, pair.client, kClientUser, total, 100'000);
  Echo echo(b, pair.server);
  a.on_event = [&](const IoEvent& event) { streamer.on_event(event); };
  b.on_event = [&](const IoEvent& event) { echo.on_event(event); };
  echo.start();
  streamer.start(true, BufferClass::kSmall);
  ASSERT_TRUE(pump_until(
      {&a, &b}, [&] { return streamer.done() || HasFatalFailure(); }, 60'000))
      << streamer.received();
}

TEST_P(IoConformance, SendOfMoreVectorsThanTheKernelTakesIsShortNotWrong) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  const Bytes bytes = pattern_bytes(0, 3000);
  std::vector<iovec> vectors;
  for (const std::uint8_t& byte : bytes) vectors.push_back({const_cast<std::uint8_t*>(&byte), 1});
  std::size_t sent = 0;
  std::uint64_t got = 0;
  bool pending = false;
  const auto push = [&] {
    while (sent < bytes.size() && !pending) {
      const std::int32_t n = a.io->send(pair.client, std::span(vectors).subspan(sent));
      pending = n == -EINPROGRESS;
      if (!pending) {
        ASSERT_GT(n, 0);
        sent += static_cast<std::size_t>(n);
      }
    }
  };
  a.on_event = [&](const IoEvent& event) {
    ASSERT_EQ(event.kind, IoEventKind::kSent);
    ASSERT_GT(event.result, 0);
    sent += static_cast<std::size_t>(event.result);
    pending = false;
    push();
  };
  b.on_event = [&](const IoEvent& event) {
    ASSERT_EQ(event.kind, IoEventKind::kReceived);
    ASSERT_GT(event.result, 0);
    const auto size = static_cast<std::size_t>(event.result);
    ASSERT_EQ(matching({event.buffer->data, size}, got), size) << "after " << got;
    got += size;
    b.pool.unref(event.buffer);
    b.io->receive_any(pair.server, BufferClass::kSmall);
  };
  b.io->receive_any(pair.server, BufferClass::kSmall);
  push();
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return got == bytes.size() || HasFatalFailure(); }))
      << sent << " " << got;
}

// What comes later may go before the rest: the Io must have forgotten it.
TEST_P(IoConformance, APendingSendIsOnlyTheBeginningOfWhatWasOffered) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  a.io->limit_unsent(pair.client, 128 << 10);
  Bytes pieces[3] = {Bytes(1'000), Bytes(1'000), Bytes(60'000)};
  iovec vectors[3];
  for (int i = 0; i < 3; ++i) vectors[i] = {pieces[i].data(), pieces[i].size()};
  std::uint64_t sent = 0;
  std::int32_t n = 0;
  while ((n = a.io->send(pair.client, vectors, 1'500)) > 0) sent += static_cast<std::uint64_t>(n);
  ASSERT_EQ(n, -EINPROGRESS);
  std::uint64_t received = 0;
  b.on_event = [&](const IoEvent& event) {
    if (event.kind != IoEventKind::kReceived || event.result <= 0) return;
    received += static_cast<std::uint64_t>(event.result);
    b.pool.unref(event.buffer);
    b.io->receive_any(pair.server, BufferClass::kBulk);
  };
  b.io->receive_any(pair.server, BufferClass::kBulk);
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return a.find(IoEventKind::kSent, kClientUser); }));
  const std::int32_t rest = a.find(IoEventKind::kSent, kClientUser)->result;
  EXPECT_GT(rest, 0);
  EXPECT_LE(rest, 2'000);
  sent += static_cast<std::uint64_t>(rest);
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return received >= sent; }));
  for (int i = 0; i < 20; ++i) {
    a.pump();
    b.pump();
  }
  EXPECT_EQ(received, sent);
}

TEST_P(IoConformance, EndOfStreamComesAfterTheLastByteAndTheOtherDirectionStaysOpen) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  // Both the data and the end are there before the first receive.
  deliver(a, pair.client, kClientUser, "last words");
  a.io->shutdown_send(pair.client);
  for (int i = 0; i < 20; ++i) b.pump();
  std::string got;
  std::optional<std::int32_t> end;
  b.on_event = [&](const IoEvent& event) {
    if (event.kind != IoEventKind::kReceived) return;
    if (event.result <= 0) {
      EXPECT_EQ(event.buffer, nullptr);
      end = event.result;
      return;
    }
    got += buffer_text(event);
    b.pool.unref(event.buffer);
    b.io->receive_any(pair.server, BufferClass::kSmall);
  };
  b.io->receive_any(pair.server, BufferClass::kSmall);
  ASSERT_TRUE(pump_until({&b}, [&] { return end.has_value(); }));
  EXPECT_EQ(got, "last words");
  EXPECT_EQ(*end, 0);
  b.on_event = nullptr;
  deliver(b, pair.server, kServerUser, "answer");
  std::string answer;
  a.on_event = [&](const IoEvent& event) {
    if (event.kind != IoEventKind::kReceived || event.result <= 0) return;
    answer += buffer_text(event);
    a.pool.unref(event.buffer);
    a.io->receive_any(pair.client, BufferClass::kSmall);
  };
  a.io->receive_any(pair.client, BufferClass::kSmall);
  ASSERT_TRUE(pump_until({&a}, [&] { return answer == "answer"; }));
}

TEST_P(IoConformance, HalfCloseWaitsForTheSendBeforeIt) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  const std::size_t total = world_->is_simulated() ? 1 << 20 : 32 << 20;
  const Bytes bytes = pattern_bytes(0, total);
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  std::size_t gone = 0;
  std::int32_t n = 0;
  while ((n = a.io->send(pair.client, {&vector, 1})) != -EINPROGRESS) {  // until the socket is full
    ASSERT_GT(n, 0);
    gone += static_cast<std::size_t>(n);
    vector = {const_cast<std::uint8_t*>(bytes.data()) + gone, bytes.size() - gone};
    ASSERT_GT(vector.iov_len, 0u);
  }
  a.io->shutdown_send(pair.client);
  std::uint64_t got = 0;
  bool ended = false;
  b.on_event = [&](const IoEvent& event) {
    ASSERT_GE(event.result, 0);
    if (event.result == 0) {
      ended = true;
      return;
    }
    const auto size = static_cast<std::size_t>(event.result);
    ASSERT_EQ(matching({event.buffer->data, size}, got), size) << "after " << got;
    got += size;
    b.pool.unref(event.buffer);
    b.io->receive_any(pair.server, BufferClass::kBulk);
  };
  b.io->receive_any(pair.server, BufferClass::kBulk);
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return ended || HasFatalFailure(); }, 60'000)) << got;
  EXPECT_EQ(got, total);
  ASSERT_NE(a.find(IoEventKind::kSent, kClientUser), nullptr);
  EXPECT_EQ(static_cast<std::size_t>(a.find(IoEventKind::kSent, kClientUser)->result),
            total - gone);
}

TEST_P(IoConformance, ResetIsToldAsAnError) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  b.io->receive_any(pair.server, BufferClass::kSmall);
  b.pump();
  a.io->close(pair.client, true);
  ASSERT_TRUE(pump_until({&a, &b}, [&] {
    return b.find(IoEventKind::kReceived, kServerUser) && a.find(IoEventKind::kClosed, kClientUser);
  }));
  EXPECT_EQ(b.find(IoEventKind::kReceived, kServerUser)->result, -ECONNRESET);
  EXPECT_EQ(b.find(IoEventKind::kReceived, kServerUser)->buffer, nullptr);
  EXPECT_LT(send_text(b, pair.server, "x") == -EINPROGRESS ? -EPIPE : -EPIPE, 0);
}

TEST_P(IoConformance, SendToAPeerThatIsGoneFailsInsteadOfHanging) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  a.io->close(pair.client, true);
  std::int32_t n = 0;
  ASSERT_TRUE(pump_until({&a, &b}, [&] {
    if (const IoEvent* sent = b.find(IoEventKind::kSent, kServerUser)) {
      n = sent->result;
      b.forget();
    }
    if (n >= 0) n = send_text(b, pair.server, "x");
    if (n == -EINPROGRESS) n = -1'000'000;  // wait for kSent
    return n < 0 && n > -1'000'000;
  }));
  EXPECT_TRUE(n == -ECONNRESET || n == -EPIPE) << n;
}

TEST_P(IoConformance, CloseWithOperationsOutstandingEndsThemSilently) {
  Host a(*world_), b(*world_);
  const Pair pair = make_pair(a, b);
  // A send that cannot finish (nobody reads) and a receive that never gets anything.
  Bytes bytes = pattern_bytes(0, 16 << 20);
  iovec vector{bytes.data(), bytes.size()};
  std::int32_t n = 0;
  while ((n = a.io->send(pair.client, {&vector, 1})) != -EINPROGRESS) ASSERT_GT(n, 0);
  Bytes memory(4096, 0xAB);
  a.io->receive_into(pair.client, memory);
  for (int i = 0; i < 5; ++i) a.pump();
  a.forget();
  b.forget();
  a.io->close(pair.client, true);
  ASSERT_TRUE(pump_until({&a}, [&] { return a.find(IoEventKind::kClosed, kClientUser); }));
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
  const SocketId other = pair.server;
  (void)send_text(b, other, "must not arrive");
  for (int i = 0; i < 30; ++i) {
    a.pump();
    b.pump();
  }
  ASSERT_EQ(a.seen.size(), 1u) << "kClosed must be the only and last event";
  EXPECT_EQ(a.seen[0].kind, IoEventKind::kClosed);
  for (const std::uint8_t byte : memory) ASSERT_EQ(byte, 0xAB);
}

TEST_P(IoConformance, CloseGivesBackTheBufferOfAReceiveThatRacedWithIt) {
  Host a(*world_), b(*world_);
  for (int round = 0; round < 50; ++round) {
    a.forget();
    b.forget();
    const Pair pair = make_pair(a, b);
    b.io->receive_any(pair.server, BufferClass::kMedium);
    if (round % 2 == 0) b.pump();
    deliver(a, pair.client, kClientUser, "racing");
    if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    b.io->close(pair.server, round % 5 == 0);
    b.io->close(pair.listener, false);
    a.io->close(pair.client, false);
    ASSERT_TRUE(pump_until({&a, &b}, [&] {
      return b.find(IoEventKind::kClosed, kServerUser) &&
             b.find(IoEventKind::kClosed, kListenerUser) &&
             a.find(IoEventKind::kClosed, kClientUser);
    }));
    for (const IoEvent& event : b.seen) {
      if (event.buffer != nullptr) b.pool.unref(event.buffer);
    }
  }
  EXPECT_LE(b.pool.in_use(BufferClass::kMedium), world_->buffers_lent_max());
}

TEST_P(IoConformance, ThousandIdleConnectionsHoldNoBuffers) {
  Host a(*world_, {{128, 16, 8, 0}}), b(*world_, {{128, 16, 8, 0}});
  constexpr std::size_t kConnections = 1000;
  SocketAddress bound;
  ASSERT_TRUE(b.io->listen(SocketAddress::v4_loopback(0), 0, bound).has_value());
  std::vector<SocketId> servers;
  std::vector<SocketId> clients;
  std::size_t connected = 0, received = 0;
  a.on_event = [&](const IoEvent& event) {
    if (event.kind != IoEventKind::kConnected) return;
    ASSERT_EQ(event.result, 0);
    ++connected;
  };
  b.on_event = [&](const IoEvent& event) {
    if (event.kind == IoEventKind::kAccepted) {
      const SocketId id = b.io->adopt(event.result, 1000 + servers.size(), {}).value();
      servers.push_back(id);
      b.io->receive_any(id, BufferClass::kBulk);
    } else if (event.kind == IoEventKind::kReceived) {
      ASSERT_GT(event.result, 0);
      received += static_cast<std::size_t>(event.result);
      b.pool.unref(event.buffer);
      b.io->receive_any(servers[event.user - 1000], BufferClass::kBulk);
    }
  };
  for (std::size_t i = 0; i < kConnections; ++i) {
    clients.push_back(a.io->connect(bound, 5000 + i, {}).value());
    if (i % 50 == 49) {
      ASSERT_TRUE(
          pump_until({&a, &b}, [&] { return connected == i + 1 && servers.size() == i + 1; }));
    }
  }
  for (int i = 0; i < 5; ++i) b.pump();
  std::size_t held = 0;
  for (int c = 0; c < kBufferClasses; ++c) held += b.pool.in_use(static_cast<BufferClass>(c));
  EXPECT_LE(held, world_->buffers_lent_max());
  // All of them speak at once, through a pool that is far too small for a buffer each.
  std::size_t pending = 0;
  a.on_event = [&](const IoEvent& event) { pending -= event.kind == IoEventKind::kSent ? 1 : 0; };
  for (const SocketId id : clients) pending += send_text(a, id, "hello") == -EINPROGRESS ? 1 : 0;
  const auto all_there = [&] { return received == kConnections * 5 && pending == 0; };
  EXPECT_TRUE(world_->is_simulated() || pump_until({&a, &b}, all_there)) << received;
}

TEST_P(IoConformance, ReceiveThatFoundThePoolEmptyIsDeliveredWhenABufferReturns) {
  Host a(*world_), b(*world_, {{4, 0, 0, 0}});
  const Pair pair = make_pair(a, b);
  deliver(a, pair.client, kClientUser, "patience");
  std::vector<Buffer*> hoard;
  while (Buffer* buffer = b.pool.take(BufferClass::kSmall)) hoard.push_back(buffer);
  ASSERT_FALSE(hoard.empty());
  b.io->receive_any(pair.server, BufferClass::kBulk);
  for (int i = 0; i < 20; ++i) b.pump();
  if (world_->buffers_lent_max() == 0) {
    EXPECT_EQ(b.seen.size(), 0u);
  }
  for (Buffer* buffer : hoard) b.pool.unref(buffer);
  ASSERT_TRUE(pump_until({&b}, [&] { return b.find(IoEventKind::kReceived, kServerUser); }));
  EXPECT_EQ(buffer_text(b.seen[0]).substr(0, 1), "p");
  b.pool.unref(b.seen[0].buffer);
}

TEST_P(IoConformance, UsedUpClassFallsBackToASmallerOne) {
  Host a(*world_), b(*world_, {{64, 8, 4, 0}});
  const Pair pair = make_pair(a, b);
  std::vector<Buffer*> hoard;
  while (Buffer* buffer = b.pool.take(BufferClass::kBulk)) hoard.push_back(buffer);
  while (Buffer* buffer = b.pool.take(BufferClass::kMedium)) hoard.push_back(buffer);
  std::size_t got = 0;
  b.on_event = [&](const IoEvent& event) {
    ASSERT_GT(event.result, 0);
    got += static_cast<std::size_t>(event.result);
    hoard.push_back(event.buffer);  // keep what the back end had ready of the large classes
    if (got < 6) b.io->receive_any(pair.server, BufferClass::kBulk);
  };
  b.io->receive_any(pair.server, BufferClass::kBulk);
  for (const char* piece : {"1", "2", "3", "4", "5", "6"}) {
    const std::size_t before = got;
    deliver(a, pair.client, kClientUser, piece);
    ASSERT_TRUE(pump_until({&a, &b}, [&] { return got > before; }));
  }
  for (Buffer* buffer : hoard) b.pool.unref(buffer);
}

TEST_P(IoConformance, ListenerStopsAndResumesAccepting) {
  Host a(*world_), b(*world_);
  SocketAddress bound;
  const SocketId listener =
      b.io->listen(SocketAddress::v4_loopback(0), kListenerUser, bound).value();
  b.pump();
  b.io->set_accepting(listener, false);
  for (int i = 0; i < 10; ++i) b.pump();
  b.forget();
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(a.io->connect(bound, 10 + i, {}).has_value());
  for (int i = 0; i < 30; ++i) {
    a.pump();
    b.pump();
  }
  EXPECT_EQ(b.seen.size(), 0u);
  b.io->set_accepting(listener, true);
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return b.count(IoEventKind::kAccepted) == 3; }));
  for (const IoEvent& event : b.seen) b.io->discard(event.result);
}

TEST_P(IoConformance, EventsThatDoNotFitComeWithTheNextReap) {
  Host a(*world_), b(*world_);
  SocketAddress bound;
  ASSERT_TRUE(b.io->listen(SocketAddress::v4_loopback(0), kListenerUser, bound).has_value());
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(a.io->connect(bound, 100 + i, {}).has_value());
  ASSERT_TRUE(pump_until({&a}, [&] { return a.count(IoEventKind::kConnected) == 10; }));
  std::size_t accepted = 0;
  for (int i = 0; i < 1000 && accepted < 10; ++i) {
    IoEvent one[1];
    const std::size_t n = world_->reap(*b.io, one);
    ASSERT_LE(n, 1u);
    if (n == 1) {
      EXPECT_EQ(one[0].kind, IoEventKind::kAccepted);
      b.io->discard(one[0].result);
      ++accepted;
    }
  }
  EXPECT_EQ(accepted, 10u);
}

TEST_P(IoConformance, SocketIdsAreReusedOnlyAfterTheirEnd) {
  Host a(*world_), b(*world_);
  SocketAddress bound;
  const SocketId listener =
      b.io->listen(SocketAddress::v4_loopback(0), kListenerUser, bound).value();
  (void)listener;
  SocketId highest = 0;
  for (int round = 0; round < 200; ++round) {
    const SocketId id = a.io->connect(bound, kClientUser, {}).value();
    highest = std::max(highest, id);
    ASSERT_TRUE(pump_until({&a, &b}, [&] {
      return a.find(IoEventKind::kConnected, kClientUser) &&
             b.find(IoEventKind::kAccepted, kListenerUser);
    }));
    b.io->discard(b.find(IoEventKind::kAccepted, kListenerUser)->result);
    a.io->close(id, true);
    ASSERT_TRUE(pump_until({&a}, [&] { return a.find(IoEventKind::kClosed, kClientUser); }));
    a.forget();
    b.forget();
  }
  EXPECT_LT(highest, 8u);
}

TEST_P(IoConformance, WakeFromAnotherThreadEndsTheWait) {
  if (world_->is_simulated()) GTEST_SKIP() << "the simulator has one thread and never waits";
  Host host(*world_);
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> started = false;
    std::thread other([&] {
      while (!started) std::this_thread::yield();
      if (round % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      host.io->wake();
    });
    const std::uint64_t before = SystemClock().now_ns();
    started = true;
    IoEvent events[4];
    EXPECT_EQ(host.io->reap(events, before + 5 * kNsPerSecond), 0u);
    other.join();
    ASSERT_LT(SystemClock().now_ns() - before, 4 * kNsPerSecond) << "a wake-up was lost";
  }
}

TEST_P(IoConformance, WakeBeforeTheWaitIsNotLost) {
  Host host(*world_);
  host.io->wake();
  host.io->wake();
  IoEvent events[4];
  const std::uint64_t before = SystemClock().now_ns();
  EXPECT_EQ(host.io->reap(events, before + 5 * kNsPerSecond), 0u);
  EXPECT_LT(SystemClock().now_ns() - before, kNsPerSecond);
}

TEST_P(IoConformance, WaitEndsAtItsDeadlineAndNotBefore) {
  if (world_->is_simulated()) GTEST_SKIP() << "reap() does not wait in the simulator";
  Host host(*world_);
  IoEvent events[4];
  const std::uint64_t start = SystemClock().now_ns();
  EXPECT_EQ(host.io->reap(events, 0), 0u);
  EXPECT_EQ(host.io->reap(events, start - 1), 0u);
  EXPECT_LT(SystemClock().now_ns() - start, kNsPerSecond);
  const std::uint64_t deadline = SystemClock().now_ns() + 30 * kNsPerMs;
  EXPECT_EQ(host.io->reap(events, deadline), 0u);
  EXPECT_GE(SystemClock().now_ns(), deadline);
}

TEST_P(IoConformance, RunningOutOfDescriptorsPausesTheListenerInsteadOfLosingIt) {
  if (world_->is_simulated()) GTEST_SKIP() << "see SimNetwork.AcceptThatMetALimitIsRetried";
  Host a(*world_), b(*world_);
  SocketAddress bound;
  ASSERT_TRUE(b.io->listen(SocketAddress::v4_loopback(0), kListenerUser, bound).has_value());
  ASSERT_TRUE(a.io->connect(bound, kClientUser, {}).has_value());
  ASSERT_TRUE(pump_until({&a}, [&] { return a.find(IoEventKind::kConnected, kClientUser); }));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};  // no new descriptor above 2 can be made
  setrlimit(RLIMIT_NOFILE, &none);
  for (int i = 0; i < 5; ++i) b.pump();
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(pump_until({&a, &b}, [&] { return b.count(IoEventKind::kAccepted) == 1; }, 5000));
  b.io->discard(b.seen[0].result);
}

INSTANTIATE_TEST_SUITE_P(Backends, IoConformance, testing::ValuesIn(backends()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace weir::io_test
