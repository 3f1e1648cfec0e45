// One test, run on SQLite and on PostgreSQL: the state that options() opens is this test's own.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "store_testing.h"

namespace weir {

class PostgresSession;

enum class StoreKind { kSqlite, kPostgres };

// The server of this run, WEIR_TEST_POSTGRES: a URL of a user who may make databases. nullptr:
// none.
std::shared_ptr<const PostgresPlace> test_server();
// The same with another database, or another password.
std::shared_ptr<const PostgresPlace> place_of(const std::string& database);
// A connection beside the one under test.
std::shared_ptr<PostgresSession> session_on(std::shared_ptr<const PostgresPlace> place);

// A database of its own, dropped afterwards.
class TestDatabase {
 public:
  explicit TestDatabase(const char* options = "");
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;
  ~TestDatabase();
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class StoreCase : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;
  StateOptions options(std::uint32_t busy_timeout_ms = 10'000);
  std::unique_ptr<State> open() { return open_state(options()); }
  const std::string& home() const { return temp_.path(); }

 private:
  TempDirectory temp_;
  std::unique_ptr<TestDatabase> database_;
};

#define WEIR_IN_BOTH(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(Sqlite, suite, ::testing::Values(StoreKind::kSqlite)); \
  INSTANTIATE_TEST_SUITE_P(Postgres, suite, ::testing::Values(StoreKind::kPostgres))

}  // namespace weir
