// Statements and tables in PostgreSQL. Statements are parsed at each run (one round trip, and
// nothing that a new connection would lack): some 0.1 ms of the server's time.

#include "control/store/internal/engine.h"
#include "control/store/internal/postgres_session.h"
#include "control/store/internal/postgres_sql.h"

namespace weir {
namespace {

class PostgresStatement final : public StatementEngine {
 public:
  PostgresStatement(std::shared_ptr<PostgresSession> session, std::string_view sql)
      : session_(std::move(session)), sql_(postgres_statement(sql)), writes_(writes(sql)) {}

  void bind_integer(int index, std::int64_t value) override { parameters_.set(index, value); }
  void bind_text(int index, std::string_view text) override {
    has_zero_ = has_zero_ || text.find('\0') != text.npos;
    parameters_.set(index, kPostgresText, as_bytes(text));
  }
  void bind_blob(int index, ByteSpan blob) override {
    parameters_.set(index, kPostgresBytea, blob);
  }
  void bind_null(int index) override { parameters_.set_null(index); }

  Result<bool> step() override {
    if (!ran_) {
      if (auto status = run(); !status) return pass(status);
      ran_ = true;
      row_ = -1;
    }
    return ++row_ < rows_.count();
  }
  void reset() override {
    rows_ = PostgresRows();
    parameters_.clear();
    ran_ = has_zero_ = false;
  }
  int changes() const override { return rows_.changes(); }

  std::int64_t integer(int column) const override { return rows_.integer(row_, column); }
  bool is_null(int column) const override { return rows_.is_null(row_, column); }
  std::string text(int column) const override { return rows_.text(row_, column); }
  ByteSpan blob(int column) const override { return rows_.value(row_, column); }

 private:
  Status run() {
    if (has_zero_) return fail(Errc::kInvalid, "a text with a zero byte cannot be stored");
    // Each writer stands in the queue, a single statement too: it must not come between another
    // one's reading and writing.
    const bool alone = writes_ && !session_->in_transaction();
    if (alone) {
      if (auto begun = session_->begin(); !begun) return begun;
    }
    auto rows = session_->ask(sql_.c_str(), parameters_);
    Status status = rows ? Status() : Status(pass(rows));
    if (rows) rows_ = std::move(*rows);
    if (!alone) return status;
    if (status) status = session_->commit();
    if (!status) session_->rollback();
    return status;
  }

  std::shared_ptr<PostgresSession> session_;
  std::string sql_;
  bool writes_;
  bool has_zero_ = false;
  bool ran_ = false;
  int row_ = -1;
  PostgresParameters parameters_;
  PostgresRows rows_;
};

// --- tables

#define WEIR_IN_SCHEMA                                            \
  "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
  " WHERE n.nspname = '" WEIR_POSTGRES_SCHEMA "'"

// What is there? All in catalogs, which always are. A real ockam's tables are in no schema of their
// own; `named_identity` is a name that nobody else has.
constexpr char kLook[] =
    "SELECT"
    " EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '" WEIR_POSTGRES_SCHEMA
    "'),"
    " EXISTS (SELECT 1 " WEIR_IN_SCHEMA
    "),"
    " EXISTS (SELECT 1 " WEIR_IN_SCHEMA
    " AND c.relname = 'weir_schema' AND c.relkind = 'r'),"
    " EXISTS (SELECT 1 FROM pg_class WHERE relname IN ('named_identity', '_rust_migrations'))";

// All columns of all tables with their types: what it is after a migration is kept beside the
// version, so that a table or column that is gone, or another one, is seen when the database is
// opened, not in the middle of something.
#define WEIR_SHAPE                                                                             \
  "(SELECT encode(sha256(convert_to(coalesce(string_agg(c.relname || '.' || a.attname || ' ' " \
  "|| format_type(a.atttypid, a.atttypmod), ',' ORDER BY c.relname COLLATE \"C\", a.attnum),"  \
  " ''), 'UTF8')), 'hex') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"       \
  " JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = '" WEIR_POSTGRES_SCHEMA        \
  "' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped)"

constexpr char kMark[] = "SELECT application, version, shape = " WEIR_SHAPE " FROM weir_schema";
constexpr char kNewMark[] =
    "CREATE TABLE weir_schema (application BIGINT NOT NULL, version BIGINT NOT NULL,"
    " shape TEXT NOT NULL); INSERT INTO weir_schema VALUES (0, 0, '')";

class PostgresEngine final : public DatabaseEngine {
 public:
  explicit PostgresEngine(std::shared_ptr<PostgresSession> session)
      : session_(std::move(session)) {}

  Status migrate(const Schema& schema);

  Result<std::unique_ptr<StatementEngine>> prepare(std::string_view sql) override {
    return std::make_unique<PostgresStatement>(session_, sql);
  }
  Status begin() override { return session_->begin(); }
  Status commit() override { return session_->commit(); }
  void rollback() override {
    if (session_->in_transaction()) session_->rollback();
  }
  Status execute(const char* script) override;
  Status check_integrity() override;

 private:
  struct Found {
    bool has_schema = false;
    bool has_mark = false;
    std::int64_t version = 0;
  };
  // Only reads. Errors: not ours, too new, broken.
  Result<Found> look(const Schema& schema);
  Status write_tables(const Schema& schema);
  std::string where() const { return session_->place().text(); }

  std::shared_ptr<PostgresSession> session_;
};

Result<PostgresEngine::Found> PostgresEngine::look(const Schema& schema) {
  auto rows = session_->ask(kLook);
  if (!rows) return pass(rows);
  Found found;
  found.has_schema = rows->integer(0, 0) != 0;
  const bool has_tables = rows->integer(0, 1) != 0;
  found.has_mark = rows->integer(0, 2) != 0;
  if (!found.has_mark) {
    if (has_tables) {
      return fail(Errc::kRefused,
                  "the schema '" WEIR_POSTGRES_SCHEMA
                  "' of this database belongs to another program and was left as it is; use "
                  "another database",
                  where());
    }
    if (rows->integer(0, 3) != 0) {
      return fail(Errc::kRefused,
                  "this database belongs to ockam and was left as it is; use another database",
                  where());
    }
    return found;
  }
  auto mark = session_->ask(kMark);
  if (!mark) return pass(mark);
  if (mark->count() != 1 || mark->integer(0, 0) != std::int64_t{schema.application_id}) {
    return fail(Errc::kRefused,
                "this database belongs to another program and was left as it is; use another one",
                where());
  }
  found.version = mark->integer(0, 1);
  if (found.version > static_cast<std::int64_t>(schema.migrations.size())) {
    return fail(Errc::kUnsupported,
                "this database was made by a newer weir; upgrade, or use another", where());
  }
  if (found.version < 1 || mark->integer(0, 2) == 0) {
    return fail(
        Errc::kInvalid,
        "the database is damaged: its tables are not those that weir made; restore a backup",
        where());
  }
  return found;
}

Status PostgresEngine::migrate(const Schema& schema) {
  const auto version_max = static_cast<std::int64_t>(schema.migrations.size());
  auto found = look(schema);
  if (!found) return pass(found);
  if (found->version == version_max) return {};
  if (auto begun = begin(); !begun) return begun;
  Status done = write_tables(schema);
  if (done) done = commit();
  if (!done) rollback();
  return done;
}

Status PostgresEngine::write_tables(const Schema& schema) {
  auto found = look(schema);  // another process may have been faster
  if (!found) return pass(found);
  std::string script;
  if (!found->has_schema) script += "CREATE SCHEMA " WEIR_POSTGRES_SCHEMA ";";
  if (!found->has_mark) script += kNewMark;
  for (std::size_t i = static_cast<std::size_t>(found->version); i < schema.migrations.size();
       ++i) {
    script +=
        ";" + postgres_tables(schema.migrations[i].tables) + schema.migrations[i].postgres_only;
  }
  script += ";UPDATE weir_schema SET application = " + std::to_string(schema.application_id) +
            ", version = " + std::to_string(schema.migrations.size()) + ", shape = " WEIR_SHAPE;
  auto done = session_->run(script.c_str());
  if (!done) return pass(done);
  return {};
}

Status PostgresEngine::execute(const char* script) {
  const bool alone = !session_->in_transaction();
  if (alone) {
    if (auto begun = begin(); !begun) return begun;
  }
  auto done = session_->run(script);
  Status status = done ? Status() : Status(pass(done));
  if (!alone) return status;
  if (status) status = commit();
  if (!status) rollback();
  return status;
}

Status PostgresEngine::check_integrity() {
  auto mark = session_->ask(kMark);
  if (!mark) return pass(mark);
  if (mark->count() == 1 && mark->integer(0, 2) != 0) return {};
  return fail(Errc::kInvalid, "the database is damaged: its tables are not those that weir made",
              where());
}

}  // namespace

Result<std::unique_ptr<DatabaseEngine>> open_postgres(const DatabaseOptions& options,
                                                      const Schema& schema) {
  auto session = PostgresSession::open(options.postgres, options.busy_timeout_ms);
  if (!session) return pass(session);
  auto engine = std::make_unique<PostgresEngine>(std::move(*session));
  if (auto status = engine->migrate(schema); !status) return pass(status);
  return engine;
}

}  // namespace weir
