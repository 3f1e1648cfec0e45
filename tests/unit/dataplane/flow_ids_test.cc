#include "dataplane/route/flow_ids.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(FlowIds, AnOldConnectionKeepsItsIdToItselfAfterAnyNumberOfNewOnes) {
  FlowIds ids(3);
  const FlowId old = ids.take();
  EXPECT_EQ(old >> FlowIds::kBits, 3u);
  for (std::uint32_t i = 0; i < FlowIds::kCount + 10; ++i) {
    const FlowId flow = ids.take();
    ASSERT_NE(flow, old);
    ASSERT_NE(flow, FlowId{3} << FlowIds::kBits);
    ids.give_back(flow);
  }
  ids.give_back(old);
  bool again = false;
  for (std::uint32_t i = 0; i < FlowIds::kCount && !again; ++i) {
    const FlowId flow = ids.take();
    again = flow == old;
    ids.give_back(flow);
  }
  EXPECT_TRUE(again);
}

TEST(FlowIds, AnIdOfAnotherShardIsNotTakenBack) {
  FlowIds ids(0);
  const FlowId own = ids.take();
  ids.give_back(FlowId{7} << FlowIds::kBits | own);
  for (std::uint32_t i = 0; i < FlowIds::kCount; ++i) {
    const FlowId flow = ids.take();
    ASSERT_NE(flow, own);
    ids.give_back(flow);
  }
}

}  // namespace
}  // namespace weir
