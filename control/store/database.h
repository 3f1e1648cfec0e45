// A thin owner of one SQLite database file: open, migrate, statements, transactions.
//
// Durability: rollback journal (DELETE) with synchronous=EXTRA. Writes are rare and small, so WAL's
// speed buys nothing, while the journal keeps the state in one file that can be copied, needs no
// shared memory (works on network and overlay file systems), and leaves no -wal file with secrets
// behind. EXTRA also syncs the directory after the journal is removed: what a call acknowledged
// survives kill -9 and power loss. secure_delete overwrites deleted secrets.
//
// Two processes: a busy database is waited for (10 s, then kTimeout). Everything that reads and
// then writes does so in a Transaction, which is BEGIN IMMEDIATE: no lost update, no deadlock by
// upgrade.
//
// One thread at a time may use a Database; none of it may be used across fork().
// Errors: kExhausted disk full (nothing changed) · kTimeout locked by another process · kRefused
// not our database · kUnsupported made by a newer weir · kInvalid not a database or damaged ·
// kAlreadyExists a unique value exists · kIo everything else the file system says.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

// "weir" in ASCII, in the file's header: tells our databases from a real ockam's and others.
inline constexpr std::uint32_t kDatabaseApplicationId = 0x77656972;
// For vault files, so that a vault is not opened as main database or the other way round.
inline constexpr std::uint32_t kVaultApplicationId = 0x77656976;

// migrations[i] brings version i to i+1 (user_version in the file's header). Scripts only grow.
struct Schema {
  std::uint32_t application_id = kDatabaseApplicationId;
  std::span<const char* const> migrations;
};

struct DatabaseOptions {
  std::string path;           // absolute; empty = in memory
  const char* vfs = nullptr;  // registered SQLite VFS; nullptr = the operating system's files
  std::uint32_t busy_timeout_ms = 10'000;
  bool create = true;  // false: a missing file is kNotFound
};

// A prepared statement; finalized on destruction. Parameters are numbered in the order given.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, sqlite3_stmt* stmt) : db_(db), stmt_(stmt) {}
  Statement(Statement&& other) noexcept
      : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(stmt_, other.stmt_);
    return *this;
  }
  ~Statement() { sqlite3_finalize(stmt_); }

  // Text and blobs are NOT copied: they must outlive the last step().
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(stmt_, index, value); }
  void bind(int index, std::string_view text);
  void bind(int index, ByteSpan blob);
  void bind(int index, std::optional<std::uint64_t> value);  // nullopt: NULL
  void bind(int index, std::nullptr_t) { sqlite3_bind_null(stmt_, index); }

  // true: a row is there; false: done.
  Result<bool> step();
  // For another run with other values; ends the read or write that is under way.
  void reset();
  bool ready() const { return stmt_ != nullptr; }

  // Columns count from 0, as in SQLite. NULL reads as 0 or empty.
  std::int64_t integer(int column) const { return sqlite3_column_int64(stmt_, column); }
  bool flag(int column) const { return integer(column) != 0; }
  bool is_null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }
  std::string text(int column) const;
  // Valid until the next step().
  ByteSpan blob(int column) const;

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* stmt_ = nullptr;
};

class Database;

// BEGIN IMMEDIATE .. commit(); rolled back on destruction otherwise. Does not nest.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  friend class Database;
  explicit Transaction(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

class Database {
 public:
  // Opens or creates, checks whose it is, migrates. A foreign or newer file is left untouched.
  static Result<std::shared_ptr<Database>> open(const DatabaseOptions& options,
                                                const Schema& schema);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<Statement> prepare(std::string_view sql);
  // Prepares, binds, runs to the end. Returns the number of rows changed.
  template <typename... Values>
  Result<int> run(std::string_view sql, const Values&... values) {
    auto statement = query(sql, values...);
    if (!statement) return pass(statement);
    return finish(*statement);
  }
  // Prepares and binds; the caller steps.
  template <typename... Values>
  Result<Statement> query(std::string_view sql, const Values&... values) {
    auto statement = prepare(sql);
    if (statement) {
      int index = 0;
      (statement->bind(++index, values), ...);
    }
    return statement;
  }
  Result<Transaction> begin();
  // A script without parameters, outside or inside a transaction.
  Status execute(const char* script);

  // Full structural check, for `weir` diagnostics and tests. kInvalid with the first finding.
  Status check_integrity();
  const std::string& path() const { return path_; }
  bool in_memory() const { return path_.empty(); }

 private:
  Database(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  Result<int> finish(Statement& statement);
  Status configure(const DatabaseOptions& options);
  Status migrate(const Schema& schema);
  sqlite3* db_;
  std::string path_;
};

}  // namespace weir
