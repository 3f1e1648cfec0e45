// Several flows over one connection that takes less than they bring, in a real shard on the
// simulated network: nonces stay in order, and a small frame does not wait behind a backlog.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "bench/instructions/world.h"

namespace weir {
namespace {
using namespace bench;

SimParameters slow(std::uint32_t short_write) {
  SimParameters parameters = calm();
  parameters.window_bytes = 64 << 10;
  parameters.short_write = short_write;
  return parameters;
}

// A peer whose writes wait for room.
struct Sender {
  explicit Sender(World& world) : peer(world) {}
  void add(const Bytes& frame) { waiting.insert(waiting.end(), frame.begin(), frame.end()); }
  void pump() {
    const std::int32_t n = peer.world.peers.send(peer.end, waiting);
    if (n > 0) waiting.erase(waiting.begin(), waiting.begin() + n);
  }
  Peer peer;
  Bytes waiting;
};

// The peer at whose connection the flows meet: frames by their first hop, and where each began.
struct Owner {
  explicit Owner(World& world) : peer(world) {}
  struct Frame {
    std::string to;
    Bytes payload;
    std::size_t end = 0;  // in the stream of this connection
  };
  std::vector<Frame> read() {
    const Bytes more = peer.read();
    in.insert(in.end(), more.begin(), more.end());
    std::vector<Frame> out;
    std::size_t done = 0;
    while (in.size() - done >= 4) {
      const std::size_t size = load_be32(in.data() + done);
      if (in.size() - done < 4 + size) break;
      wire::MessageView view;
      EXPECT_EQ(wire::parse_message({in.data() + done + 4, size}, {}, view),
                wire::ParseResult::kOk);
      done += 4 + size;
      at += 4 + size;
      out.push_back({std::string(as_text(view.onward.front().value)), to_bytes(view.payload), at});
    }
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(done));
    return out;
  }
  Peer peer;
  Bytes in;
  std::size_t at = 1;  // the version byte
};

void add_relay(World& world, const std::string& name, const EncodedRoute& forward, FlowId flow) {
  AddWorker command;
  command.address = name;
  command.kind = WorkerKind::kRelay;
  command.forward = forward;
  command.forward_flow = flow;
  command.allowed = {kListener};
  world.send(std::move(command));
  world.settle();
}

Bytes numbered(std::uint32_t number, std::size_t size) {
  Bytes payload(size, 3);
  store_be32(payload.data(), number);
  return payload;
}

TEST(ShardLanes, EachFlowKeepsItsOrderUnderShortWrites) {
  World world;
  Owner owner(world);
  Far one(world, 1, owner.peer.link);
  Far two(world, 2, owner.peer.link);
  add_relay(world, "to_one", route({channel_address(1, "ec")}), 0xff000101);
  add_relay(world, "to_two", route({channel_address(2, "ec")}), 0xff000102);
  add_relay(world, "plain", route({owner.peer.link.sender}), owner.peer.link.flow);
  Sender senders[3] = {Sender(world), Sender(world), Sender(world)};
  world.network.set_parameters(slow(400));
  SeededRng rng(9);
  std::uint32_t numbers[3] = {};
  std::map<std::string, std::uint64_t> seen;
  std::uint64_t got = 0;
  std::uint64_t split = 0;
  std::uint64_t sent = 0;
  const auto check = [&](const Owner::Frame& frame) {
    const bool sealed = frame.to.starts_with("far");
    const std::uint64_t number =
        sealed ? load_be64(frame.payload.data()) : load_be32(frame.payload.data());
    // The first word of a plain payload: flow and number.
    const std::string flow = sealed ? frame.to : frame.to + std::to_string(number >> 24);
    ASSERT_EQ(sealed ? number : number & 0xffffff, seen[flow]) << flow;
    ++seen[flow];
    ++got;
  };
  for (int round = 0; round < 3'000; ++round) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      Sender& sender = senders[i];
      if (sender.waiting.size() < 100'000 && round < 2'500) {
        const std::size_t size = i == 0 ? 20'000 : i == 1 ? 64 + rng.below(200) : 2'000;
        if (i < 2) {
          sender.add(framed(route({i == 0 ? "to_one" : "to_two", "svc"}), {}, Bytes(size, 1)));
          ++sent;
        }
        sender.add(framed(route({"plain", "svc"}), {}, numbered(i << 24 | numbers[i]++, size)));
        ++sent;
      }
      sender.pump();
    }
    world.settle();
    const Link& link = world.shard.links.at(owner.peer.link.link.index);
    split += link.tx.lane_hold != nullptr ? 1 : 0;
    if (rng.chance(500) || round >= 2'500) {
      for (const Owner::Frame& frame : owner.read()) check(frame);
    }
    if (HasFatalFailure()) return;
  }
  for (int i = 0; i < 20'000 && got < sent; ++i) {
    for (Sender& sender : senders) sender.pump();
    world.settle();
    for (const Owner::Frame& frame : owner.read()) check(frame);
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(got, sent);
  EXPECT_GT(split, 500u) << "nothing was ever in lanes";
  EXPECT_EQ(world.shard.counters.dropped(DropReason::kMemory), 0u);
}

TEST(ShardLanes, ASmallFlowDoesNotWaitBehindAnothersBacklogAndIsNotStopped) {
  World world;
  Owner owner(world);
  add_relay(world, "plain", route({owner.peer.link.sender}), owner.peer.link.flow);
  Sender bulk(world);
  Sender small(world);
  world.network.set_parameters(slow(0));
  for (std::uint32_t i = 0; i < 100; ++i)
    bulk.add(framed(route({"plain", "bulk"}), {}, numbered(i, 48'000)));
  Link& link = world.shard.links.at(owner.peer.link.link.index);
  Link& from = world.shard.links.at(bulk.peer.link.link.index);
  for (int i = 0; i < 1'000 && !from.source.waiting; ++i) {
    bulk.pump();
    world.settle();
  }
  ASSERT_TRUE(from.source.waiting);
  const ShardLimits limits;
  ASSERT_GT(link.tx.bytes, limits.queue_high_bytes);
  constexpr std::uint32_t kSmall = 10;
  std::uint64_t worst = 0;
  std::uint32_t seen = 0;
  for (std::uint32_t i = 0; i < kSmall; ++i) {
    const std::uint64_t gone = link.tx.sent_bytes;
    small.add(framed(route({"plain", "small"}), {}, numbered(i, 64)));
    small.pump();
    world.settle();
    EXPECT_FALSE(world.shard.links.at(small.peer.link.link.index).source.waiting);
    EXPECT_LE(link.tx.bytes, limits.queue_high_bytes + limits.queue_reserve_bytes);
    for (int turn = 0; turn < 1'000 && seen == i; ++turn) {
      for (const Owner::Frame& frame : owner.read()) {
        if (frame.to != "small") continue;
        ASSERT_EQ(load_be32(frame.payload.data()), seen);
        ++seen;
        worst = std::max(worst, frame.end - gone);
      }
      bulk.pump();
      world.settle();
    }
    ASSERT_EQ(seen, i + 1);
  }
  // What the socket kept, the frame that this cut, and what moves from the lanes at a time.
  EXPECT_LE(worst, 3 * limits.queue_kept_bytes + 2 * 48'100);
}

}  // namespace
}  // namespace weir
