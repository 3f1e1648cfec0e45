// Who waits for a share of the CPU, who goes first, and who gives way.
#include "control/node/internal/handshake_queue.h"

#include <gtest/gtest.h>

#include "control/node/internal/handshake_share.h"

namespace weir::control {
namespace {

HandshakeSource source(const char* address) {
  return handshake_source(SocketAddress::parse(std::string(address) + ":1").value());
}

WaitingHandshake waiting(std::uint32_t link, std::size_t bytes = 32) {
  WaitingHandshake out;
  out.listener = "api";
  out.message.link = {0, link, 1};
  out.message.payload = Bytes(bytes);
  return out;
}

std::uint32_t next_link(HandshakeQueue& queue) {
  auto next = queue.take();
  return next ? next->waiting.message.link.index : 0;
}

TEST(HandshakeQueue, SourcesTakeTurns) {
  HandshakeQueue queue;
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(queue.add(HandshakeLine::kStranger, source("10.0.0.1"), waiting(1)));
  }
  EXPECT_FALSE(queue.add(HandshakeLine::kStranger, source("10.0.0.2"), waiting(2)));
  EXPECT_EQ(next_link(queue), 1U);
  EXPECT_EQ(next_link(queue), 2U);
  for (int i = 0; i < 49; ++i) EXPECT_EQ(next_link(queue), 1U);
  EXPECT_TRUE(queue.empty());
  EXPECT_FALSE(queue.take());
}

TEST(HandshakeQueue, AnIPv6SourceIsItsFirst64Bits) {
  EXPECT_EQ(source("[2001:db8::1]"), source("[2001:db8::ffff:2]"));
  EXPECT_NE(source("[2001:db8::1]"), source("[2001:db8:0:1::1]"));
  EXPECT_NE(source("10.0.0.1"), source("10.0.0.2"));
}

TEST(HandshakeQueue, WhatIsPaidForGoesFirstAndStrangersAreNotStarved) {
  HandshakeQueue queue;
  for (int i = 0; i < 6; ++i) {
    queue.add(HandshakeLine::kStranger, source("10.0.0.1"), waiting(1));
    queue.add(HandshakeLine::kKnown, source("10.0.0.2"), waiting(2));
  }
  queue.add(HandshakeLine::kThird, source("10.0.0.3"), waiting(3));
  std::string order;
  while (!queue.empty()) order += std::to_string(next_link(queue));
  EXPECT_EQ(order, "3222122211111");
}

TEST(HandshakeQueue, TheGreedyGiveWayInABoundedQueue) {
  HandshakeQueue queue;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < HandshakeQueue::kMessagesMax + 100; ++i) {
    if (queue.add(HandshakeLine::kKnown, source("10.0.0.1"), waiting(1))) ++refused;
  }
  EXPECT_EQ(queue.size(), HandshakeQueue::kMessagesMax);
  EXPECT_EQ(refused, 100U);
  // Another line and another source: room is made by the first one.
  const auto out = queue.add(HandshakeLine::kStranger, source("10.0.0.2"), waiting(2));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->message.link.index, 1U);
  EXPECT_EQ(queue.size(), HandshakeQueue::kMessagesMax);
}

TEST(HandshakeQueue, BytesAreBoundedToo) {
  HandshakeQueue queue;
  for (int i = 0; i < 1000; ++i) {
    queue.add(HandshakeLine::kStranger, source("10.0.0.1"), waiting(1, 60'000));
  }
  EXPECT_LE(queue.size() * 60'000, HandshakeQueue::kBytesMax);
}

TEST(HandshakeQueue, AConnectionThatEndedIsForgotten) {
  HandshakeQueue queue;
  queue.add(HandshakeLine::kStranger, source("10.0.0.1"), waiting(1));
  queue.add(HandshakeLine::kStranger, source("10.0.0.1"), waiting(2));
  queue.add(HandshakeLine::kThird, source("10.0.0.4"), waiting(1));
  queue.forget({0, 1, 1});
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(next_link(queue), 2U);
}

TEST(KnownSources, AreBoundedAndTheOldestLeave) {
  KnownSources known;
  for (std::uint32_t i = 0; i <= KnownSources::kMax; ++i) {
    HandshakeSource one{};
    one[0] = static_cast<std::uint8_t>(i);
    one[1] = static_cast<std::uint8_t>(i >> 8);
    known.add(one);
  }
  EXPECT_FALSE(known.contains(HandshakeSource{}));
  HandshakeSource second{};
  second[0] = 1;
  EXPECT_TRUE(known.contains(second));
}

TEST(HandshakeShare, WorkIsChargedAndTheBucketFillsByTheShare) {
  HandshakeShare share(25);
  EXPECT_TRUE(share.may_work(1'000));
  share.charge(HandshakeShare::kBurstNs / 4);
  EXPECT_FALSE(share.may_work(1'000));
  EXPECT_TRUE(share.may_work(1'000 + 1'000'000));  // 0.25 ms
  share.charge(1'250'000);                         // overdrawn by 1 ms
  EXPECT_EQ(share.wait_ns(0), 4'000'001U);
  EXPECT_FALSE(share.may_work(1'001'000 + 3'900'000));
  EXPECT_TRUE(share.may_work(1'001'000 + 4'100'000));
  // A long pause fills it, and no more.
  EXPECT_TRUE(share.may_work(3'600'000'000'000));
  share.charge(HandshakeShare::kBurstNs / 4);
  EXPECT_FALSE(share.may_work(3'600'000'000'000));
}

}  // namespace
}  // namespace weir::control
