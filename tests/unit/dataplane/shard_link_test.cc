#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/hex.h"
#include "shard_harness.h"

namespace weir {
namespace {
using test::RawPeer;
using test::route;
using test::TestShard;

constexpr FlowId kListener = 0xff000001;

void add_worker(TestShard& shard, const std::string& name, WorkerKind kind, ControlId worker = 0) {
  AddWorker command;
  command.address = name;
  command.kind = kind;
  command.worker = worker;
  command.allowed = {kListener};
  shard.send(command);
}

TEST(ShardLink, EchoAnswersWithThePayloadAndItsOwnAddressAlone) {
  TestShard shard;
  add_worker(shard, "echo", WorkerKind::kEcho);
  RawPeer peer(shard, shard.listen(kListener));
  peer.write_frame(route({"echo"}), route({"me"}), as_bytes("hello"));
  EXPECT_EQ(to_hex(peer.read_frame()), "84818200426d6581820044" + to_hex(as_bytes("echo")) + "45" +
                                           to_hex(as_bytes("hello")) + "627b7d");
}

TEST(ShardLink, FramesCutAnywhereArriveWhole) {
  TestShard shard;
  add_worker(shard, "echo", WorkerKind::kEcho);
  RawPeer peer(shard, shard.listen(kListener));
  for (std::size_t size : {0u, 1u, 100u, 5000u, 70000u, 300000u, 2000000u, 16777000u}) {
    Bytes payload(size);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i * 31 + size);
    peer.write_frame(route({"echo"}), route({"me"}), payload);
    Bytes body = peer.read_frame();
    wire::MessageView view;
    ASSERT_EQ(wire::parse_message(body, {}, view), wire::ParseResult::kOk) << size;
    EXPECT_TRUE(equal(view.payload, payload)) << size;
  }
}

TEST(ShardLink, WhatIsNotAllowedIsSilent) {
  TestShard shard;
  add_worker(shard, "echo", WorkerKind::kEcho);
  AddWorker closed;
  closed.address = "closed";
  closed.kind = WorkerKind::kEcho;
  shard.send(closed);
  RawPeer peer(shard, shard.listen(kListener));
  peer.write_frame(route({"closed"}), route({"me"}), as_bytes("a"));
  peer.write_frame(route({"nobody"}), route({"me"}), as_bytes("b"));
  peer.write_frame(route({}), route({"me"}), as_bytes("c"));
  peer.write_frame(route({"echo"}), route({"me"}), as_bytes("d"));
  Bytes body = peer.read_frame();
  wire::MessageView view;
  ASSERT_EQ(wire::parse_message(body, {}, view), wire::ParseResult::kOk);
  EXPECT_EQ(as_text(view.payload), "d");
  EXPECT_EQ(shard.shard.counters.dropped(DropReason::kNotAllowed), 1u);
  EXPECT_EQ(shard.shard.counters.dropped(DropReason::kUnknownAddress), 1u);
  EXPECT_EQ(shard.shard.counters.dropped(DropReason::kHeartbeat), 1u);
}

TEST(ShardLink, BadFramesCloseTheConnectionAndNothingElse) {
  const Bytes bad[] = {
      {0, 0, 0, 0}, {1, 0, 0, 1}, {0, 0, 0, 2, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff}};
  TestShard shard;
  add_worker(shard, "echo", WorkerKind::kEcho);
  const SocketAddress address = shard.listen(kListener);
  RawPeer good(shard, address);
  for (const Bytes& bytes : bad) {
    RawPeer peer(shard, address);
    peer.write(bytes);
    peer.read_until(1000);
    EXPECT_TRUE(peer.closed);
  }
  good.write_frame(route({"echo"}), route({"me"}), as_bytes("x"));
  EXPECT_FALSE(good.read_frame().empty());
}

TEST(ShardLink, ACommandThatCameWhileItWaitedIsLookedAfterInASecond) {
  TestShard shard;
  const std::uint64_t idle = ~std::uint64_t{0};
  for (int i = 0; i < 500 && shard.shard.next_deadline_ns() != idle; ++i) shard.step(10);
  ASSERT_EQ(shard.shard.next_deadline_ns(), idle);
  std::thread control([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ListenTransport command;
    command.address = SocketAddress::v4_loopback(0);
    shard.send(command);
    shard.io->wake();
  });
  while (shard.find<Listening>() == nullptr) shard.step(1000);
  control.join();
  EXPECT_NE(shard.shard.next_deadline_ns(), idle);
}

TEST(ShardLink, AShardThatSpinsHandlesWhatComesAndKeepsItsDeadline) {
  ShardConfig config;
  config.spin_ns = 3'600 * kNsPerSecond;
  TestShard shard(config);
  std::thread control([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ListenTransport command;
    command.address = SocketAddress::v4_loopback(0);
    shard.send(command);  // and wakes nobody: it is looking
  });
  shard.shard.step(UINT64_MAX);
  control.join();
  shard.step(0);
  EXPECT_NE(shard.find<Listening>(), nullptr);
  const std::uint64_t until_ns = shard.clock.now_ns() + 5 * kNsPerMs;
  shard.shard.step(until_ns);
  EXPECT_GE(shard.clock.now_ns(), until_ns);
}

TEST(ShardLink, HopAndRelayRewriteRoutesAsOckamDoes) {
  TestShard shard;
  add_worker(shard, "hop", WorkerKind::kHop);
  const SocketAddress address = shard.listen(kListener);
  RawPeer owner(shard, address);
  const LinkUp owner_link = shard.take<LinkUp>();
  RawPeer asker(shard, address);
  const LinkUp asker_link = shard.take<LinkUp>();
  AddWorker relay;
  relay.address = "forward_to_alice";
  relay.kind = WorkerKind::kRelay;
  relay.forward = route({owner_link.sender});
  relay.forward_flow = owner_link.flow;
  relay.allowed = {kListener};
  shard.send(relay);
  asker.write_frame(route({"forward_to_alice", "svc"}), route({"cli"}), as_bytes("question"));
  Bytes at_owner = owner.read_frame();
  wire::MessageView view;
  ASSERT_EQ(wire::parse_message(at_owner, {}, view), wire::ParseResult::kOk);
  EXPECT_EQ(wire::route_text(view.onward), "0#svc");
  EXPECT_EQ(wire::route_text(view.ret), "0#" + asker_link.sender + " => 0#cli");
  // The reply path is open for the pair now.
  owner.write_frame(route({asker_link.sender, "cli"}), route({"svc"}), as_bytes("answer"));
  Bytes at_asker = asker.read_frame();
  ASSERT_EQ(wire::parse_message(at_asker, {}, view), wire::ParseResult::kOk);
  EXPECT_EQ(wire::route_text(view.onward), "0#cli");
  EXPECT_EQ(wire::route_text(view.ret), "0#" + owner_link.sender + " => 0#svc");
  // ... but not for a third connection.
  RawPeer stranger(shard, address);
  stranger.write_frame(route({asker_link.sender, "cli"}), route({"svc"}), as_bytes("spam"));
  for (int i = 0; i < 20; ++i) shard.step();
  EXPECT_EQ(shard.shard.counters.dropped(DropReason::kNotAllowed), 1u);
  // A hop adds itself.
  asker.write_frame(route({"hop", "forward_to_alice", "svc"}), route({"cli"}), as_bytes("q"));
  at_owner = owner.read_frame();
  ASSERT_EQ(wire::parse_message(at_owner, {}, view), wire::ParseResult::kOk);
  EXPECT_EQ(wire::route_text(view.ret), "0#hop => 0#" + asker_link.sender + " => 0#cli");
}

TEST(ShardLink, ControlGetsMessagesAndAnswersThem) {
  TestShard shard;
  add_worker(shard, "service", WorkerKind::kControl, 42);
  RawPeer peer(shard, shard.listen(kListener));
  peer.write_frame(route({"service", "rest"}), route({"me"}), as_bytes("ask"));
  const MessageEvent event = shard.take<MessageEvent>();
  EXPECT_EQ(event.worker, 42u);
  EXPECT_EQ(event.onward.count, 1u);
  EXPECT_EQ(as_text(event.payload), "ask");
  shard.send(SendMessage{event.ret, route({"service"}), to_bytes(as_bytes("told"))});
  Bytes body = peer.read_frame();
  wire::MessageView view;
  ASSERT_EQ(wire::parse_message(body, {}, view), wire::ParseResult::kOk);
  EXPECT_EQ(as_text(view.payload), "told");
}

TEST(ShardLink, AFlooderOfTheControlPlaneIsNotReadUntilItCatchesUp) {
  TestShard shard;
  add_worker(shard, "service", WorkerKind::kControl, 1);
  RawPeer peer(shard, shard.listen(kListener));
  for (int i = 0; i < 1000; ++i) peer.write_frame(route({"service"}), route({"me"}), as_bytes("x"));
  for (int i = 0; i < 50; ++i) shard.step();
  std::size_t seen = 0;
  LinkId link;
  for (const Event& event : shard.events) {
    if (const auto* message = std::get_if<MessageEvent>(&event)) {
      ++seen;
      link = message->link;
    }
  }
  EXPECT_EQ(seen, kMessageCredit);
  for (std::uint32_t i = 0; i < kMessageCredit; ++i) shard.send(MessageDone{link});
  for (int i = 0; i < 50; ++i) shard.step();
  seen = 0;
  for (const Event& event : shard.events)
    seen += std::holds_alternative<MessageEvent>(event) ? 1 : 0;
  EXPECT_GT(seen, kMessageCredit);
}

TEST(ShardLink, AnIdleShardIsNotWokenByAnything) {
  TestShard shard;
  add_worker(shard, "echo", WorkerKind::kEcho, 1);
  RawPeer peer(shard, shard.listen(kListener));
  peer.write_frame(route({"echo"}), route({"me"}), as_bytes("x"));
  EXPECT_FALSE(peer.read_frame().empty());
  for (int i = 0; i < 20 && shard.shard.next_deadline_ns() != UINT64_MAX; ++i) shard.step(500);
  EXPECT_EQ(shard.shard.next_deadline_ns(), UINT64_MAX);
  EXPECT_EQ(shard.pool.in_use(BufferClass::kMedium), 0u);
  // And it still lives.
  peer.write_frame(route({"echo"}), route({"me"}), as_bytes("y"));
  EXPECT_FALSE(peer.read_frame().empty());
}

}  // namespace
}  // namespace weir
