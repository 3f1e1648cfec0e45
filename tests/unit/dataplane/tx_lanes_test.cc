// A connection that takes less than it gets: each flow's frames keep their order, whatever is sent
// of them and however short; a flow with little waiting does not wait behind one with much.
#include "dataplane/link/tx_lanes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "dataplane/link/tx_queue.h"

namespace weir {
namespace {

constexpr std::size_t kMixed = 64 << 10;
constexpr std::size_t kKept = 64 << 10;
constexpr std::size_t kHeadBytes = 12;  // key, number, size of what follows

struct TxLanesTest : ::testing::Test {
  BufferPool pool{BufferLimits{{128, 64, 4, 1}}};
  TxItemPool items;
  TxQueue queue;
  Counters counters;
  SeededRng rng{5};
  std::map<LaneKey, std::uint32_t> pushed;
  std::map<LaneKey, std::uint32_t> seen;
  Bytes in;                    // sent, not yet a whole frame
  std::vector<LaneKey> order;  // of whole frames that have left

  // A frame says whose it is and which: head and tail in one buffer, payload in another.
  std::size_t push(LaneKey key, std::size_t payload_bytes, std::size_t mixed = kMixed) {
    Buffer* heads = pool.take_at_least(64);
    Buffer* payload = payload_bytes != 0 ? pool.take_at_least(payload_bytes) : nullptr;
    EXPECT_NE(heads, nullptr);
    EXPECT_TRUE(payload != nullptr || payload_bytes == 0);
    TxItem* item = items.take();
    store_be32(heads->data, key);
    store_be32(heads->data + 4, pushed[key]++);
    store_be32(heads->data + 8, static_cast<std::uint32_t>(payload_bytes) + 5);
    item->data[0] = heads->data;
    item->size[0] = kHeadBytes;
    item->hold[0] = heads;
    if (payload != nullptr) {
      std::memset(payload->data, static_cast<int>(key), payload_bytes);
      item->data[1] = payload->data;
      item->size[1] = static_cast<std::uint32_t>(payload_bytes);
      item->hold[1] = payload;
    }
    item->data[2] = heads->data + kHeadBytes;
    item->size[2] = 5;
    return queue.push(item, key, mixed, pool);
  }
  // Looks at what left: whole frames, each flow's in order.
  void sent(const std::vector<iovec>& vectors, std::size_t bytes) {
    for (const iovec& each : vectors) {
      const std::size_t n = std::min(bytes, each.iov_len);
      const auto* from = static_cast<const std::uint8_t*>(each.iov_base);
      in.insert(in.end(), from, from + n);
      bytes -= n;
    }
    std::size_t at = 0;
    while (in.size() - at >= kHeadBytes) {
      const LaneKey key = load_be32(in.data() + at);
      const std::size_t size = kHeadBytes + load_be32(in.data() + at + 8);
      if (in.size() - at < size) break;
      ASSERT_EQ(load_be32(in.data() + at + 4), seen[key]) << "flow " << key;
      ++seen[key];
      order.push_back(key);
      at += size;
    }
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
  }
  std::vector<iovec> gather(std::size_t limit = 1024) {
    if (queue.has_lanes()) queue.move_from_lanes(kKept, pool);
    std::vector<iovec> out(limit);
    std::size_t total = 0;
    out.resize(queue.gather(out.data(), limit, total));
    return out;
  }
  // The socket takes at most so much at once. Returns what it took.
  std::size_t send(std::size_t most) {
    const std::vector<iovec> out = gather();
    std::size_t total = 0;
    for (const iovec& each : out) total += each.iov_len;
    const std::size_t n = std::min(total, most);
    sent(out, n);
    queue.consume(n, items, pool);
    return n;
  }
  void send_all() {
    while (!queue.empty()) ASSERT_GT(send(1 << 20), 0u);
    EXPECT_EQ(pushed, seen);
    EXPECT_TRUE(in.empty());
    EXPECT_EQ(queue.bytes, 0u);
    EXPECT_EQ(queue.lane_hold, nullptr);
  }
  std::uint32_t in_use() const {
    std::uint32_t sum = 0;
    for (int c = 0; c < kBufferClasses; ++c) sum += pool.in_use(static_cast<BufferClass>(c));
    return sum;
  }
};

TEST_F(TxLanesTest, ASmallFrameLeavesAfterAQuantumOfABacklog) {
  for (int i = 0; i < 40; ++i) push(7, 16'000);
  // The socket is full, and keeps the first part of what was offered.
  const std::vector<iovec> offered = gather();
  const auto [kept, kept_bytes] = bytes_kept(offered, kKept);
  queue.keep(kept_bytes);
  const std::size_t after = push(8, 100);
  EXPECT_LE(after, kept_bytes + 16'100 + TxLanes::kQuantumBytes);
  sent({kept.begin(), kept.end()}, kept_bytes);
  queue.consume(kept_bytes, items, pool);
  std::size_t between = 0;
  while (seen[8] == 0) between += send(1000);
  EXPECT_LE(between, 16'017u + 1000) << "more than the frame that was cut went before it";
  push(8, 100);
  between = 0;
  while (seen[8] == 1) between += send(20'000);
  EXPECT_LE(between, kKept * 2 + 16'017 + TxLanes::kQuantumBytes + 20'000);
  send_all();
}

TEST_F(TxLanesTest, OneFlowAloneIsOneRow) {
  for (int i = 0; i < 60; ++i) EXPECT_EQ(push(7, 8'000), queue.bytes);
  EXPECT_EQ(queue.lane_hold, nullptr);
  EXPECT_EQ(gather().size(), 180u) << "less than everything is sent at once";
  send_all();
}

TEST_F(TxLanesTest, AFewFramesOfManyFlowsAreOneRowInTheOrderTheyCame) {
  std::vector<LaneKey> expected;
  for (LaneKey i = 0; i < 50; ++i) {
    push(i % 7, 1'000);
    expected.push_back(i % 7);
  }
  EXPECT_EQ(queue.lane_hold, nullptr);
  send_all();
  EXPECT_EQ(order, expected);
}

TEST_F(TxLanesTest, FlowsShareByBytesNotByFrames) {
  for (int i = 0; i < 4; ++i) push(1, 60'000);
  for (int i = 0; i < 44; ++i) push(2, 5'000);
  std::map<LaneKey, std::size_t> bytes;
  queue.blocked = true;
  while (queue.bytes > 200'000) send(10'000);
  const double share = 60'000.0 * seen[1] / (60'000.0 * seen[1] + 5'000.0 * seen[2]);
  EXPECT_GT(share, 0.3);
  EXPECT_LT(share, 0.8);
  send_all();
}

TEST_F(TxLanesTest, ControlGoesBeforeWhatWaits) {
  for (int i = 0; i < 10; ++i) push(5, 10'000);
  for (int i = 0; i < 10; ++i) push(6, 10'000);
  push(kControlLane, 50);
  push(9, 50);  // sealed with keys that the message before it brings
  while (seen[9] == 0) send(5'000);
  EXPECT_EQ(seen[kControlLane], 1u);
  send_all();
  const auto at = [&](LaneKey key) { return std::find(order.begin(), order.end(), key); };
  EXPECT_LT(at(kControlLane), at(9));
  // The first flow's frames stood alone: nothing of them was in flight.
  EXPECT_LT(at(kControlLane), at(6));
}

TEST_F(TxLanesTest, MoreFlowsThanLanesKeepTheirOrder) {
  for (int round = 0; round < 3; ++round) {
    for (LaneKey key = 10; key < 40; ++key) push(key + 1, 2'000, 0);
  }
  for (int i = 0; i < 300; ++i) {
    while (in_use() > 100) send(7'000);
    for (int n = 0; n < 4; ++n) push(static_cast<LaneKey>(1 + rng.below(200)), rng.below(300), 0);
    send(rng.below(900));
    queue.blocked = true;
  }
  send_all();
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxLanesTest, WithoutABufferForLanesEverythingIsOneRow) {
  for (int i = 0; i < 20; ++i) push(1, 60'000);
  std::vector<Buffer*> all;
  while (Buffer* each = pool.take(BufferClass::kSmall)) all.push_back(each);
  pool.unref(all.back());
  all.pop_back();
  push(2, 0);  // its head takes the last one
  push(1, 0);
  EXPECT_EQ(queue.lane_hold, nullptr);
  for (Buffer* each : all) pool.unref(each);
  push(2, 0);
  push(1, 0);
  EXPECT_NE(queue.lane_hold, nullptr);
  send_all();
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxLanesTest, WhatWaitsWhenTheConnectionEndsGivesEverythingBack) {
  for (int i = 0; i < 10; ++i) push(1, 20'000);
  for (int i = 0; i < 10; ++i) push(2, 20'000);
  EXPECT_NE(queue.lane_hold, nullptr);
  send(30'000);
  queue.clear(items, pool);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(in_use(), 0u);
}

// Any order of pushes, short sends, pending sends and settles.
TEST_F(TxLanesTest, RandomFlowsSendsAndSettlesKeepEachFlowsOrder) {
  int split = 0;
  for (int round = 0; round < 20'000; ++round) {
    const LaneKey key = rng.chance(30) ? kControlLane : static_cast<LaneKey>(1 + rng.below(6));
    if (in_use() < 90 && queue.bytes < 400'000) {
      for (std::uint64_t n = rng.below(5); n-- > 0;)
        push(key, rng.below(key == 3 ? 20'000 : 500), rng.chance(500) ? 0 : 4'000);
    }
    split += queue.lane_hold != nullptr ? 1 : 0;
    if (!queue.empty() && rng.chance(600)) {
      const std::vector<iovec> out = gather(1 + rng.below(40));
      ASSERT_FALSE(out.empty());
      if (rng.chance(400)) {
        // Pending: pushes and settles go on, then a part of it is gone.
        const auto [kept, bytes] = bytes_kept(out, 1 + rng.below(6'000));
        queue.keep(bytes);
        const std::vector<iovec> flying(kept.begin(), kept.end());
        for (std::uint64_t n = rng.below(4); n-- > 0 && in_use() < 100;)
          push(static_cast<LaneKey>(rng.below(7)), rng.below(400), 0);
        if (rng.chance(700)) queue.settle(pool, counters);
        const std::size_t gone = rng.below(bytes + 1);
        sent(flying, gone);
        queue.consume(gone, items, pool);
      } else {
        std::size_t total = 0;
        for (const iovec& each : out) total += each.iov_len;
        const std::size_t gone = rng.chance(500) ? total : rng.below(total + 1);
        sent(out, gone);
        queue.consume(gone, items, pool);
      }
    }
    if (rng.chance(300)) queue.settle(pool, counters);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(split, 3'000);
  send_all();
  EXPECT_EQ(in_use(), 0u);
  EXPECT_GT(counters.get(Counter::kWaitingCopies), 100u);
}

}  // namespace
}  // namespace weir
