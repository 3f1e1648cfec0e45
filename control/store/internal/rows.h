// Short forms for the tables: read rows into records, turn counts into Status.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/store/database.h"

namespace weir {

// First row, or nullopt. `read` is T(const Statement&).
template <typename Read, typename... Values>
auto find_row(Database& db, std::string_view sql, Read read, const Values&... values)
    -> Result<std::optional<decltype(read(std::declval<const Statement&>()))>> {
  using T = decltype(read(std::declval<const Statement&>()));
  auto statement = db.query(sql, values...);
  if (!statement) return pass(statement);
  auto row = statement->step();
  if (!row) return pass(row);
  if (!*row) return std::optional<T>();
  return std::optional<T>(read(*statement));
}

// As find_row, but no row is kNotFound.
template <typename Read, typename... Values>
auto get_row(Database& db, const char* missing, std::string_view name, std::string_view sql,
             Read read, const Values&... values)
    -> Result<decltype(read(std::declval<const Statement&>()))> {
  auto row = find_row(db, sql, read, values...);
  if (!row) return pass(row);
  if (!*row) return fail(Errc::kNotFound, missing, std::string(name));
  return std::move(**row);
}

template <typename Read, typename... Values>
auto list_rows(Database& db, std::string_view sql, Read read, const Values&... values)
    -> Result<std::vector<decltype(read(std::declval<const Statement&>()))>> {
  std::vector<decltype(read(std::declval<const Statement&>()))> rows;
  auto statement = db.query(sql, values...);
  if (!statement) return pass(statement);
  for (;;) {
    auto row = statement->step();
    if (!row) return pass(row);
    if (!*row) return rows;
    rows.push_back(read(*statement));
  }
}

inline std::string read_text(const Statement& row) { return row.text(0); }
inline Bytes read_blob(const Statement& row) { return to_bytes(row.blob(0)); }

// The column's texts, separated by ", ".
template <typename... Values>
Result<std::string> join_texts(Database& db, std::string_view sql, const Values&... values) {
  auto texts = list_rows(db, sql, read_text, values...);
  if (!texts) return pass(texts);
  std::string joined;
  for (const auto& text : *texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

template <typename... Values>
Status write_row(Database& db, std::string_view sql, const Values&... values) {
  auto changes = db.run(sql, values...);
  if (!changes) return pass(changes);
  return {};
}

// A write with RETURNING: its first row. To the end, because only then is the write done.
template <typename Read, typename... Values>
auto write_returning(Database& db, std::string_view sql, Read read, const Values&... values)
    -> Result<decltype(read(std::declval<const Statement&>()))> {
  using T = decltype(read(std::declval<const Statement&>()));
  auto statement = db.query(sql, values...);
  if (!statement) return pass(statement);
  auto row = statement->step();
  if (!row) return pass(row);
  if (!*row) return fail(Errc::kInternal, "the database says nothing about what it wrote");
  T value = read(*statement);
  auto done = statement->finish();
  if (!done) return pass(done);
  return value;
}

// A write that must touch a row.
template <typename... Values>
Status write_existing(Database& db, const char* missing, std::string_view name,
                      std::string_view sql, const Values&... values) {
  auto changes = db.run(sql, values...);
  if (!changes) return pass(changes);
  if (*changes == 0) return fail(Errc::kNotFound, missing, std::string(name));
  return {};
}

// Runs `body` (Status()) in a transaction; any error rolls back.
template <typename Body>
Status in_transaction(Database& db, Body body) {
  auto transaction = db.begin();
  if (!transaction) return pass(transaction);
  if (Status status = body(); !status) return status;
  return transaction->commit();
}

}  // namespace weir
