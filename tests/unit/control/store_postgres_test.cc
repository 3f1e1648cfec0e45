// Where the database is, and our SQL in PostgreSQL's words: without a server.
#include <gtest/gtest.h>

#include <map>

#include "control/store/internal/postgres_sql.h"
#include "control/store/postgres_place.h"

namespace weir {
namespace {

std::string password_of(const PostgresPlace& place) {
  return std::string(as_text(place.password.span()));
}

TEST(StorePostgresPlace, EveryFormOfTheUrlIsRead) {
  auto place = parse_postgres_url("postgres://user:pass@db.example:5432/weir");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->text(), "db.example:5432/weir");
  EXPECT_EQ(place->user, "user");
  EXPECT_EQ(password_of(*place), "pass");
  place = parse_postgres_url("postgresql://h:1/n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->user, "");
  EXPECT_TRUE(place->password.empty());
  place = parse_postgres_url("postgres://u%40x:%3a%2F%25@[::1]:65535/n%20m");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->user, "u@x");
  EXPECT_EQ(password_of(*place), ":/%");
  EXPECT_EQ(place->host, "::1");
  EXPECT_EQ(place->text(), "[::1]:65535/n m");
  place = parse_postgres_url("postgres://%2Frun%2Fpg:5432/n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->host, "/run/pg");
  place = parse_postgres_url("postgres://u:@h:1/n?sslmode=verify-full&sslrootcert=%2Fca.pem");
  ASSERT_TRUE(place);
  ASSERT_EQ(place->parameters.size(), 2u);
  EXPECT_EQ(place->parameters[1].second, "/ca.pem");
}

TEST(StorePostgresPlace, EveryOtherUrlIsRefusedInOckamsWordsWithoutThePassword) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "must start with postgres://"},
      {"mysql://secret", "must start with postgres://"},
      {"POSTGRES://h:1/n", "must start with postgres://"},
      {"postgres://", "host:port"},
      {"postgres://h/n", "host:port"},
      {"postgres://h:/n", "host:port"},
      {"postgres://h:0/n", "host:port"},
      {"postgres://h:65536/n", "host:port"},
      {"postgres://h:1x/n", "host:port"},
      {"postgres://:1/n", "host:port"},
      {"postgres://::1:1/n", "host:port"},
      {"postgres://h:1", "host:port/name"},
      {"postgres://h:1/", "host:port/name"},
      {"postgres://h:1/n/m", "host:port/name"},
      {"postgres://user@h:1/n", "user:password"},
      {"postgres://@h:1/n", "user:password"},
      {"postgres://:secret@h:1/n", "user:password"},
      {"postgres://u:secret:x@h:1/n", "user:password"},
      {"postgres://u:secret@x@h:1/n", "user:password"},
      {"postgres://u:secret%@h:1/n", "%-escape"},
      {"postgres://u:secret%0@h:1/n", "%-escape"},
      {"postgres://u:secret%zz@h:1/n", "%-escape"},
      {"postgres://u:secret%00@h:1/n", "%-escape"},
      {"postgres://u:secret@h:1/n?options=-c%20x", "does not know"},
      {"postgres://u:secret@h:1/n?password=secret", "does not know"},
      {"postgres://u:secret@h:1/n?sslmode=%0", "%-escape"},
      {"postgres://u:secret@h:1/n?&", "does not know"},
  };
  for (const auto& [url, words] : cases) {
    const auto place = parse_postgres_url(url);
    ASSERT_FALSE(place) << url;
    EXPECT_EQ(place.error().code, Errc::kInvalid);
    EXPECT_NE(place.error().text().find(words), std::string::npos)
        << url << ": " << place.error().text();
    EXPECT_EQ(place.error().text().find("secret"), std::string::npos) << url;
  }
}

Result<std::shared_ptr<const PostgresPlace>> from(std::map<std::string, std::string> variables) {
  return postgres_place([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

TEST(StorePostgresPlace, TheEnvironmentNamesOneDatabaseOrNone) {
  EXPECT_EQ(*from({}), nullptr);
  EXPECT_EQ(*from({{"WEIR_DATABASE_URL", ""}, {"OCKAM_DATABASE_INSTANCE", ""}}), nullptr);
  const char* ours = "postgres://ours:1/n";
  const char* theirs = "postgres://theirs:1/n";
  EXPECT_EQ((*from({{"WEIR_DATABASE_URL", ours}, {"OCKAM_DATABASE_CONNECTION_URL", theirs}}))->host,
            "ours");
  EXPECT_EQ(
      (*from({{"OCKAM_DATABASE_CONNECTION_URL", theirs}, {"OCKAM_DATABASE_INSTANCE", "other:1/n"}}))
          ->host,
      "theirs");
  auto place = from({{"OCKAM_DATABASE_INSTANCE", "h:1/n"},
                     {"OCKAM_DATABASE_USER", "u%"},
                     {"OCKAM_DATABASE_PASSWORD", "p@:%/"}});
  ASSERT_TRUE(place);
  EXPECT_EQ((*place)->user, "u%");
  EXPECT_EQ(password_of(**place), "p@:%/");
  place = from({{"OCKAM_DATABASE_INSTANCE", "h:1/n"},
                {"OCKAM_DATABASE_USERNAME_AND_PASSWORD", R"({"username":"u","password":"p"})"}});
  ASSERT_TRUE(place);
  EXPECT_EQ(password_of(**place), "p");
}

TEST(StorePostgresPlace, AHalfNamedDatabaseIsNeverSilentlySqlite) {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{{"OCKAM_DATABASE_USER", "u"}}, "OCKAM_DATABASE_INSTANCE"},
      {{{"OCKAM_DATABASE_PASSWORD", "secret"}}, "OCKAM_DATABASE_INSTANCE"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"}}, "OCKAM_DATABASE_USER"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"}, {"OCKAM_DATABASE_USER", "u"}},
       "OCKAM_DATABASE_PASSWORD is not"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"}, {"OCKAM_DATABASE_PASSWORD", "secret"}},
       "OCKAM_DATABASE_USER is not"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"},
        {"OCKAM_DATABASE_USER", "u"},
        {"OCKAM_DATABASE_PASSWORD", "secret"},
        {"OCKAM_DATABASE_USERNAME_AND_PASSWORD", "{}"}},
       "twice"},
      {{{"OCKAM_DATABASE_INSTANCE", "h/n"},
        {"OCKAM_DATABASE_USER", "u"},
        {"OCKAM_DATABASE_PASSWORD", "secret"}},
       "host:port"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"},
        {"OCKAM_DATABASE_USERNAME_AND_PASSWORD", R"({"username":"u","password":7})"}},
       "username"},
      {{{"OCKAM_DATABASE_INSTANCE", "h:1/n"}, {"OCKAM_DATABASE_USERNAME_AND_PASSWORD", "secret"}},
       "username"},
      {{{"WEIR_DATABASE_URL", "h:1/n"}}, "WEIR_DATABASE_URL"},
  };
  for (const auto& [variables, words] : cases) {
    const auto place = from(variables);
    ASSERT_FALSE(place) << words;
    EXPECT_NE(place.error().text().find(words), std::string::npos) << place.error().text();
    EXPECT_EQ(place.error().text().find("secret"), std::string::npos);
  }
}

TEST(StorePostgresSql, PlaceholdersAndTypesBecomePostgresqls) {
  EXPECT_EQ(postgres_statement("a = ? AND b = '?' AND c = ?"), "a = $1 AND b = '?' AND c = $2");
  EXPECT_EQ(postgres_statement("a = ?1 AND (?2 = 0 OR b = ?2)"), "a = $1 AND ($2 = 0 OR b = $2)");
  EXPECT_EQ(postgres_tables("CREATE TABLE t (\n  id INTEGER PRIMARY KEY AUTOINCREMENT,\n  a BLOB,\n"
                            "  CONTEXT TEXT UNIQUE, b INTEGER\n) STRICT, WITHOUT ROWID;"),
            "CREATE TABLE t (\n  id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,\n"
            "  a BYTEA,\n  CONTEXT TEXT COLLATE \"C\" UNIQUE, b BIGINT\n) ;");
  EXPECT_FALSE(writes(" SELECT 1"));
  EXPECT_TRUE(writes("DELETE FROM t"));
}

TEST(StorePostgresSql, IntegersOfAnyOtherShapeAreZero) {
  const Bytes minus_two(8, 0xff);
  EXPECT_EQ(postgres_integer(kPostgresInt8, minus_two), -1);
  EXPECT_EQ(postgres_integer(kPostgresInt8, Bytes{0, 0, 0, 0, 0, 0, 1, 2}), 258);
  EXPECT_EQ(postgres_integer(kPostgresInt4, Bytes{0x80, 0, 0, 0}), -2147483648LL);
  EXPECT_EQ(postgres_integer(kPostgresInt2, Bytes{1, 0}), 256);
  EXPECT_EQ(postgres_integer(kPostgresBool, Bytes{1}), 1);
  EXPECT_EQ(postgres_integer(kPostgresInt8, Bytes{1}), 0);
  EXPECT_EQ(postgres_integer(kPostgresText, as_bytes("12345678")), 0);
  EXPECT_EQ(postgres_integer(kPostgresInt8, {}), 0);
}

TEST(StorePostgresSql, WhyAConnectionFailedIsReadFromLibpqsWords) {
  auto trouble = read_trouble(
      "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"x\"\nLOCATION:  auth_failed");
  EXPECT_EQ(trouble.state, "28P01");
  EXPECT_EQ(trouble.message, "password authentication failed for user \"x\"");
  trouble = read_trouble("connection to server at \"h\" failed: Connection refused\n\tIs it?");
  EXPECT_EQ(trouble.state, "");
  EXPECT_EQ(trouble.message, "connection to server at \"h\" failed: Connection refused");
  for (const char* odd : {"", ": ", "FATAL: x", "12345: ", "\n12345: x", "a12345: x"}) {
    (void)connect_error(read_trouble(odd), "h:1/n");
  }
}

}  // namespace
}  // namespace weir
