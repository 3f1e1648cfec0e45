// What the store is as files, and which process a pid is.
#include "base/check.h"
#include "control/store/process.h"
#include "store_testing.h"

namespace weir {
namespace {

TEST(StoreFiles, FilesArePrivateWhateverTheUmask) {
  TempDirectory temp;
  const mode_t before = ::umask(0);
  const std::string home = temp.path() + "/home";
  {
    auto state = open_state({.home = home});
    ASSERT_TRUE(state);
    auto transaction = state->database()->begin();
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(state->histories().put("I1", as_bytes("x")));
    EXPECT_EQ(mode_of(home + "/database.sqlite3-journal"), 0600u);
    ASSERT_TRUE(transaction->commit());
    ASSERT_TRUE(state->vaults().create("a"));
    ASSERT_TRUE(state->vaults().create("b"));
  }
  ::umask(before);
  EXPECT_EQ(mode_of(home), 0700u);
  EXPECT_EQ(mode_of(home + "/database.sqlite3"), 0600u);
  EXPECT_EQ(mode_of(home + "/vault-b"), 0600u);
  ::chmod((home + "/database.sqlite3").c_str(), 0644);
  ASSERT_TRUE(open_state({.home = home}));
  EXPECT_EQ(mode_of(home + "/database.sqlite3"), 0600u);
}

TEST(StoreFiles, APidIsOnlyOursWithItsStartTime) {
  const auto ticks = process_start_ticks(::getpid());
  ASSERT_TRUE(ticks);
  EXPECT_EQ(process_status(::getpid(), *ticks), ProcessStatus::kRunning);
  EXPECT_EQ(process_status(::getpid(), *ticks + 1), ProcessStatus::kStopped);
  EXPECT_EQ(process_status(0, 0), ProcessStatus::kStopped);
  EXPECT_EQ(process_status(-1, 0), ProcessStatus::kStopped);
}

}  // namespace
}  // namespace weir
