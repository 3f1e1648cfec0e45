// Files at our path that are not ours: refused with advice, byte for byte untouched.
#include <sqlite3.h>

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "control/store/home.h"
#include "control/store/internal/schema.h"
#include "store_testing.h"

namespace weir {
namespace {

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void run_sql(const std::string& path, const char* script) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, script, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

Error refused(const TempDirectory& temp) {
  const std::string path = database_path(temp.path());
  const std::string before = slurp(path);
  const mode_t mode = mode_of(path);
  ::chmod(temp.path().c_str(), 0755);
  const auto state = State::open({.home = temp.path()});
  EXPECT_FALSE(state);
  EXPECT_EQ(slurp(path), before);
  EXPECT_EQ(mode_of(path), mode);
  EXPECT_EQ(mode_of(temp.path()), 0755u);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(temp.path())) {
    ++files;
  }
  EXPECT_EQ(files, 1u);  // no journal, nothing else
  return state ? Error{} : state.error();
}

TEST(StoreForeign, TheDatabaseOfARealOckamIsLeftAloneWithAdvice) {
  TempDirectory temp;
  run_sql(database_path(temp.path()),
          "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY); CREATE TABLE node (name);");
  const Error error = refused(temp);
  EXPECT_EQ(error.code, Errc::kRefused);
  EXPECT_NE(error.text().find("ockam"), std::string::npos);
  EXPECT_NE(error.text().find("WEIR_HOME"), std::string::npos);
}

TEST(StoreForeign, AnotherProgramsDatabaseIsLeftAlone) {
  TempDirectory temp;
  run_sql(database_path(temp.path()), "PRAGMA application_id=7; CREATE TABLE t (a);");
  EXPECT_EQ(refused(temp).code, Errc::kRefused);
}

TEST(StoreForeign, AVaultFileIsNotTakenForAMainDatabase) {
  TempDirectory temp;
  ASSERT_TRUE(Database::open({.path = database_path(temp.path())}, vault_schema()));
  EXPECT_EQ(refused(temp).code, Errc::kRefused);
}

TEST(StoreForeign, ANewerWeirsDatabaseIsLeftAlone) {
  TempDirectory temp;
  ASSERT_TRUE(open_state({.home = temp.path()}));
  run_sql(database_path(temp.path()), "PRAGMA user_version=1000;");
  const Error error = refused(temp);
  EXPECT_EQ(error.code, Errc::kUnsupported);
  EXPECT_NE(error.text().find("newer"), std::string::npos);
}

TEST(StoreForeign, AFileThatIsNotSqliteIsAClearErrorForEveryLength) {
  for (const std::size_t size : {1u, 15u, 16u, 99u, 100u, 5000u}) {
    TempDirectory temp;
    std::ofstream(database_path(temp.path())) << std::string(size, 'x');
    const Error error = refused(temp);
    EXPECT_EQ(error.code, Errc::kInvalid) << size;
    EXPECT_NE(error.text().find("not a SQLite database"), std::string::npos);
  }
}

TEST(StoreForeign, AnEmptyFileCountsAsNew) {
  TempDirectory temp;
  std::ofstream(database_path(temp.path())).flush();
  ::chmod(database_path(temp.path()).c_str(), 0644);
  EXPECT_TRUE(open_state({.home = temp.path()}));
  EXPECT_EQ(mode_of(database_path(temp.path())), 0600u);
}

TEST(StoreForeign, ADirectoryOrADamagedDatabaseIsAnErrorNotACrash) {
  TempDirectory temp;
  std::filesystem::create_directory(database_path(temp.path()));
  EXPECT_FALSE(State::open({.home = temp.path()}));

  TempDirectory other;
  const std::string path = database_path(other.path());
  {
    auto state = open_state({.home = other.path()});
    auto node = make_node("n1");
    ASSERT_TRUE(state->nodes().claim(node));
  }
  std::string content = slurp(path);
  for (std::size_t i = 200; i < content.size(); ++i) content[i] = static_cast<char>(i * 31);
  std::ofstream(path, std::ios::binary) << content;
  auto state = State::open({.home = other.path()});
  if (state) {
    EXPECT_FALSE((*state)->nodes().list());
    EXPECT_FALSE((*state)->database()->check_integrity());
  }
}

}  // namespace
}  // namespace weir
