// Between our SQL and PostgreSQL: words, values, errors. Pure functions, and total: whatever a
// server sends, they answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

// `?` and `?1` become `$1`; what stands in quotes stays.
std::string postgres_statement(std::string_view sql);
// A migration's tables: INTEGER is BIGINT, BLOB is BYTEA, texts are compared byte by byte as SQLite
// does, AUTOINCREMENT is an identity, STRICT says nothing.
std::string postgres_tables(std::string_view sql);
// Everything but a SELECT.
bool writes(std::string_view sql);

// PostgreSQL's numbers of types (pg_type.dat): they never change.
inline constexpr unsigned kPostgresBool = 16;
inline constexpr unsigned kPostgresBytea = 17;
inline constexpr unsigned kPostgresInt8 = 20;
inline constexpr unsigned kPostgresInt2 = 21;
inline constexpr unsigned kPostgresInt4 = 23;
inline constexpr unsigned kPostgresText = 25;
// A value in binary form; 0 for what is no integer.
std::int64_t postgres_integer(unsigned type, ByteSpan value);

// SQLSTATE (five characters) and message of a statement that failed, in our words.
std::unexpected<Error> postgres_error(std::string_view state, std::string message);
// What libpq says about a connection that was not made. In its verbose form a server's message
// holds the SQLSTATE: "FATAL:  28P01: password ..". `where` as PostgresPlace::text().
struct ConnectTrouble {
  std::string state;    // empty: not the server's words
  std::string message;  // its first line, without the state
};
ConnectTrouble read_trouble(std::string_view text);
std::unexpected<Error> connect_error(const ConnectTrouble& trouble, const std::string& where);

}  // namespace weir
