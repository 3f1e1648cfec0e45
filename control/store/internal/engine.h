// What a kind of database does for Database, Statement and Transaction: SQLite and PostgreSQL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "control/store/database.h"

namespace weir {

// Contracts as in Statement.
class StatementEngine {
 public:
  StatementEngine() = default;
  StatementEngine(const StatementEngine&) = delete;
  StatementEngine& operator=(const StatementEngine&) = delete;
  virtual ~StatementEngine() = default;
  virtual void bind_integer(int index, std::int64_t value) = 0;
  virtual void bind_text(int index, std::string_view text) = 0;
  virtual void bind_blob(int index, ByteSpan blob) = 0;
  virtual void bind_null(int index) = 0;
  virtual Result<bool> step() = 0;
  virtual void reset() = 0;
  // Rows that the statement changed; it has run to the end.
  virtual int changes() const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual bool is_null(int column) const = 0;
  virtual std::string text(int column) const = 0;
  virtual ByteSpan blob(int column) const = 0;
};

class DatabaseEngine {
 public:
  DatabaseEngine() = default;
  DatabaseEngine(const DatabaseEngine&) = delete;
  DatabaseEngine& operator=(const DatabaseEngine&) = delete;
  virtual ~DatabaseEngine() = default;
  virtual Result<std::unique_ptr<StatementEngine>> prepare(std::string_view sql) = 0;
  // Excludes every other writer of this database until commit or rollback.
  virtual Status begin() = 0;
  virtual Status commit() = 0;
  virtual void rollback() = 0;  // nothing where no transaction is open
  virtual Status execute(const char* script) = 0;
  virtual Status check_integrity() = 0;
};

// Both check whose database it is and bring its tables up to date.
Result<std::unique_ptr<DatabaseEngine>> open_sqlite(const DatabaseOptions& options,
                                                    const Schema& schema);
Result<std::unique_ptr<DatabaseEngine>> open_postgres(const DatabaseOptions& options,
                                                      const Schema& schema);

}  // namespace weir
