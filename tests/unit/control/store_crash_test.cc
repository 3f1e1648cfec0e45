// Power loss, full disks, killed processes, two commands at once.
#include <signal.h>
#include <sys/wait.h>

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

// A child that runs `body` and exits with its answer.
template <typename Body>
pid_t start_child(Body body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST(StoreCrash, TwoProcessesWritingAtOnceLoseNoUpdate) {
  TempDirectory temp;
  constexpr int kProcesses = 4;
  constexpr int kUpdates = 25;
  pid_t children[kProcesses];
  for (int i = 0; i < kProcesses; ++i) {
    children[i] = start_child([&] {
      // All start on an empty home: creation and migration race as well.
      auto opened = State::open({.home = temp.path()});
      if (!opened) return std::fprintf(stderr, "%s\n", opened.error().text().c_str()) < 0;
      for (int update = 0; update < kUpdates; ++update) {
        const auto status = (*opened)->histories().update(
            "counter", [](const std::optional<Bytes>& stored) -> Result<std::optional<Bytes>> {
              Bytes next(8);
              store_be64(next.data(), 1 + (stored ? load_be64(stored->data()) : 0));
              return std::optional<Bytes>(next);
            });
        if (!status) return std::fprintf(stderr, "%s\n", status.error().text().c_str()) < 0;
      }
      return true;
    });
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  auto state = open_state({.home = temp.path()});
  const auto counter = state->histories().find("counter");
  ASSERT_TRUE(counter && *counter);
  EXPECT_EQ(load_be64((*counter)->data()), std::uint64_t{kProcesses} * kUpdates);
}

TEST(StoreCrash, OfTwoCommandsThatStartOneNodeOneWins) {
  TempDirectory temp;
  ASSERT_TRUE(open_state({.home = temp.path()}));
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t children[6];
  for (pid_t& child : children) {
    child = start_child([&] {
      auto state = State::open({.home = temp.path()});
      auto node = make_node("n1", ::getpid());
      const bool won = state && (*state)->nodes().claim(node).has_value();
      const char verdict = won ? 'w' : 'l';
      if (::write(ready[1], &verdict, 1) != 1) return false;
      ::pause();  // the winner must be alive while the others look
      return true;
    });
  }
  int winners = 0;
  for (std::size_t i = 0; i < std::size(children); ++i) {
    char verdict = 0;
    ASSERT_EQ(::read(ready[0], &verdict, 1), 1);
    winners += verdict == 'w';
  }
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    wait_for(child);
  }
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(winners, 1);
}

TEST(StoreCrash, ALockHeldTooLongIsATimeoutNotADeadlock) {
  TempDirectory temp;
  auto holder = open_state({.home = temp.path()});
  auto other = open_state({.home = temp.path(), .busy_timeout_ms = 50});
  auto transaction = holder->database()->begin();
  ASSERT_TRUE(transaction);
  EXPECT_EQ(other->histories().put("I1", as_bytes("x")).error().code, Errc::kTimeout);
  EXPECT_TRUE(other->histories().find("I1"));  // reading goes on
  ASSERT_TRUE(transaction->commit());
  EXPECT_TRUE(other->histories().put("I1", as_bytes("x")));
}

TEST(StoreCrash, KillingAWriterLosesNothingThatWasAcknowledged) {
  TempDirectory temp;
  ASSERT_TRUE(open_state({.home = temp.path()}));
  SeededRng rng(42);
  std::uint32_t acknowledged = 0;
  for (int round = 0; round < 15; ++round) {
    int out[2];
    ASSERT_EQ(::pipe(out), 0);
    const pid_t child = start_child([&] {
      auto state = State::open({.home = temp.path()});
      if (!state) return false;
      for (std::uint32_t i = acknowledged;; ++i) {
        const NodeResource row{"n", kResourceInlet, std::to_string(i), std::string(2000, 'x')};
        if (!(*state)->resources().put(row)) return false;
        if (::write(out[1], &i, sizeof i) != sizeof i) return false;
      }
    });
    ::close(out[1]);
    std::uint32_t last = 0;
    const std::uint64_t rows = 1 + rng.below(8);
    for (std::uint64_t i = 0; i < rows; ++i) ASSERT_EQ(::read(out[0], &last, sizeof last), 4);
    ::usleep(static_cast<useconds_t>(rng.below(8000)));
    ::kill(child, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(wait_for(child)));
    while (::read(out[0], &last, sizeof last) == 4) {
    }
    ::close(out[0]);
    acknowledged = last + 1;
    auto state = open_state({.home = temp.path()});
    ASSERT_TRUE(state);
    ASSERT_TRUE(state->database()->check_integrity());
    const auto stored = state->resources().list("n");
    ASSERT_TRUE(stored);
    ASSERT_GE(stored->size(), acknowledged);
    ASSERT_LE(stored->size(), acknowledged + 1);
    for (std::uint32_t i = 0; i < acknowledged; ++i) {
      ASSERT_TRUE(state->resources().get("n", kResourceInlet, std::to_string(i)));
    }
    acknowledged = static_cast<std::uint32_t>(stored->size());
  }
}

}  // namespace
}  // namespace weir
