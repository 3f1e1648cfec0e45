// A thin owner of one database: open, migrate, statements, transactions. Two kinds behind one
// interface, and all SQL above it is written once: a SQLite file, or a database in PostgreSQL.
//
// SQLite: rollback journal (DELETE) with synchronous=EXTRA. Writes are rare and small, so WAL's
// speed buys nothing, while the journal keeps the state in one file that can be copied, needs no
// shared memory (works on network and overlay file systems), and leaves no -wal file with secrets
// behind. EXTRA also syncs the directory after the journal is removed: what a call acknowledged
// survives kill -9 and power loss. secure_delete overwrites deleted secrets.
// PostgreSQL: see internal/postgres_session.h.
//
// Two processes: a busy database is waited for (10 s, then kTimeout). Everything that reads and
// then writes does so in a Transaction, which excludes all other writers from its beginning (BEGIN
// IMMEDIATE; an advisory lock): no lost update, no deadlock by upgrade, nothing to try again.
//
// One thread at a time may use a Database; none of it may be used across fork().
// Errors: kExhausted disk full (nothing changed) · kTimeout locked by another process · kRefused
// not our database, or its password is wrong · kUnsupported made by a newer weir · kInvalid not a
// database or damaged · kAlreadyExists a unique value exists · kIo everything else that the file
// system or the network says; nothing changed, unless the text says that this is unknown.
#pragma once

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

class DatabaseEngine;   // internal/engine.h
class StatementEngine;  // internal/engine.h
struct PostgresPlace;   // postgres_place.h

// "weir" in ASCII, in the file's header: tells our databases from a real ockam's and others.
inline constexpr std::uint32_t kDatabaseApplicationId = 0x77656972;
// For vault files, so that a vault is not opened as main database or the other way round.
inline constexpr std::uint32_t kVaultApplicationId = 0x77656976;

// `tables` is SQL for both kinds, in SQLite's words (internal/postgres_sql.h translates its types);
// the others are what only one of them runs, afterwards.
struct Migration {
  const char* tables;
  const char* sqlite_only = "";
  const char* postgres_only = "";
};

// migrations[i] brings version i to i+1 (user_version in the file's header). Scripts only grow.
struct Schema {
  std::uint32_t application_id = kDatabaseApplicationId;
  std::span<const Migration> migrations;
};

struct DatabaseOptions {
  std::string path;           // SQLite's file, absolute; empty = in memory
  const char* vfs = nullptr;  // registered SQLite VFS; nullptr = the operating system's files
  std::uint32_t busy_timeout_ms = 10'000;
  bool create = true;                                  // false: a missing file is kNotFound
  std::shared_ptr<const PostgresPlace> postgres = {};  // instead of a file
};

// A prepared statement; finalized on destruction. Parameters are numbered in the order given.
class Statement {
 public:
  Statement();
  explicit Statement(std::unique_ptr<StatementEngine> engine);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Text and blobs are NOT copied: they must outlive the last step().
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view text);
  void bind(int index, ByteSpan blob);
  void bind(int index, std::optional<std::uint64_t> value);  // nullopt: NULL

  // true: a row is there; false: done. A write is done, and durable, when there is no row left.
  Result<bool> step();
  // Steps to the end. Returns the number of rows changed.
  Result<int> finish();
  // For another run with other values; ends the read or write that is under way.
  void reset();
  bool ready() const { return engine_ != nullptr; }

  // Columns count from 0, as in SQLite. NULL reads as 0 or empty, and so does what has not the
  // asked type: reading is total, whatever the database holds.
  std::int64_t integer(int column) const;
  bool flag(int column) const { return integer(column) != 0; }
  bool is_null(int column) const;
  std::string text(int column) const;
  // Valid until the next step().
  ByteSpan blob(int column) const;

 private:
  std::unique_ptr<StatementEngine> engine_;
};

class Database;

// begin() .. commit(); rolled back on destruction otherwise. Does not nest.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept : engine_(std::exchange(other.engine_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  friend class Database;
  explicit Transaction(DatabaseEngine* engine) : engine_(engine) {}
  DatabaseEngine* engine_;
};

class Database {
 public:
  // Opens or creates, checks whose it is, migrates. A foreign, newer or broken database is left
  // untouched.
  static Result<std::shared_ptr<Database>> open(const DatabaseOptions& options,
                                                const Schema& schema);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Placeholders are `?`, or `?1`.. where one value stands twice. SQL that both kinds understand.
  Result<Statement> prepare(std::string_view sql);
  // Prepares, binds, runs to the end. Returns the number of rows changed.
  template <typename... Values>
  Result<int> run(std::string_view sql, const Values&... values) {
    auto statement = query(sql, values...);
    if (!statement) return pass(statement);
    return statement->finish();
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

 private:
  explicit Database(std::unique_ptr<DatabaseEngine> engine);
  std::unique_ptr<DatabaseEngine> engine_;
};

}  // namespace weir
