// Two shards of one node: what crosses between them is lent, bounded by credit, and given back.
#include <gtest/gtest.h>

#include "allocation_counter.h"
#include "shard_far_end.h"

namespace weir {
namespace {
using namespace test;

struct OneOfTwo {
  OneOfTwo(ShardId id, CrossRing& to, CrossRing& from, Io*& other)
      : shard(
            config_of(id), *io, pool, *aead, clock, rng, rings, [] {}, peers(id, to, from, other)) {
  }
  static ShardConfig config_of(ShardId id) {
    ShardConfig config;
    config.id = id;
    config.shard_count = 2;
    return config;
  }
  static std::vector<Shard::Peer> peers(ShardId id, CrossRing& to, CrossRing& from, Io*& other) {
    std::vector<Shard::Peer> all(2);
    all[1 - id] = {&to, &from, [&other] { other->wake(); }};
    return all;
  }
  std::uint32_t buffers() const {
    std::uint32_t sum = 0;
    for (int c = 0; c < kBufferClasses; ++c) sum += pool.in_use(static_cast<BufferClass>(c));
    return sum;
  }
  SystemClock clock;
  SeededRng rng{7};
  BufferPool pool{ShardLimits{}.buffers};
  std::unique_ptr<Io> io = std::move(*make_epoll_io(pool));
  std::unique_ptr<Aead> aead = Aead::create_best();
  ShardRings rings;
  Shard shard;
};

struct TwoShards : ::testing::Test {
  CrossRing up{kCrossRingSlots};
  CrossRing down{kCrossRingSlots};
  Io* first_io = nullptr;
  Io* second_io = nullptr;
  OneOfTwo first{0, up, down, second_io};
  OneOfTwo second{1, down, up, first_io};
  std::vector<LinkUp> links;
  SocketAddress address;
  bool orphaned = false;
  int a = -1;  // lives on the first shard
  int b = -1;  // on the second

  void SetUp() override {
    first_io = first.io.get();
    second_io = second.io.get();
    ListenTransport command;
    command.listener = 1;
    command.address = SocketAddress::v4_loopback(0);
    command.flow = 0xff000001;
    ASSERT_TRUE(first.rings.commands.push(command));
    while (address.port() == 0) step();
    a = dial();
    b = dial();
    ASSERT_EQ(links[0].link.shard, 0);
    ASSERT_EQ(links[1].link.shard, 1);
    AllowFlow allow;
    allow.flow = links[0].flow;
    allow.address = links[1].sender;
    ASSERT_TRUE(second.rings.commands.push(allow));
    step();
  }
  void TearDown() override {
    if (a >= 0) ::close(a);
    if (b >= 0) ::close(b);
  }
  int dial() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int room = 65536;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    connect(fd, &address.any, address.size());
    const std::size_t before = links.size();
    for (int i = 0; i < 2000 && links.size() == before; ++i) step();
    EXPECT_EQ(::send(fd, "\x01", 1, MSG_NOSIGNAL), 1);
    return fd;
  }
  void step() {
    for (OneOfTwo* one : {&first, &second}) {
      one->shard.step(one->clock.now_ns() + kNsPerMs / 5);
      for (Event event; one->rings.events.pop(event);) {
        if (auto* up_event = std::get_if<LinkUp>(&event)) links.push_back(std::move(*up_event));
        if (auto* lost = std::get_if<ChannelOrphaned>(&event)) orphaned = lost->orphaned;
        if (auto* listening = std::get_if<Listening>(&event)) address = listening->bound;
      }
    }
  }
  Bytes frame(std::size_t size) const {
    const EncodedRoute onward = route({links[1].sender, "far"});
    const Bytes body = wire::encode_message({onward.items, onward.count}, {}, Bytes(size, 9));
    Bytes out(4);
    store_be32(out.data(), static_cast<std::uint32_t>(body.size()));
    out.insert(out.end(), body.begin(), body.end());
    return out;
  }
  std::uint64_t copies() const {
    return first.shard.counters.get(Counter::kPayloadCopies) +
           second.shard.counters.get(Counter::kPayloadCopies);
  }
};

TEST_F(TwoShards, AFrameThatCrossesIsTimedOnBothSidesOfTheRing) {
  StageSettings settings;
  settings.sample = 1;
  for (OneOfTwo* one : {&first, &second}) {
    ASSERT_TRUE(
        one->rings.commands.push(SetStageClocks{1, StageClocksBox(new StageClocks(settings))}));
  }
  step();
  constexpr int kFrames = 20;
  const StageResults& near = first.shard.stages->results();
  const StageResults& far = second.shard.stages->results();
  const auto of = [](const StageResults& results, Stage stage) -> const StageHistogram& {
    return results.stage_ns[static_cast<std::size_t>(stage)];
  };
  for (int i = 0; i < kFrames; ++i) {
    const Bytes one = frame(100);
    ASSERT_EQ(::send(a, one.data(), one.size(), MSG_NOSIGNAL), static_cast<ssize_t>(one.size()));
    const auto sent = static_cast<std::uint64_t>(i) + 1;
    for (int turn = 0; turn < 1000 && of(far, Stage::kTotal).count() < sent; ++turn) step();
  }
  EXPECT_EQ(near.sampled, static_cast<std::uint64_t>(kFrames));
  EXPECT_EQ(near.ended_here, 0u);
  EXPECT_EQ(of(near, Stage::kTotal).count(), 0u);
  EXPECT_EQ(far.sampled, 0u);
  for (const Stage stage :
       {Stage::kReceive, Stage::kRoute, Stage::kRing, Stage::kSend, Stage::kTotal}) {
    EXPECT_EQ(of(far, stage).count(), static_cast<std::uint64_t>(kFrames)) << stage_name(stage);
  }
  EXPECT_GT(of(far, Stage::kRing).max(), 0u);
  EXPECT_GE(of(far, Stage::kTotal).max(), of(far, Stage::kRing).max());
}

TEST_F(TwoShards, AFrameThatCrossesIsNeitherCopiedNorAllocatedAndItsBufferComesHome) {
  for (const std::size_t size : {64u, 1400u, 48000u}) {
    constexpr int kFrames = 200;
    Bytes all;
    for (int i = 0; i < kFrames; ++i) {
      const Bytes one = frame(size);
      all.insert(all.end(), one.begin(), one.end());
    }
    long cheapest = 1'000'000;
    Bytes sink(1 << 20);
    for (int round = 0; round < 5; ++round) {
      std::size_t sent = 0;
      std::size_t received = 0;
      long allocations = 0;
      for (int turn = 0; turn < 100'000 && received < kFrames * size; ++turn) {
        const ssize_t n = ::send(a, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<std::size_t>(n);
        const long before = allocation_count;
        step();
        allocations += allocation_count - before;
        const ssize_t got = recv(b, sink.data(), sink.size(), 0);
        if (got > 0) received += static_cast<std::size_t>(got);
      }
      ASSERT_GE(received, kFrames * size);
      cheapest = std::min(cheapest, allocations);
    }
    EXPECT_EQ(cheapest, 0) << size;
    EXPECT_EQ(copies(), 0u) << size;
    for (int i = 0; i < 50; ++i) step();
    // Nothing but the part-used arena of each.
    EXPECT_LE(first.buffers(), 1u);
    EXPECT_LE(second.buffers(), 1u);
  }
}

TEST_F(TwoShards, ADestinationThatDoesNotReadStopsItsSourceAcrossShards) {
  const Bytes one = frame(1400);
  std::size_t accepted = 0;
  std::size_t part = 0;
  int idle = 0;
  for (int turn = 0; turn < 200'000 && idle < 300; ++turn) {
    const ssize_t n = ::send(a, one.data() + part, one.size() - part, MSG_NOSIGNAL);
    if (n > 0) {
      accepted += static_cast<std::size_t>(n);
      part = (part + static_cast<std::size_t>(n)) % one.size();
    }
    idle = n > 0 ? 0 : idle + 1;
    if (turn % 8 == 0 || n <= 0) step();
    ASSERT_LT(accepted, 64u << 20) << "the source is never stopped";
  }
  EXPECT_GE(first.shard.counters.get(Counter::kSourcePauses), 1u);
  Link& to = second.shard.links.at(links[1].link.index);
  EXPECT_LE(to.tx.bytes, ShardLimits{}.queue_high_bytes + one.size());
  // It reads again: everything comes, nothing was dropped.
  Bytes sink(1 << 20);
  std::size_t received = 0;
  const std::size_t frames = accepted / one.size();
  for (int turn = 0; turn < 200'000 && received < frames * 1400; ++turn) {
    const ssize_t got = recv(b, sink.data(), sink.size(), 0);
    if (got > 0) received += static_cast<std::size_t>(got);
    step();
  }
  EXPECT_GE(received, frames * 1400);
  for (int reason = 0; reason < static_cast<int>(DropReason::kCount); ++reason) {
    EXPECT_EQ(second.shard.counters.drops[reason], 0u)
        << drop_reason_name(static_cast<DropReason>(reason));
  }
  // What is left is less than the frames' heads, which were not counted; the credit for it comes
  // when it has been sent.
  const auto& source = first.shard.links.at(links[0].link.index).source;
  for (int turn = 0; turn < 200'000 && source.crossing_bytes != 0; ++turn) {
    (void)recv(b, sink.data(), sink.size(), 0);
    step();
  }
  EXPECT_EQ(source.crossing_bytes, 0u);
}

TEST_F(TwoShards, AConnectionThatEndsLeavesNoGateOnAnotherShard) {
  Entry* entry = second.shard.table.find(as_bytes(links[1].sender));
  ASSERT_NE(entry, nullptr);
  EXPECT_TRUE(second.shard.table.allowed(links[0].flow, *entry));
  ::close(std::exchange(a, -1));
  for (int i = 0; i < 50; ++i) step();
  EXPECT_FALSE(second.shard.table.allowed(links[0].flow, *entry));
}

TEST_F(TwoShards, WhatWaitsForAConnectionThatEndsGivesItsCreditBack) {
  const Bytes one = frame(1400);
  for (int turn = 0; turn < 3000; ++turn) {
    (void)::send(a, one.data(), one.size(), MSG_NOSIGNAL);
    if (turn % 8 == 0) step();
  }
  ::close(std::exchange(b, -1));
  for (int i = 0; i < 300; ++i) step();
  EXPECT_EQ(first.shard.links.at(links[0].link.index).source.crossing_bytes, 0u);
  EXPECT_FALSE(first.shard.links.at(links[0].link.index).source.waits_for_credit);
}

TEST_F(TwoShards, AResponderAnswersAPeerThatCameByAConnectionOfAnotherShard) {
  AddWorker handshake;
  handshake.address = channel_address(1, "de");
  handshake.kind = WorkerKind::kHandshake;
  handshake.allowed = {0xff000001};
  ASSERT_TRUE(first.rings.commands.push(handshake));
  AddWorker echo;
  echo.address = "echo";
  echo.kind = WorkerKind::kEcho;
  echo.allowed = {kChannelListener};
  ASSERT_TRUE(first.rings.commands.push(echo));
  SeededRng rng(1);
  const auto to_shard = Secret<32>::random(rng);
  const auto from_shard = Secret<32>::random(rng);
  FarEnd far;
  far.crypto = ChannelCrypto(1, to_shard, from_shard);
  InstallChannel install;
  install.channel = 1;
  install.decryptor = handshake.address;
  install.encryptor = channel_address(1, "ec");
  install.responder = true;
  install.send_key = from_shard;
  install.receive_key = to_shard;
  install.route = route({links[0].sender, "far"});
  install.flow = 0xff000101;
  install.spawner = kChannelListener;
  ASSERT_TRUE(first.rings.commands.push(std::move(install)));
  step();

  const auto ask = [&](int fd) {
    const EncodedRoute onward = route({handshake.address});
    const Bytes body = wire::encode_message(
        {onward.items, onward.count}, {}, far.seal(route({"echo"}), route({"me"}), as_bytes("hi")));
    Bytes bytes(4);
    store_be32(bytes.data(), static_cast<std::uint32_t>(body.size()));
    bytes.insert(bytes.end(), body.begin(), body.end());
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::uint8_t answer[1024];
    std::size_t got = 0;
    for (int i = 0; i < 500; ++i) {
      step();
      const ssize_t n = recv(fd, answer + got, sizeof answer - got, 0);
      if (n > 0) got += static_cast<std::size_t>(n);
    }
    return got;
  };
  EXPECT_GT(ask(a), 40u);
  // The version byte was read with the first answer.
  EXPECT_GT(ask(b), 40u) << "no answer by the other connection";
  EXPECT_GT(ask(a), 40u) << "no answer after roaming back";
  EXPECT_GT(ask(b), 40u);
  ::close(std::exchange(b, -1));
  for (int i = 0; i < 50; ++i) step();
  EXPECT_TRUE(orphaned) << "the channel does not notice that its connection is gone";
}

}  // namespace
}  // namespace weir
