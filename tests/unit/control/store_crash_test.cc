// Power loss and full disks. (Killed processes: tests/store.)
#include <cstdio>

#include "base/check.h"
#include "base/rng.h"
#include "control/store/fault_vfs.h"
#include "control/store/home.h"
#include "store_testing.h"

namespace weir {
namespace {

constexpr char kHome[] = "/disk";
constexpr int kRounds = 12 / WEIR_TEST_SCALE;  // of random losses

// Several tables and pages in one transaction: the default moves, resources of the node go.
void prepare(State& state) {
  for (const char* name : {"n1", "n2", "n3"}) {
    auto node = make_node(name);
    node.options = std::string(3000, 'o');  // spreads rows over pages
    ASSERT_TRUE(state.nodes().claim(node));
    ASSERT_TRUE(state.resources().put({name, kResourceInlet, "i", std::string(3000, 'x')}));
  }
  ASSERT_TRUE(state.nodes().set_default("n1"));
}

bool is_old(State& state) {
  return state.nodes().list()->size() == 3 && state.nodes().get_default()->name == "n1" &&
         state.resources().list("n1")->size() == 1;
}
bool is_new(State& state) {
  return state.nodes().list()->size() == 2 && state.nodes().get_default()->name == "n2" &&
         state.resources().list("n1")->empty();
}

void crash_at_every_operation(FaultVfs::Survives survives, int rounds) {
  int olds = 0;
  int news = 0;
  for (int round = 0; round < rounds; ++round) {
    bool finished = false;
    for (std::uint64_t cut = 0; !finished; ++cut) {
      SCOPED_TRACE(::testing::Message() << "round " << round << ", power cut after " << cut);
      FaultVfs disk;
      SeededRng rng(static_cast<std::uint64_t>(round) * 1000 + cut);
      bool acknowledged = false;
      {
        auto state = open_state({.home = kHome, .vfs = disk.name()});
        ASSERT_TRUE(state);
        prepare(*state);
        disk.cut_power_after(cut);
        acknowledged = state->nodes().remove("n1").has_value();
        finished = !disk.power_is_cut();
      }
      disk.crash(survives, rng);
      auto state = open_state({.home = kHome, .vfs = disk.name()});
      ASSERT_TRUE(state);
      ASSERT_TRUE(state->database()->check_integrity());
      const bool old_state = is_old(*state);
      const bool new_state = is_new(*state);
      ASSERT_NE(old_state, new_state);
      ASSERT_TRUE(new_state || !acknowledged);
      old_state ? ++olds : ++news;
      ASSERT_LT(cut, 1000u);
    }
  }
  std::printf("power cuts: %d found the old state, %d the new one\n", olds, news);
  EXPECT_GT(olds, 0);
  EXPECT_GT(news, 0);
}

TEST(StoreCrash, LosingAllUnsyncedWritesLeavesTheOldOrTheNewState) {
  crash_at_every_operation(FaultVfs::Survives::kNothing, 1);
}
TEST(StoreCrash, LosingNoWriteLeavesTheOldOrTheNewState) {
  crash_at_every_operation(FaultVfs::Survives::kEverything, 1);
}
TEST(StoreCrash, LosingSomeWritesAndTearingOneLeavesTheOldOrTheNewState) {
  crash_at_every_operation(FaultVfs::Survives::kSome, kRounds);
}

TEST(StoreCrash, PowerLossDuringTheVeryFirstStartLeavesAUsableHome) {
  for (const auto survives :
       {FaultVfs::Survives::kNothing, FaultVfs::Survives::kSome, FaultVfs::Survives::kEverything}) {
    for (int round = 0; round < kRounds / 2; ++round) {
      bool finished = false;
      for (std::uint64_t cut = 0; !finished; ++cut) {
        SCOPED_TRACE(::testing::Message() << "round " << round << ", power cut after " << cut);
        FaultVfs disk;
        SeededRng rng(static_cast<std::uint64_t>(round) * 1000 + cut);
        disk.cut_power_after(cut);
        const bool opened = State::open({.home = kHome, .vfs = disk.name()}).has_value();
        finished = !disk.power_is_cut();
        ASSERT_EQ(opened, finished);
        disk.crash(survives, rng);
        auto state = open_state({.home = kHome, .vfs = disk.name()});
        ASSERT_TRUE(state);
        ASSERT_TRUE(state->nodes().list());
        ASSERT_LT(cut, 1000u);
      }
    }
  }
}

TEST(StoreCrash, AFullDiskIsAnErrorAndNothingIsLost) {
  bool fitted = false;
  int refusals = 0;
  for (std::uint64_t writes = 0; !fitted; ++writes) {
    SCOPED_TRACE(writes);
    FaultVfs disk;
    auto state = open_state({.home = kHome, .vfs = disk.name()});
    ASSERT_TRUE(state);
    prepare(*state);
    disk.fill_up_after(writes);
    const NodeResource large{"n1", kResourceRelay, "r", std::string(100'000, 'x')};
    const auto status = state->resources().put(large);
    fitted = status.has_value();
    if (!fitted) {
      ++refusals;
      EXPECT_EQ(status.error().code, Errc::kExhausted);
      EXPECT_EQ(state->resources().list("n1")->size(), 1u);  // reading still works
    }
    disk.heal();
    EXPECT_TRUE(state->database()->check_integrity());
    ASSERT_TRUE(state->resources().put(large));
    EXPECT_EQ(state->resources().get("n1", kResourceRelay, "r")->options.size(), 100'000u);
    ASSERT_LT(writes, 1000u);
  }
  EXPECT_GT(refusals, 5);
}

TEST(StoreCrash, AFullDiskAtTheFirstStartIsAnError) {
  FaultVfs disk;
  disk.fill_up_after(0);
  const auto state = State::open({.home = kHome, .vfs = disk.name()});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::kExhausted);
  disk.heal();
  EXPECT_TRUE(open_state({.home = kHome, .vfs = disk.name()}));
}

TEST(StoreCrash, AForeignFileOnTheSimulatedDiskIsRefusedToo) {
  FaultVfs disk;
  disk.plant(database_path(kHome), as_bytes(std::string(300, 'x')));
  EXPECT_EQ(State::open({.home = kHome, .vfs = disk.name()}).error().code, Errc::kInvalid);
  EXPECT_EQ(disk.read(database_path(kHome)).size(), 300u);
}

}  // namespace
}  // namespace weir
