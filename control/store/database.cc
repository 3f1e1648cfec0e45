#include "control/store/database.h"

#include "control/store/internal/engine.h"

namespace weir {

// --- Statement

Statement::Statement() = default;
Statement::Statement(std::unique_ptr<StatementEngine> engine) : engine_(std::move(engine)) {}
Statement::Statement(Statement&& other) noexcept = default;
Statement& Statement::operator=(Statement&& other) noexcept = default;
Statement::~Statement() = default;

void Statement::bind(int index, std::int64_t value) { engine_->bind_integer(index, value); }
void Statement::bind(int index, std::string_view text) { engine_->bind_text(index, text); }
void Statement::bind(int index, ByteSpan blob) { engine_->bind_blob(index, blob); }
void Statement::bind(int index, std::optional<std::uint64_t> value) {
  if (value) {
    engine_->bind_integer(index, static_cast<std::int64_t>(*value));
  } else {
    engine_->bind_null(index);
  }
}

Result<bool> Statement::step() { return engine_->step(); }
void Statement::reset() { engine_->reset(); }
Result<int> Statement::finish() {
  for (;;) {
    auto row = engine_->step();
    if (!row) return pass(row);
    if (!*row) return engine_->changes();
  }
}

std::int64_t Statement::integer(int column) const { return engine_->integer(column); }
bool Statement::is_null(int column) const { return engine_->is_null(column); }
std::string Statement::text(int column) const { return engine_->text(column); }
ByteSpan Statement::blob(int column) const { return engine_->blob(column); }

// --- Transaction

Transaction::~Transaction() {
  if (engine_ != nullptr) engine_->rollback();
}

Status Transaction::commit() {
  Status done = engine_->commit();
  if (done) engine_ = nullptr;
  return done;
}

// --- Database

Database::Database(std::unique_ptr<DatabaseEngine> engine) : engine_(std::move(engine)) {}
Database::~Database() = default;

Result<std::shared_ptr<Database>> Database::open(const DatabaseOptions& options,
                                                 const Schema& schema) {
  auto engine = options.postgres ? open_postgres(options, schema) : open_sqlite(options, schema);
  if (!engine) return pass(engine);
  return std::shared_ptr<Database>(new Database(std::move(*engine)));
}

Result<Statement> Database::prepare(std::string_view sql) {
  auto engine = engine_->prepare(sql);
  if (!engine) return pass(engine);
  return Statement(std::move(*engine));
}

Result<Transaction> Database::begin() {
  if (auto status = engine_->begin(); !status) return pass(status);
  return Transaction(engine_.get());
}

Status Database::execute(const char* script) { return engine_->execute(script); }
Status Database::check_integrity() { return engine_->check_integrity(); }

}  // namespace weir
