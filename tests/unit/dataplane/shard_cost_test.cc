// What a frame costs in the steady state: heap allocations and user-space copies of its payload,
// counted.
#include <gtest/gtest.h>

#include <algorithm>

#include "allocation_counter.h"
#include "shard_far_end.h"

namespace weir {
namespace {
using namespace test;

constexpr int kFrames = 400;

Bytes framed(const EncodedRoute& onward, ByteSpan payload) {
  const Bytes body = wire::encode_message({onward.items, onward.count}, {}, payload);
  Bytes frame(4);
  store_be32(frame.data(), static_cast<std::uint32_t>(body.size()));
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

struct Cost {
  long allocations = 0;
  std::uint64_t copies = 0;
  std::uint64_t frames = 0;
};

// Gives the shard frames made by `make` and counts only what happens inside its turns.
template <typename Make>
Cost measure(RelayedPair& t, std::size_t expected_frame_bytes, Make&& make) {
  Counters& counters = t.shard.shard.counters;
  Bytes sink(1 << 20);
  Cost cost{1'000'000, 0, 0};
  // Queues that get longer than ever before make their pool grow once: the steady state is the
  // cheapest round, and what costs an allocation per frame has none.
  for (int round = 0; round < 5; ++round) {
    Bytes all;
    for (int i = 0; i < kFrames; ++i) {
      const Bytes one = make();
      all.insert(all.end(), one.begin(), one.end());
    }
    const std::uint64_t copies = counters.get(Counter::kPayloadCopies);
    const std::uint64_t frames = counters.get(Counter::kFramesOut);
    long allocations = 0;
    std::size_t sent = 0;
    std::size_t received = 0;
    for (int turn = 0; turn < 100000 && received < kFrames * expected_frame_bytes; ++turn) {
      const ssize_t n = ::send(t.asker.fd(), all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      const std::uint64_t deadline = t.shard.clock.now_ns() + kNsPerMs;
      const long before = allocation_count;
      t.shard.shard.step(deadline);
      allocations += allocation_count - before;
      const ssize_t got = recv(t.owner.fd(), sink.data(), sink.size(), 0);
      if (got > 0) received += static_cast<std::size_t>(got);
    }
    EXPECT_GE(received, kFrames * expected_frame_bytes);
    cost.allocations = std::min(cost.allocations, allocations);
    cost.copies += counters.get(Counter::kPayloadCopies) - copies;
    cost.frames = counters.get(Counter::kFramesOut) - frames;
  }
  std::printf("%llu frames: %ld allocations, %llu payload copies\n",
              static_cast<unsigned long long>(cost.frames), cost.allocations,
              static_cast<unsigned long long>(cost.copies));
  return cost;
}

void add_relay(RelayedPair& t, const EncodedRoute& forward, FlowId flow) {
  AddWorker relay;
  relay.address = "forward_to_bob";
  relay.kind = WorkerKind::kRelay;
  relay.forward = forward;
  relay.forward_flow = flow;
  relay.allowed = {kListener, kChannelListener};
  t.shard.send(relay);
  t.shard.step();
}

TEST(ShardCost, AnOpaqueRelayAllocatesNothingAndCopiesNothing) {
  for (const std::size_t size : {64u, 1400u, 48000u}) {
    RelayedPair t;
    add_relay(t, route({t.owner_link.sender}), t.owner_link.flow);
    const Bytes payload(size, 7);
    const Cost cost =
        measure(t, size, [&] { return framed(route({"forward_to_bob", "svc"}), payload); });
    EXPECT_GE(cost.frames, static_cast<std::uint64_t>(kFrames) / 2);
    EXPECT_EQ(cost.allocations, 0);
    EXPECT_EQ(cost.copies, 0u);
  }
}

TEST(ShardCost, ARelayThatOpensAndSealsAllocatesNothingAndCopiesNothing) {
  for (const std::size_t size : {64u, 1400u, 48000u}) {
    RelayedPair t;
    install(t.shard, 1, t.owner_link, 11);
    FarEnd asker = install(t.shard, 2, t.asker_link, 22);
    add_relay(t, route({channel_address(1, "ec")}), 0xff000101);
    const Bytes payload(size, 7);
    const Cost cost = measure(t, size, [&] {
      return framed(route({channel_address(2, "de")}),
                    asker.seal(route({"forward_to_bob", "svc"}), route({"cli"}), payload));
    });
    EXPECT_GE(cost.frames, static_cast<std::uint64_t>(kFrames) / 2);
    EXPECT_EQ(cost.allocations, 0);
    EXPECT_EQ(cost.copies, 0u);
  }
}

}  // namespace
}  // namespace weir
