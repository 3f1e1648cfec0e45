#include "store_case.h"

#include <unistd.h>

#include <atomic>

#include "base/check.h"
#include "control/store/internal/postgres_session.h"

namespace weir {

std::shared_ptr<const PostgresPlace> test_server() {
  const auto url = process_environment()("WEIR_TEST_POSTGRES");
  if (!url || url->empty()) return nullptr;
  auto place = parse_postgres_url(*url);
  CHECK(place.has_value());
  return std::make_shared<const PostgresPlace>(std::move(*place));
}

std::shared_ptr<const PostgresPlace> place_of(const std::string& database) {
  const auto server = test_server();
  PostgresPlace place;
  place.host = server->host;
  place.port = server->port;
  place.user = server->user;
  place.password = SecretBytes::copy_of(server->password.span());
  place.parameters = server->parameters;
  place.database = database;
  return std::make_shared<const PostgresPlace>(std::move(place));
}

std::shared_ptr<PostgresSession> session_on(std::shared_ptr<const PostgresPlace> place) {
  auto session = PostgresSession::open(std::move(place), 10'000);
  EXPECT_TRUE(session) << (session ? "" : session.error().text());
  CHECK(session.has_value());
  return *session;
}

TestDatabase::TestDatabase(const char* options) {
  static std::atomic<int> count = 0;
  name_ = "t" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  const std::string sql = "CREATE DATABASE " + name_ + " " + options;
  auto made = session_on(test_server())->run(sql.c_str());
  EXPECT_TRUE(made) << (made ? "" : made.error().text());
}

TestDatabase::~TestDatabase() {
  const std::string sql = "DROP DATABASE " + name_ + " WITH (FORCE)";
  EXPECT_TRUE(session_on(test_server())->run(sql.c_str()));
}

void StoreCase::SetUp() {
  if (GetParam() != StoreKind::kPostgres) return;
  if (!test_server()) GTEST_SKIP() << "no PostgreSQL: WEIR_TEST_POSTGRES is not set";
  database_ = std::make_unique<TestDatabase>();
}

StateOptions StoreCase::options(std::uint32_t busy_timeout_ms) {
  StateOptions options;
  options.home = home();
  options.busy_timeout_ms = busy_timeout_ms;
  if (database_) options.postgres = place_of(database_->name());
  return options;
}

}  // namespace weir
