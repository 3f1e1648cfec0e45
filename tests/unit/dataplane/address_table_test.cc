#include "dataplane/route/address_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"

namespace weir {
namespace {

TEST(AddressTable, FindsWhatIsThereAndNothingElseWhileItGrowsAndShrinks) {
  AddressTable table(1);
  SeededRng rng(2);
  std::map<std::string, std::uint32_t> model;
  for (int step = 0; step < 60000; ++step) {
    const std::string name = "worker" + std::to_string(rng.below(6000));
    const auto known = model.find(name);
    Entry* found = table.find(as_bytes(name));
    ASSERT_EQ(found != nullptr, known != model.end());
    if (found == nullptr) {
      Entry* made = table.add(as_bytes(name), EntryKind::kEcho, 0);
      ASSERT_NE(made, nullptr);
      ASSERT_EQ(table.add(as_bytes(name), EntryKind::kEcho, 0), nullptr);
      model[name] = made->index;
    } else {
      ASSERT_EQ(found->index, known->second);
      ASSERT_EQ(as_text(found->value()), name);
      table.remove(*found);
      model.erase(known);
    }
  }
  EXPECT_EQ(table.size(), model.size());
}

TEST(AddressTable, AFlowReachesWhatItWasAllowedAndNoOther) {
  AddressTable table(1);
  SeededRng rng(3);
  std::vector<Entry*> entries;
  for (int i = 0; i < 300; ++i) {
    entries.push_back(table.add(as_bytes("w" + std::to_string(i)), EntryKind::kEcho, 0));
  }
  std::set<std::pair<FlowId, int>> model;
  for (int step = 0; step < 50000; ++step) {
    const auto flow = static_cast<FlowId>(1 + rng.below(100));
    const auto at = static_cast<int>(rng.below(entries.size()));
    Entry& entry = *entries[static_cast<std::size_t>(at)];
    switch (rng.below(4)) {
      case 0:
        table.allow(flow, entry), model.insert({flow, at});
        break;
      case 1:
        table.deny(flow, entry), model.erase({flow, at});
        break;
      case 2:
        if (rng.below(50) != 0) break;
        table.forget_flow(flow);
        std::erase_if(model, [&](const auto& gate) { return gate.first == flow; });
        break;
      default:
        ASSERT_EQ(table.allowed(flow, entry), model.contains({flow, at}));
    }
  }
  EXPECT_FALSE(table.allowed(kNoFlow, *entries[0]));
}

TEST(AddressTable, WhatWasAllowedForARemovedWorkerIsNotAllowedForTheNextInItsPlace) {
  AddressTable table(1);
  Entry* old = table.add(as_bytes("old"), EntryKind::kEcho, 0);
  table.allow(7, *old);
  const std::uint32_t place = old->index;
  table.remove(*old);
  Entry* next = table.add(as_bytes("next"), EntryKind::kEcho, 0);
  ASSERT_EQ(next->index, place);
  EXPECT_FALSE(table.allowed(7, *next));
}

}  // namespace
}  // namespace weir
