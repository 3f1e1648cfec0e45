// Channels and the relay path through a real shard: what a peer observes, and what a frame costs.
#include <gtest/gtest.h>

#include "shard_far_end.h"

namespace weir {
namespace {
using namespace test;

TEST(ShardChannel, RelayOpensAndSealsWithoutCopyingOrDropping) {
  RelayedPair t;
  FarEnd owner = install(t.shard, 1, t.owner_link, 11);
  FarEnd asker = install(t.shard, 2, t.asker_link, 22);
  AddWorker relay;
  relay.address = "forward_to_bob";
  relay.kind = WorkerKind::kRelay;
  relay.forward = route({channel_address(1, "ec")});
  relay.forward_flow = 0xff000101;
  relay.allowed = {kListener, kChannelListener};
  t.shard.send(relay);
  for (std::size_t size : {0u, 1u, 64u, 1000u, 48000u, 300000u}) {
    for (int i = 0; i < 40; ++i) {  // past a rekey
      const Bytes payload(size, static_cast<std::uint8_t>(i));
      t.asker.write_frame(route({channel_address(2, "de")}), {},
                          asker.seal(route({"forward_to_bob", "svc"}), route({"cli"}), payload));
      Bytes body = t.owner.read_frame();
      wire::MessageView outer;
      ASSERT_EQ(wire::parse_message(body, {}, outer), wire::ParseResult::kOk);
      EXPECT_EQ(wire::route_text(outer.onward), "0#far1");
      EXPECT_TRUE(outer.ret.empty());
      const wire::ChannelPlaintext inner = owner.open(outer.payload);
      EXPECT_EQ(wire::route_text(inner.onward), "0#svc");
      EXPECT_EQ(wire::route_text(inner.ret), "0#" + channel_address(2, "ec") + " => 0#cli");
      EXPECT_TRUE(equal(inner.payload, payload));
    }
  }
  // The answer goes straight to the asker's encryptor, which the relay opened for the owner's
  // channel.
  t.owner.write_frame(
      route({channel_address(1, "de")}), {},
      owner.seal(route({channel_address(2, "ec"), "cli"}), route({"svc"}), as_bytes("yes")));
  Bytes body = t.asker.read_frame();
  wire::MessageView outer;
  ASSERT_EQ(wire::parse_message(body, {}, outer), wire::ParseResult::kOk);
  EXPECT_EQ(as_text(asker.open(outer.payload).payload), "yes");
  EXPECT_EQ(t.shard.shard.counters.get(Counter::kPayloadCopies), 0u);
  EXPECT_EQ(t.shard.shard.counters.get(Counter::kFramesOpened), 241u);
  EXPECT_EQ(t.shard.shard.counters.get(Counter::kFramesSealed), 241u);
}

TEST(ShardChannel, DataBehindTheLastHandshakeMessageWaitsForTheKeys) {
  RelayedPair t;
  AddWorker echo;
  echo.address = "echo";
  echo.kind = WorkerKind::kEcho;
  echo.allowed = {kChannelListener};
  t.shard.send(echo);
  AddWorker handshake;
  handshake.address = channel_address(3, "de");
  handshake.kind = WorkerKind::kHandshake;
  handshake.worker = 9;
  handshake.allowed = {kListener};
  t.shard.send(handshake);
  t.shard.step();
  FarEnd far;
  SeededRng rng(5);
  const auto to_shard = Secret<32>::random(rng);
  const auto from_shard = Secret<32>::random(rng);
  far.crypto = ChannelCrypto(1, to_shard, from_shard);
  t.asker.write_frame(route({channel_address(3, "de")}), route({"far3"}), as_bytes("message 3"));
  for (int i = 0; i < 3; ++i) {
    t.asker.write_frame(route({channel_address(3, "de")}), {},
                        far.seal(route({"echo"}), route({"cli"}), as_bytes(std::to_string(i))));
  }
  EXPECT_EQ(as_text(t.shard.take<MessageEvent>().payload), "message 3");
  InstallChannel install;
  install.channel = 3;
  install.decryptor = handshake.address;
  install.encryptor = channel_address(3, "ec");
  install.responder = true;
  install.send_key = from_shard;
  install.receive_key = to_shard;
  install.route = route({t.asker_link.sender, "far3"});
  install.flow = 0xff000103;
  install.spawner = kChannelListener;
  t.shard.send(std::move(install));
  for (int i = 0; i < 3; ++i) {
    Bytes body = t.asker.read_frame();
    wire::MessageView outer;
    ASSERT_EQ(wire::parse_message(body, {}, outer), wire::ParseResult::kOk);
    EXPECT_EQ(as_text(far.open(outer.payload).payload), std::to_string(i));
  }
}

TEST(ShardChannel, NothingBehindTheLastHandshakeMessageIsLostHoweverMuchItIs) {
  RelayedPair t;
  AddWorker service;
  service.address = "forward_to_bob";
  service.kind = WorkerKind::kRelay;
  service.forward = route({t.owner_link.sender});
  service.forward_flow = t.owner_link.flow;
  service.allowed = {kChannelListener};
  t.shard.send(service);
  AddWorker handshake;
  handshake.address = channel_address(3, "de");
  handshake.kind = WorkerKind::kHandshake;
  handshake.allowed = {kListener};
  t.shard.send(handshake);
  t.shard.step();
  t.asker.write_frame(route({handshake.address}), route({"x"}), as_bytes("message 3"));
  t.shard.take<MessageEvent>();
  SeededRng rng(3);
  const auto to_shard = Secret<32>::random(rng);
  const auto from_shard = Secret<32>::random(rng);
  FarEnd far;
  far.crypto = ChannelCrypto(1, to_shard, from_shard);
  // Eight times what may be parked, while control thinks.
  constexpr std::size_t kFrames = 200;
  const Bytes payload(40'000, 5);
  Bytes all;
  for (std::size_t i = 0; i < kFrames; ++i) {
    const EncodedRoute onward = route({handshake.address});
    const Bytes body =
        wire::encode_message({onward.items, onward.count}, {},
                             far.seal(route({"forward_to_bob", "svc"}), route({"cli"}), payload));
    Bytes prefix(4);
    store_be32(prefix.data(), static_cast<std::uint32_t>(body.size()));
    all.insert(all.end(), prefix.begin(), prefix.end());
    all.insert(all.end(), body.begin(), body.end());
  }
  std::size_t sent = 0;
  const auto push = [&] {
    const ssize_t n = ::send(t.asker.fd(), all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
    t.shard.step();
  };
  for (int i = 0; i < 200; ++i) push();
  EXPECT_GE(t.shard.shard.counters.get(Counter::kSourcePauses), 1u);
  InstallChannel install;
  install.channel = 3;
  install.decryptor = handshake.address;
  install.encryptor = channel_address(3, "ec");
  install.responder = true;
  install.send_key = from_shard;
  install.receive_key = to_shard;
  install.route = route({t.asker_link.sender, "far"});
  install.flow = 0xff000103;
  install.spawner = kChannelListener;
  t.shard.send(std::move(install));
  Bytes sink(1 << 20);
  std::size_t received = 0;
  for (int i = 0; i < 20'000 && received < kFrames * payload.size(); ++i) {
    push();
    const ssize_t got = recv(t.owner.fd(), sink.data(), sink.size(), 0);
    if (got > 0) received += static_cast<std::size_t>(got);
  }
  EXPECT_GE(received, kFrames * payload.size());
  EXPECT_EQ(t.shard.shard.counters.get(Counter::kFramesOpened), kFrames);
  EXPECT_EQ(t.shard.shard.counters.dropped(DropReason::kHandshakeParked), 0u);
}

TEST(ShardChannel, AnswersFollowAPeerThatCameByAnotherConnection) {
  RelayedPair t;
  AddWorker echo;
  echo.address = "echo";
  echo.kind = WorkerKind::kEcho;
  echo.allowed = {kChannelListener};
  t.shard.send(echo);
  FarEnd far = install(t.shard, 4, t.asker_link, 1);
  const auto ask = [&](RawPeer& by, const char* text) {
    by.write_frame(route({channel_address(4, "de")}), {},
                   far.seal(route({"echo"}), route({"cli"}), as_bytes(text)));
  };
  const auto answer = [&](RawPeer& at) {
    Bytes body = at.read_frame();
    wire::MessageView outer;
    if (wire::parse_message(body, {}, outer) != wire::ParseResult::kOk) return std::string("none");
    return std::string(as_text(far.open(outer.payload).payload));
  };
  ask(t.asker, "0");
  EXPECT_EQ(answer(t.asker), "0");
  ask(t.owner, "1");  // nonce 1: moves
  EXPECT_EQ(answer(t.owner), "1");
  t.owner.close();
  t.shard.take<ChannelOrphaned>();
  ask(t.asker, "2");  // and back, after the connection went away
  EXPECT_EQ(answer(t.asker), "2");
}

TEST(ShardChannel, CloseEndsTheChannelSilently) {
  RelayedPair t;
  FarEnd far = install(t.shard, 5, t.asker_link, 1);
  const Bytes close(wire::kChannelClose.begin(), wire::kChannelClose.end());
  t.asker.write_frame(route({channel_address(5, "de")}), {}, far.seal_plaintext(close));
  EXPECT_EQ(t.shard.take<ChannelClosed>().why, ChannelEnd::kPeerClosed);
  EXPECT_EQ(t.shard.shard.channels.size(), 0u);
  // A close of ours is sent once.
  FarEnd other = install(t.shard, 6, t.asker_link, 1);
  t.shard.send(CloseChannel{6, true});
  Bytes body = t.asker.read_frame();
  wire::MessageView outer;
  ASSERT_EQ(wire::parse_message(body, {}, outer), wire::ParseResult::kOk);
  EXPECT_EQ(other.open(outer.payload).variant, wire::ChannelVariant::kClose);
}

TEST(ShardChannel, NoNonceIsLostWhileThereIsNoConnection) {
  RelayedPair t;
  FarEnd far = install(t.shard, 7, t.owner_link, 1);
  t.owner.close();
  t.shard.take<ChannelOrphaned>();
  for (int i = 0; i < 100; ++i) {
    t.shard.send(SendMessage{route({channel_address(7, "ec"), "svc"}), {}, {1}});
  }
  t.shard.step();
  EXPECT_EQ(t.shard.shard.counters.dropped(DropReason::kChannelOrphaned), 100u);
  EXPECT_EQ(t.shard.shard.counters.get(Counter::kFramesSealed), 0u);
}

}  // namespace
}  // namespace weir
