#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "dataplane/shard/spsc_ring.h"

namespace weir {
namespace {

TEST(SpscRing, FullRingRefusesAndLeavesTheValueWithTheProducer) {
  SpscRing<std::unique_ptr<int>> ring(2);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.room(), 2u);
  EXPECT_TRUE(ring.push(std::make_unique<int>(1)));
  EXPECT_TRUE(ring.push(std::make_unique<int>(2)));
  EXPECT_EQ(ring.room(), 0u);
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(ring.push(std::move(third)));
  ASSERT_NE(third, nullptr) << "a refused value must not be lost";
  std::unique_ptr<int> out;
  EXPECT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 1);
  EXPECT_TRUE(ring.push(std::move(third)));
  EXPECT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 2);
  EXPECT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 3);
  EXPECT_FALSE(ring.pop(out));
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, TwoThreadsKeepEveryValueInOrder) {
  constexpr std::uint64_t kCount = 200'000;
  SpscRing<std::uint64_t> ring(64);
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kCount;) {
      std::uint64_t value = i;
      if (ring.push(std::move(value))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t expected = 0;
  while (expected < kCount) {
    std::uint64_t value = 0;
    if (!ring.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(value, expected);
    ++expected;
  }
  producer.join();
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace weir
