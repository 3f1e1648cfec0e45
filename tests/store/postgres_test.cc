// What only a server can do to us: refuse, go away, hold somebody else's tables or a newer weir's.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "base/check.h"
#include "control/store/internal/postgres_session.h"
#include "control/store/internal/schema.h"
#include "store_case.h"

namespace weir {
namespace {

// Everything that a program can make in a database, by name and type.
constexpr char kAllTables[] =
    "SELECT string_agg(c.relkind::text || n.nspname || '.' || c.relname || ' ' ||"
    " coalesce(a.attname, ''), ',' ORDER BY n.nspname, c.relname, a.attnum)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    " AND coalesce(a.attnum, 1) > 0";

class StorePostgres : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test_server()) GTEST_SKIP() << "no PostgreSQL: WEIR_TEST_POSTGRES is not set";
    database_ = std::make_unique<TestDatabase>();
  }
  std::shared_ptr<const PostgresPlace> place() { return place_of(database_->name()); }
  Result<std::unique_ptr<State>> try_open() {
    StateOptions options;
    options.home = temp_.path();
    options.postgres = place();
    return State::open(options);
  }
  std::unique_ptr<State> open() {
    auto state = try_open();
    EXPECT_TRUE(state) << (state ? "" : state.error().text());
    return state ? std::move(*state) : nullptr;
  }
  void change(const char* script) {
    auto done = session_on(place())->run(script);
    EXPECT_TRUE(done) << (done ? "" : done.error().text());
  }
  std::string tables() {
    auto rows = session_on(place())->ask(kAllTables);
    CHECK(rows.has_value());
    return rows->text(0, 0);
  }
  // Opening is refused and changes nothing.
  Error refused() {
    const std::string before = tables();
    auto state = try_open();
    EXPECT_FALSE(state);
    EXPECT_EQ(tables(), before);
    return state ? Error{} : state.error();
  }
  // Ends all connections to the database but the one that says so.
  void cut_connections() {
    change(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }

  TempDirectory temp_;
  std::unique_ptr<TestDatabase> database_;
};

TEST_F(StorePostgres, ARealOckamsDatabaseIsLeftAlone) {
  change("CREATE TABLE public.identity (a TEXT); CREATE TABLE public.named_identity (a TEXT)");
  const Error error = refused();
  EXPECT_EQ(error.code, Errc::kRefused);
  EXPECT_NE(error.text().find("ockam"), std::string::npos);
}

TEST_F(StorePostgres, ASchemaOfOurNameThatIsNotOursIsLeftAlone) {
  change("CREATE SCHEMA weir; CREATE TABLE weir.node (name TEXT)");
  EXPECT_EQ(refused().code, Errc::kRefused);
  change(
      "CREATE TABLE weir.weir_schema (application BIGINT, version BIGINT, shape TEXT);"
      "INSERT INTO weir.weir_schema VALUES (7, 1, '')");
  EXPECT_EQ(refused().code, Errc::kRefused);
}

TEST_F(StorePostgres, OtherProgramsTablesInOtherSchemasStayAndDoNotDisturb) {
  change(
      "CREATE TABLE public.node (id TEXT); INSERT INTO public.node VALUES ('theirs');"
      "CREATE SCHEMA weir");
  auto state = open();
  ASSERT_TRUE(state);
  auto node = make_node("n1");
  ASSERT_TRUE(state->nodes().claim(node));
  auto theirs = session_on(place())->ask("SELECT id FROM public.node");
  ASSERT_TRUE(theirs);
  EXPECT_EQ(theirs->text(0, 0), "theirs");
}

TEST_F(StorePostgres, ANewerWeirsDatabaseIsLeftAlone) {
  open();
  change("UPDATE weir.weir_schema SET version = 1000");
  const Error error = refused();
  EXPECT_EQ(error.code, Errc::kUnsupported);
  EXPECT_NE(error.text().find("newer"), std::string::npos);
}

TEST_F(StorePostgres, ABrokenDatabaseIsRefusedWhenItIsOpened) {
  for (const char* damage : {"DROP TABLE weir.policy", "ALTER TABLE weir.node DROP COLUMN pid",
                             "ALTER TABLE weir.node ALTER COLUMN pid TYPE INTEGER",
                             "ALTER TABLE weir.vault ADD COLUMN more TEXT",
                             "UPDATE weir.weir_schema SET version = -3"}) {
    SCOPED_TRACE(damage);
    database_ = std::make_unique<TestDatabase>();
    open();
    change(damage);
    const Error error = refused();
    EXPECT_EQ(error.code, Errc::kInvalid);
    EXPECT_NE(error.text().find("damaged"), std::string::npos);
  }
}

TEST_F(StorePostgres, AnOlderWeirsDatabaseIsBroughtUpToDateOnceAndKeepsItsRows) {
  Schema old = main_schema();
  old.migrations = old.migrations.first(1);
  {
    auto database = Database::open({.path = {}, .postgres = place()}, old);
    ASSERT_TRUE(database) << database.error().text();
    ASSERT_TRUE((*database)->run("INSERT INTO known_identity VALUES (?,?)", std::string_view("I1"),
                                 as_bytes("history")));
  }
  auto state = open();
  ASSERT_TRUE(state);
  EXPECT_EQ(**state->histories().find("I1"), to_bytes(as_bytes("history")));
  EXPECT_TRUE(state->database()->check_integrity());
  EXPECT_TRUE(state->authority().append({0, "A", 1, "I", "local", "x", "", "{}"}));
  auto late = Database::open({.path = {}, .postgres = place()}, old);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::kUnsupported);
}

TEST_F(StorePostgres, AWrongPasswordOrDatabaseSaysWhatToDoAndNeverThePassword) {
  const auto good = place();
  PostgresPlace wrong;
  wrong.host = good->host;
  wrong.port = good->port;
  wrong.user = good->user;
  wrong.database = good->database;
  wrong.password = SecretBytes::copy_of(as_bytes("hunter2"));
  const auto error_of = [&](PostgresPlace place) {
    auto opened = Database::open(
        {.path = {}, .postgres = std::make_shared<const PostgresPlace>(std::move(place))},
        main_schema());
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  };
  const Error refused = error_of(std::move(wrong));
  EXPECT_EQ(refused.code, Errc::kRefused);
  EXPECT_NE(refused.text().find("password"), std::string::npos) << refused.text();
  EXPECT_NE(refused.text().find(good->text()), std::string::npos) << refused.text();
  EXPECT_EQ(refused.text().find("hunter2"), std::string::npos);
  const auto nowhere = place_of("no_such_database");
  auto opened = Database::open({.path = {}, .postgres = nowhere}, main_schema());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kNotFound);
  EXPECT_NE(opened.error().text().find("createdb"), std::string::npos) << opened.error().text();
}

TEST_F(StorePostgres, ADatabaseOfAnotherEncodingIsRefused) {
  database_ = std::make_unique<TestDatabase>("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const auto state = try_open();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::kUnsupported);
  EXPECT_NE(state.error().text().find("UTF8"), std::string::npos);
}

TEST_F(StorePostgres, AConnectionThatDiedBetweenTwoCallsIsMadeAgainUnseen) {
  auto state = open();
  ASSERT_TRUE(state->histories().put("I1", as_bytes("x")));
  cut_connections();
  EXPECT_TRUE(*state->histories().find("I1"));
  cut_connections();
  EXPECT_TRUE(state->histories().put("I2", as_bytes("y")));
  EXPECT_TRUE(*state->histories().find("I2"));
}

TEST_F(StorePostgres, AConnectionLostInATransactionChangesNothingAndTheNextCallWorks) {
  auto state = open();
  const auto status = state->histories().update(
      "I1", [&](const std::optional<Bytes>&) -> Result<std::optional<Bytes>> {
        cut_connections();
        return std::optional<Bytes>(Bytes{1});
      });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kIo);
  EXPECT_NE(status.error().text().find("nothing was changed"), std::string::npos);
  const auto found = state->histories().find("I1");
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  EXPECT_TRUE(state->histories().put("I1", as_bytes("x")));
}

TEST_F(StorePostgres, ATransactionThatIsAskedToCommitOverADeadConnectionSaysThatItIsUnknown) {
  auto state = open();
  auto transaction = state->database()->begin();
  ASSERT_TRUE(transaction);
  ASSERT_TRUE(state->histories().put("I1", as_bytes("x")));
  cut_connections();
  const auto status = transaction->commit();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kIo);
  EXPECT_NE(status.error().text().find("may or may not"), std::string::npos);
}

TEST_F(StorePostgres, TextThatPostgresqlCannotHoldIsRefusedAndNotCutShort) {
  auto state = open();
  const std::string zero("a\0b", 3);
  EXPECT_EQ(state->resources().put({"n", kResourceInlet, zero, "{}"}).error().code, Errc::kInvalid);
  EXPECT_EQ(state->resources().put({"n", kResourceInlet, "\xff", "{}"}).error().code,
            Errc::kInvalid);
  EXPECT_TRUE(state->resources().list("n")->empty());
  const NodeResource good{"n", kResourceInlet, "h\xc3\xa4", std::string(300'000, 'x')};
  ASSERT_TRUE(state->resources().put(good));
  EXPECT_EQ(state->resources().get("n", kResourceInlet, good.name)->options, good.options);
}

TEST_F(StorePostgres, TheLogCannotBeEmptiedEither) {
  auto state = open();
  ASSERT_TRUE(state->authority().append({0, "A", 1, "I", "local", "x", "", "{}"}));
  EXPECT_FALSE(state->database()->execute("TRUNCATE authority_log"));
  EXPECT_EQ(state->authority().log("A", 0, 10)->size(), 1u);
}

TEST_F(StorePostgres, ACommittedChangeIsDurableEvenWhereTheDatabaseSaysOtherwise) {
  const std::string sql = "ALTER DATABASE " + database_->name() + " SET synchronous_commit = off;" +
                          "ALTER DATABASE " + database_->name() +
                          " SET default_transaction_isolation = 'serializable'";
  change(sql.c_str());
  auto state = open();
  auto shown = state->database()->query("SELECT current_setting('synchronous_commit')");
  ASSERT_TRUE(shown && *shown->step());
  EXPECT_EQ(shown->text(0), "on");
}

// A server that takes connections and says nothing.
TEST(StorePostgresAway, NobodyThereOrNobodyAnsweringEndsInBoundedTime) {
  PostgresPlace place;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  place.host = "127.0.0.1";
  place.port = ntohs(address.sin_port);
  place.database = "weir";
  place.user = "weir";
  place.password = SecretBytes::copy_of(as_bytes("hunter2"));
  const auto shared = std::make_shared<const PostgresPlace>(std::move(place));
  const auto try_open = [&] {
    auto opened = Database::open({.path = {}, .postgres = shared}, main_schema());
    EXPECT_FALSE(opened);
    EXPECT_NE(opened.error().text().find(shared->text()), std::string::npos);
    EXPECT_EQ(opened.error().text().find("hunter2"), std::string::npos);
    return opened.error();
  };
  const Error nobody = try_open();
  if (nobody.code == Errc::kUnsupported) GTEST_SKIP() << nobody.text();  // no libpq
  EXPECT_EQ(nobody.code, Errc::kIo) << nobody.text();
  ASSERT_EQ(::listen(listener, 4), 0);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(try_open().code, Errc::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  ::close(listener);
}

}  // namespace
}  // namespace weir
