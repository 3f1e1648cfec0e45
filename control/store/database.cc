#include "control/store/database.h"

#include <cerrno>
#include <cstring>

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

// --- Statement

void Statement::bind(int index, std::string_view text) {
  const char* data = text.empty() ? "" : text.data();
  sqlite3_bind_text64(stmt_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(int index, ByteSpan blob) {
  const void* data = blob.empty() ? static_cast<const void*>("") : blob.data();
  sqlite3_bind_blob64(stmt_, index, data, blob.size(), SQLITE_STATIC);
}

void Statement::bind(int index, std::optional<std::uint64_t> value) {
  if (value) {
    sqlite3_bind_int64(stmt_, index, static_cast<std::int64_t>(*value));
  } else {
    sqlite3_bind_null(stmt_, index);
  }
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(db_, code);
}

void Statement::reset() {
  sqlite3_reset(stmt_);  // its result is step()'s, once more
  sqlite3_clear_bindings(stmt_);
}

std::string Statement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(stmt_, column);
  if (data == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
  return std::string(reinterpret_cast<const char*>(data), size);
}

ByteSpan Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(stmt_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column));
  return {static_cast<const std::uint8_t*>(data), data == nullptr ? 0 : size};
}

// --- Transaction

Transaction::~Transaction() {
  // A serious failure may have rolled back already (autocommit is on again then).
  if (db_ != nullptr && sqlite3_get_autocommit(db_) == 0) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

Status Transaction::commit() {
  const int code = sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(db_, code);
  db_ = nullptr;
  return {};
}

// --- Database

Database::~Database() { sqlite3_close_v2(db_); }

Result<std::shared_ptr<Database>> Database::open(const DatabaseOptions& options,
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
  std::shared_ptr<Database> db(new Database(raw, options.path));
  if (code != SQLITE_OK) return sqlite_error(raw, code);
  if (auto status = db->configure(options); !status) return pass(status);
  if (auto status = db->migrate(schema); !status) return pass(status);
  return db;
}

Status Database::configure(const DatabaseOptions& options) {
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, static_cast<int>(options.busy_timeout_ms));
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // temp_store: secrets must not reach /tmp. The journal mode is not set: DELETE is the default,
  // and no release of weir ever made a WAL database.
  return execute(
      "PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA cell_size_check=ON;");
}

Status Database::migrate(const Schema& schema) {
  const auto version_max = static_cast<std::int64_t>(schema.migrations.size());
  const auto current = [&]() -> Result<std::int64_t> {
    auto row = prepare(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version");
    if (!row) return pass(row);
    if (auto step = row->step(); !step) return pass(step);
    const std::int64_t version = row->integer(1);
    const bool ours = row->integer(0) == schema.application_id;
    if (!ours && (row->integer(0) != 0 || row->integer(2) != 0)) {
      return fail(Errc::kRefused, "this database belongs to another program; set WEIR_HOME", path_);
    }
    if (version > version_max) {
      return fail(Errc::kUnsupported, "this database was made by a newer weir", path_);
    }
    return ours ? version : 0;
  };
  auto version = current();
  if (!version) return pass(version);
  if (*version == version_max) return {};

  auto transaction = begin();
  if (!transaction) return pass(transaction);
  version = current();  // another process may have been faster
  if (!version) return pass(version);
  for (std::int64_t i = *version; i < version_max; ++i) {
    if (auto status = execute(schema.migrations[static_cast<std::size_t>(i)]); !status) {
      return status;
    }
  }
  const std::string marks = "PRAGMA application_id=" + std::to_string(schema.application_id) +
                            "; PRAGMA user_version=" + std::to_string(version_max);
  if (auto status = execute(marks.c_str()); !status) return status;
  return transaction->commit();
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* stmt = nullptr;
  const int code =
      sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &stmt, nullptr);
  if (code != SQLITE_OK) return sqlite_error(db_, code);
  return Statement(db_, stmt);
}

Result<int> Database::finish(Statement& statement) {
  for (;;) {
    auto row = statement.step();
    if (!row) return pass(row);
    if (!*row) return sqlite3_changes(db_);
  }
}

Result<Transaction> Database::begin() {
  if (auto status = execute("BEGIN IMMEDIATE"); !status) return pass(status);
  return Transaction(db_);
}

Status Database::execute(const char* script) {
  const int code = sqlite3_exec(db_, script, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(db_, code);
  return {};
}

Status Database::check_integrity() {
  auto rows = prepare("PRAGMA integrity_check(1)");
  if (!rows) return pass(rows);
  auto row = rows->step();
  if (!row) return pass(row);
  if (*row && rows->text(0) == "ok") return {};
  return fail(Errc::kInvalid, "the database is damaged", rows->text(0));
}

}  // namespace weir
