// Two commands at once, killed processes: in SQLite and in PostgreSQL.
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>

#include "base/check.h"
#include "base/rng.h"
#include "control/store/home.h"
#include "store_case.h"

namespace weir {
namespace {

class StoreProcesses : public StoreCase {};
WEIR_IN_BOTH(StoreProcesses);

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

TEST_P(StoreProcesses, TwoProcessesWritingAtOnceLoseNoUpdate) {
  constexpr int kProcesses = 4;
  constexpr int kUpdates = 25;
  pid_t children[kProcesses];
  for (int i = 0; i < kProcesses; ++i) {
    children[i] = start_child([&] {
      // All start on an empty home: creation and migration race as well.
      auto opened = State::open(options());
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
  auto state = open();
  const auto counter = state->histories().find("counter");
  ASSERT_TRUE(counter && *counter);
  EXPECT_EQ(load_be64((*counter)->data()), std::uint64_t{kProcesses} * kUpdates);
}

TEST_P(StoreProcesses, OfTwoCommandsThatStartOneNodeOneWins) {
  ASSERT_TRUE(open());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t children[6];
  for (pid_t& child : children) {
    child = start_child([&] {
      auto state = State::open(options());
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

TEST_P(StoreProcesses, ALockHeldTooLongIsATimeoutNotADeadlock) {
  auto holder = open();
  auto other = open_state(options(50));
  auto transaction = holder->database()->begin();
  ASSERT_TRUE(transaction);
  EXPECT_EQ(other->histories().put("I1", as_bytes("x")).error().code, Errc::kTimeout);
  EXPECT_TRUE(other->histories().find("I1"));  // reading goes on
  ASSERT_TRUE(transaction->commit());
  EXPECT_TRUE(other->histories().put("I1", as_bytes("x")));
}

TEST_P(StoreProcesses, KillingAWriterLosesNothingThatWasAcknowledged) {
  ASSERT_TRUE(open());
  SeededRng rng(42);
  std::uint32_t acknowledged = 0;
  for (int round = 0; round < 15; ++round) {
    int out[2];
    ASSERT_EQ(::pipe(out), 0);
    const pid_t child = start_child([&] {
      auto state = State::open(options());
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
    auto state = open();
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
