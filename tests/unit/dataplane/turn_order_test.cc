#include "dataplane/shard/turn_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace weir {
namespace {

constexpr std::int64_t kQuantum = 100'000;

// Sources with messages of one size each, served for as long as a turn may last.
struct Town {
  struct One {
    Source source;
    std::int64_t message = 0;  // bytes
    std::int64_t left = 0;     // messages that wait
    std::int64_t served = 0;   // bytes
    bool gone = false;
  };
  TurnOrder order{kQuantum};
  std::deque<One> all;

  One& add(std::int64_t message, std::int64_t count) {
    One& one = all.emplace_back();
    one.source.object = static_cast<std::uint32_t>(all.size() - 1);
    one.message = message;
    one.left = count;
    order.add(one.source);
    return one;
  }
  Source* find(const TxOwner& owner) {
    One& one = all[owner.object];
    return one.gone ? nullptr : &one.source;
  }
  // True: somebody was served.
  bool serve() {
    Source* next = order.next([this](const TxOwner& owner) { return find(owner); });
    if (next == nullptr) return false;
    One& one = all[next->object];
    while (one.left > 0 && next->deficit > 0) {
      --one.left;
      one.served += one.message;
      next->deficit -= one.message + TurnOrder::kMessageCost;
    }
    order.done(next, one.left > 0);
    return true;
  }
};

TEST(TurnOrder, SourcesShareByBytesWhateverTheirMessagesMeasure) {
  Town town;
  for (const std::int64_t size : {30'000, 48'000, 1'000'000, 200'000}) town.add(size, 100'000);
  for (int i = 0; i < 4'000; ++i) ASSERT_TRUE(town.serve());
  const auto [least, most] =
      std::minmax_element(town.all.begin(), town.all.end(),
                          [](const auto& a, const auto& b) { return a.served < b.served; });
  // By at most the largest message and a quantum, beside what messages cost by themselves.
  EXPECT_LT(most->served - least->served, most->served / 20 + 1'000'000 + kQuantum);
}

TEST(TurnOrder, ARequestDoesNotWaitForARoundOfBulk) {
  Town town;
  for (int i = 0; i < 20; ++i) town.add(48'000, 1'000);
  for (int i = 0; i < 50; ++i) town.serve();
  Town::One& small = town.add(64, 1);
  town.serve();
  EXPECT_EQ(small.left, 0);
}

TEST(TurnOrder, RequestsWithoutEndLeaveBulkItsShare) {
  Town town;
  Town::One& bulk = town.add(48'000, 1'000'000);
  for (int i = 0; i < 10; ++i) town.add(64, 1);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(town.serve());
    for (std::size_t j = 1; j < town.all.size(); ++j) {  // each asks again as soon as it was served
      if (town.all[j].left == 0) {
        town.all[j].left = 1;
        town.order.add(town.all[j].source);
      }
    }
  }
  std::int64_t requests = 0;
  for (const Town::One& one : town.all) requests += one.message == 64 ? one.served / 64 : 0;
  EXPECT_GT(requests, 1'000);
  EXPECT_GT(bulk.served, requests * TurnOrder::kMessageCost / 10);
}

TEST(TurnOrder, WhoOverdrewPaysWhenOthersAreThere) {
  Town town;
  town.add(1'000'000, 1'000);  // ten quanta each
  Town::One& other = town.add(10'000, 1'000'000);
  for (int i = 0; i < 400; ++i) town.serve();
  EXPECT_NEAR(static_cast<double>(town.all[0].served) / static_cast<double>(other.served), 1.0,
              0.2);
}

TEST(TurnOrder, AloneNobodyWaits) {
  Town town;
  Town::One& one = town.add(16'000'000, 10);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(town.serve());
  EXPECT_EQ(one.left, 0);
  EXPECT_FALSE(town.serve());
  EXPECT_TRUE(town.order.empty());
}

TEST(TurnOrder, WhoHasEndedIsSkipped) {
  Town town;
  town.add(100, 1).gone = true;
  Town::One& here = town.add(100, 1);
  EXPECT_TRUE(town.serve());
  EXPECT_EQ(here.left, 0);
  EXPECT_FALSE(town.serve());
}

TEST(TurnOrder, NobodyStandsInItTwiceAndManyFit) {
  Town town;
  for (int i = 0; i < 1'000; ++i) town.add(100, 1);
  for (auto& one : town.all) town.order.add(one.source);
  int services = 0;
  while (town.serve()) ++services;
  EXPECT_EQ(services, 1'000);
}

}  // namespace
}  // namespace weir
