#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "control/store/internal/engine.h"
#include "control/store/internal/file_probe.h"
#include "control/store/internal/sqlite_error.h"

namespace weir {

std::unexpected<Error> sqlite_error(sqlite3* db, int code) {
  std::string detail = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  const int os_error = db != nullptr ? sqlite3_system_errno(db) : 0;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return fail(Errc::kExhausted, "the disk is full; nothing was changed");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (os_error == ENOSPC || os_error == EDQUOT) {
        return fail(Errc::kExhausted, "the disk is full; nothing was changed");
      }
      if (os_error != 0) detail += std::string(": ") + std::strerror(os_error);
      return fail(Errc::kIo, "the database cannot be read or written", std::move(detail));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Errc::kTimeout, "the database is in use by another process");
    case SQLITE_CONSTRAINT:
      return fail(Errc::kAlreadyExists, "a value that must be unique exists", std::move(detail));
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return fail(Errc::kInvalid, "the database is damaged", std::move(detail));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return fail(Errc::kIo, "the database may not be written", std::move(detail));
    case SQLITE_NOMEM:
      return fail(Errc::kExhausted, "out of memory");
    default:
      return fail(Errc::kInternal, "database error", std::move(detail));
  }
}

namespace {

class SqliteStatement final : public StatementEngine {
 public:
  SqliteStatement(sqlite3* db, sqlite3_stmt* stmt) : db_(db), stmt_(stmt) {}
  ~SqliteStatement() override { sqlite3_finalize(stmt_); }

  void bind_integer(int index, std::int64_t value) override {
    sqlite3_bind_int64(stmt_, index, value);
  }
  void bind_text(int index, std::string_view text) override {
    const char* data = text.empty() ? "" : text.data();
    sqlite3_bind_text64(stmt_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind_blob(int index, ByteSpan blob) override {
    const void* data = blob.empty() ? static_cast<const void*>("") : blob.data();
    sqlite3_bind_blob64(stmt_, index, data, blob.size(), SQLITE_STATIC);
  }
  void bind_null(int index) override { sqlite3_bind_null(stmt_, index); }

  Result<bool> step() override {
    const int code = sqlite3_step(stmt_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return sqlite_error(db_, code);
  }
  void reset() override {
    sqlite3_reset(stmt_);  // its result is step()'s, once more
    sqlite3_clear_bindings(stmt_);
  }
  int changes() const override { return sqlite3_changes(db_); }

  std::int64_t integer(int column) const override { return sqlite3_column_int64(stmt_, column); }
  bool is_null(int column) const override {
    return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
  }
  std::string text(int column) const override {
    const unsigned char* data = sqlite3_column_text(stmt_, column);
    if (data == nullptr) return {};
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
    return std::string(reinterpret_cast<const char*>(data), size);
  }
  ByteSpan blob(int column) const override {
    const void* data = sqlite3_column_blob(stmt_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
    return {static_cast<const std::uint8_t*>(data), data == nullptr ? 0 : size};
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* stmt_;
};

class SqliteEngine final : public DatabaseEngine {
 public:
  SqliteEngine(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  ~SqliteEngine() override { sqlite3_close_v2(db_); }

  Status configure(std::uint32_t busy_timeout_ms);
  Status migrate(const Schema& schema);

  Result<std::unique_ptr<StatementEngine>> prepare(std::string_view sql) override;
  Status begin() override { return execute("BEGIN IMMEDIATE"); }
  Status commit() override { return execute("COMMIT"); }
  void rollback() override {
    // A serious failure may have rolled back already (autocommit is on again then).
    if (sqlite3_get_autocommit(db_) == 0) {
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }
  Status execute(const char* script) override;
  Status check_integrity() override;

 private:
  // 0: a database without tables. Errors: not ours, too new.
  Result<std::int64_t> version(const Schema& schema);

  sqlite3* db_;
  std::string path_;
};

Status SqliteEngine::configure(std::uint32_t busy_timeout_ms) {
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, static_cast<int>(busy_timeout_ms));
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // temp_store: secrets must not reach /tmp. The journal mode is not set: DELETE is the default,
  // and no release of weir ever made a WAL database.
  return execute(
      "PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA cell_size_check=ON;");
}

Result<std::int64_t> SqliteEngine::version(const Schema& schema) {
  auto row = prepare(
      "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
      " FROM pragma_application_id, pragma_user_version");
  if (!row) return pass(row);
  if (auto step = (*row)->step(); !step) return pass(step);
  const std::int64_t version = (*row)->integer(1);
  const bool ours = (*row)->integer(0) == schema.application_id;
  if (!ours && ((*row)->integer(0) != 0 || (*row)->integer(2) != 0)) {
    return fail(Errc::kRefused, "this database belongs to another program; set WEIR_HOME", path_);
  }
  if (version > static_cast<std::int64_t>(schema.migrations.size())) {
    return fail(Errc::kUnsupported, "this database was made by a newer weir", path_);
  }
  return ours ? version : 0;
}

Status SqliteEngine::migrate(const Schema& schema) {
  const auto version_max = static_cast<std::int64_t>(schema.migrations.size());
  auto known = version(schema);
  if (!known) return pass(known);
  if (*known == version_max) return {};

  const auto steps = [&]() -> Status {
    known = version(schema);  // another process may have been faster
    if (!known) return pass(known);
    for (std::int64_t i = *known; i < version_max; ++i) {
      const Migration& migration = schema.migrations[static_cast<std::size_t>(i)];
      for (const char* script : {migration.tables, migration.sqlite_only}) {
        if (auto status = execute(script); !status) return status;
      }
    }
    const std::string marks = "PRAGMA application_id=" + std::to_string(schema.application_id) +
                              "; PRAGMA user_version=" + std::to_string(version_max);
    if (auto status = execute(marks.c_str()); !status) return status;
    return commit();
  };
  if (auto begun = begin(); !begun) return begun;
  Status done = steps();
  if (!done) rollback();
  return done;
}

Result<std::unique_ptr<StatementEngine>> SqliteEngine::prepare(std::string_view sql) {
  sqlite3_stmt* stmt = nullptr;
  const int code =
      sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &stmt, nullptr);
  if (code != SQLITE_OK) return sqlite_error(db_, code);
  return std::make_unique<SqliteStatement>(db_, stmt);
}

Status SqliteEngine::execute(const char* script) {
  const int code = sqlite3_exec(db_, script, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(db_, code);
  return {};
}

Status SqliteEngine::check_integrity() {
  auto rows = prepare("PRAGMA integrity_check(1)");
  if (!rows) return pass(rows);
  auto row = (*rows)->step();
  if (!row) return pass(row);
  if (*row && (*rows)->text(0) == "ok") return {};
  return fail(Errc::kInvalid, "the database is damaged", (*rows)->text(0));
}

}  // namespace

Result<std::unique_ptr<DatabaseEngine>> open_sqlite(const DatabaseOptions& options,
                                                    const Schema& schema) {
  if (options.path.find('\0') != std::string::npos) {
    return fail(Errc::kInvalid, "the path contains a zero byte");
  }
  if (!options.path.empty()) {
    const auto present = probe_database(options, schema);
    if (!present) return std::unexpected<Error>(present.error());
    if (!*present && !options.create) {
      return fail(Errc::kNotFound, "there is no database", options.path);
    }
    if (options.vfs == nullptr) {
      if (auto status = protect_file(options.path); !status) return pass(status);
    }
  }
  sqlite3* raw = nullptr;
  const char* name = options.path.empty() ? ":memory:" : options.path.c_str();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(name, &raw, flags, options.vfs);
  auto engine = std::make_unique<SqliteEngine>(raw, options.path);
  if (code != SQLITE_OK) return sqlite_error(raw, code);
  if (auto status = engine->configure(options.busy_timeout_ms); !status) return pass(status);
  if (auto status = engine->migrate(schema); !status) return pass(status);
  return engine;
}

}  // namespace weir
