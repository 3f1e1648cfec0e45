// What waits for a socket keeps its bytes and their order, and does not pin what it does not fill.
#include "dataplane/link/tx_queue.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"

namespace weir {
namespace {

struct TxQueueTest : ::testing::Test {
  BufferPool pool{BufferLimits{{64, 16, 4, 1}}};
  TxItemPool items;
  TxQueue queue;
  Counters counters;
  std::string expected;
  SeededRng rng{3};

  // As a relayed frame: head and tail in one buffer, payload in another.
  void push(Buffer* heads, std::uint32_t& used, Buffer* payloads, std::uint32_t& at,
            std::size_t payload_bytes) {
    TxItem* item = items.take();
    const auto put = [&](Buffer* buffer, std::uint32_t& where, int piece, std::size_t size) {
      std::uint8_t* to = buffer->data + where;
      for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::uint8_t>(rng.next_u64());
      item->data[piece] = to;
      item->size[piece] = static_cast<std::uint32_t>(size);
      where += static_cast<std::uint32_t>(size);
      return std::string(reinterpret_cast<const char*>(to), size);
    };
    const std::string head = put(heads, used, 0, 40);
    const std::string tail = put(heads, used, 2, 17);
    std::string payload;
    if (payload_bytes != 0) {
      payload = put(payloads, at, 1, payload_bytes);
      BufferPool::ref(payloads);
      item->hold[1] = payloads;
    }
    BufferPool::ref(heads);
    item->hold[0] = heads;
    queue.push(item);
    expected += head + payload + tail;
  }
  // Sends up to `limit` pieces and says what left.
  std::string send(std::size_t limit) {
    std::vector<iovec> out(limit);
    std::size_t total = 0;
    out.resize(queue.gather(out.data(), limit, total));
    std::string bytes;
    for (const iovec& piece : out) bytes.append(static_cast<char*>(piece.iov_base), piece.iov_len);
    EXPECT_EQ(bytes.size(), total);
    return bytes;
  }
  std::uint32_t in_use() const {
    std::uint32_t sum = 0;
    for (int c = 0; c < kBufferClasses; ++c) sum += pool.in_use(static_cast<BufferClass>(c));
    return sum;
  }
};

TEST_F(TxQueueTest, ASmallWaitingFrameDoesNotPinItsLargeBuffer) {
  Buffer* heads = pool.take(BufferClass::kMedium);
  Buffer* bulk = pool.take(BufferClass::kBulk);
  std::uint32_t used = 0;
  std::uint32_t at = 0;
  push(heads, used, bulk, at, 64);
  pool.unref(heads);
  pool.unref(bulk);
  queue.settle(pool, counters);
  EXPECT_EQ(pool.in_use(BufferClass::kBulk), 0u);
  EXPECT_EQ(pool.in_use(BufferClass::kMedium), 0u);
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 1u);
  EXPECT_EQ(counters.get(Counter::kWaitingCopies), 1u);
  EXPECT_EQ(counters.get(Counter::kWaitingCopyBytes), expected.size());
  EXPECT_EQ(send(16), expected);
  queue.consume(expected.size(), items, pool);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxQueueTest, AFullBufferOfWaitingFramesIsNotCopied) {
  Buffer* heads = pool.take(BufferClass::kMedium);
  Buffer* bulk = pool.take(BufferClass::kBulk);
  std::uint32_t used = 0;
  std::uint32_t at = 0;
  for (int i = 0; i < 20; ++i) push(heads, used, bulk, at, 48'000);
  pool.unref(heads);
  pool.unref(bulk);
  queue.settle(pool, counters);
  EXPECT_EQ(counters.get(Counter::kWaitingCopies), 0u);
  EXPECT_EQ(send(256), expected);
  queue.consume(expected.size(), items, pool);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxQueueTest, ManySmallReceivesOfAStuckPeerShareOneBuffer) {
  for (int i = 0; i < 60; ++i) {
    Buffer* heads = pool.take(BufferClass::kMedium);
    Buffer* small = pool.take(BufferClass::kSmall);
    ASSERT_NE(heads, nullptr) << i;
    ASSERT_NE(small, nullptr) << i;
    std::uint32_t used = 0;
    std::uint32_t at = 0;
    push(heads, used, small, at, 100);
    pool.unref(heads);
    pool.unref(small);
    queue.settle(pool, counters);
  }
  EXPECT_LE(in_use(), 5u);
  EXPECT_EQ(send(256), expected);
  queue.consume(expected.size(), items, pool);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxQueueTest, WhatIsBeingSentStaysWhereItLies) {
  Buffer* heads = pool.take(BufferClass::kMedium);
  Buffer* bulk = pool.take(BufferClass::kBulk);
  std::uint32_t used = 0;
  std::uint32_t at = 0;
  for (int i = 0; i < 10; ++i) push(heads, used, bulk, at, 64);
  iovec vectors[5];  // ends inside the second frame
  std::size_t total = 0;
  ASSERT_EQ(queue.gather(vectors, 5, total), 5u);
  const std::size_t first = total;
  queue.settle(pool, counters);
  EXPECT_EQ(counters.get(Counter::kWaitingCopies), 8u);
  std::string sent;
  for (const iovec& piece : vectors) sent.append(static_cast<char*>(piece.iov_base), piece.iov_len);
  EXPECT_EQ(sent, expected.substr(0, first));
  queue.consume(first, items, pool);
  EXPECT_EQ(send(256), expected.substr(first));
  // A second look copies nothing again.
  queue.settle(pool, counters);
  EXPECT_EQ(counters.get(Counter::kWaitingCopies), 8u);
  queue.clear(items, pool);
  pool.unref(heads);
  pool.unref(bulk);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxQueueTest, RandomFramesSendsAndSettlesKeepTheStream) {
  std::string sent;
  std::vector<std::pair<Buffer*, Buffer*>> held;
  for (int round = 0; round < 300; ++round) {
    Buffer* heads = pool.take(BufferClass::kMedium);
    Buffer* payloads = pool.take(rng.chance(500) ? BufferClass::kSmall : BufferClass::kMedium);
    if (heads != nullptr && payloads != nullptr) {
      std::uint32_t used = 0;
      std::uint32_t at = 0;
      for (std::uint64_t n = rng.below(6); n-- > 0;) {
        const std::size_t size = rng.below(600);
        if (at + size <= payloads->capacity) push(heads, used, payloads, at, size);
      }
    }
    if (heads != nullptr) pool.unref(heads);
    if (payloads != nullptr) pool.unref(payloads);
    const std::size_t limit = 1 + rng.below(12);
    const std::string offered = send(limit);
    if (rng.chance(700)) queue.settle(pool, counters);
    EXPECT_EQ(send(limit), offered);
    const std::size_t gone = rng.below(offered.size() + 1);
    sent += offered.substr(0, gone);
    queue.consume(gone, items, pool);
  }
  while (!queue.empty()) {
    const std::string offered = send(64);
    sent += offered;
    queue.consume(offered.size(), items, pool);
  }
  EXPECT_EQ(sent, expected);
  EXPECT_GT(counters.get(Counter::kWaitingCopies), 100u);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(TxQueueTest, CreditComesBackWhenItsFrameHasLeftWhereverItWasCopied) {
  Buffer* heads = pool.take(BufferClass::kMedium);
  Buffer* bulk = pool.take(BufferClass::kBulk);
  std::uint32_t used = 0;
  std::uint32_t at = 0;
  push(heads, used, bulk, at, 64);
  items.attach(*queue.tail, {1, Source::Kind::kLink, 7, 8, 300});
  push(heads, used, bulk, at, 64);
  pool.unref(heads);
  pool.unref(bulk);
  queue.settle(pool, counters);
  queue.consume(60, items, pool);
  EXPECT_TRUE(items.due().empty());
  queue.consume(61, items, pool);
  ASSERT_EQ(items.due().size(), 1u);
  EXPECT_EQ(items.due()[0].object, 7u);
  EXPECT_EQ(items.due()[0].bytes, 300u);
  queue.clear(items, pool);
  EXPECT_EQ(items.due().size(), 1u);
}

}  // namespace
}  // namespace weir
