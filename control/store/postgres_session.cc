#include "control/store/internal/postgres_session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "control/store/internal/postgres_sql.h"

namespace weir {
namespace {

constexpr std::uint64_t kFirstConnectTimeoutMs = 10'000;
constexpr std::uint64_t kConnectTimeoutMs = 3'000;
constexpr std::uint64_t kSlowConnectMs = 500;  // after a failure that took longer, no attempt for
constexpr std::uint64_t kConnectPauseMs = 5'000;
constexpr std::uint64_t kAnswerTimeoutMs = 30'000;

constexpr char kBegin[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    "SELECT pg_advisory_xact_lock(2003134834)";  // "weir", as kDatabaseApplicationId

std::string settings(std::uint32_t lock_timeout_ms) {
  return "SET search_path = " WEIR_POSTGRES_SCHEMA "; SET lock_timeout = " +
         std::to_string(lock_timeout_ms) +
         "; SET statement_timeout = 20000; SET idle_in_transaction_session_timeout = 60000;"
         " SELECT set_config('synchronous_commit', 'on', false)"
         " WHERE current_setting('synchronous_commit') = 'off'";
}

void ignore_notice(void*, const char*) {}

int to_int(std::size_t size) { return static_cast<int>(size); }

}  // namespace

// --- parameters

PostgresParameters::One& PostgresParameters::at(int index) {
  const auto place = static_cast<std::size_t>(index);
  if (list_.size() < place) list_.resize(place);
  return list_[place - 1] = One{};
}

void PostgresParameters::set(int index, unsigned type, ByteSpan value) {
  One& one = at(index);
  one.type = type;
  one.null = false;
  one.value = value;
}

void PostgresParameters::set(int index, std::int64_t value) {
  One& one = at(index);
  one.type = kPostgresInt8;
  one.null = false;
  one.is_integer = true;
  store_be64(one.integer, static_cast<std::uint64_t>(value));
}

void PostgresParameters::set_null(int index) { at(index); }

// --- rows

int PostgresRows::count() const { return result_ == nullptr ? 0 : calls_->PQntuples(result_); }

int PostgresRows::changes() const {
  return result_ == nullptr ? 0 : std::atoi(calls_->PQcmdTuples(result_));
}

bool PostgresRows::is_null(int row, int column) const {
  return row < 0 || row >= count() || column < 0 || column >= calls_->PQnfields(result_) ||
         calls_->PQgetisnull(result_, row, column) != 0;
}

ByteSpan PostgresRows::value(int row, int column) const {
  if (is_null(row, column)) return {};
  return {reinterpret_cast<const std::uint8_t*>(calls_->PQgetvalue(result_, row, column)),
          static_cast<std::size_t>(calls_->PQgetlength(result_, row, column))};
}

std::int64_t PostgresRows::integer(int row, int column) const {
  if (is_null(row, column)) return 0;
  return postgres_integer(calls_->PQftype(result_, column), value(row, column));
}

std::string PostgresRows::text(int row, int column) const {
  return std::string(as_text(value(row, column)));
}

// --- connecting

Result<std::shared_ptr<PostgresSession>> PostgresSession::open(
    std::shared_ptr<const PostgresPlace> place, std::uint32_t lock_timeout_ms) {
  auto calls = PostgresLibrary::load();
  if (!calls) return pass(calls);
  std::shared_ptr<PostgresSession> session(
      new PostgresSession(**calls, std::move(place), lock_timeout_ms));
  if (auto status = session->connect(kFirstConnectTimeoutMs); !status) return pass(status);
  return session;
}

void PostgresSession::drop() {
  if (connection_ != nullptr) calls_.PQfinish(connection_);
  connection_ = nullptr;
}

Status PostgresSession::connect(std::uint64_t timeout_ms) {
  drop();
  // Null ends the lists. GSSAPI would look for tickets on the way to each server.
  const std::string port = std::to_string(place_->port);
  SecretBytes password(place_->password.size() + 1);  // with its zero byte
  std::copy(place_->password.span().begin(), place_->password.span().end(),
            password.span().begin());
  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto add = [&](const char* key, const char* value) {
    keys.push_back(key);
    values.push_back(value);
  };
  add("host", place_->host.c_str());
  add("port", port.c_str());
  add("dbname", place_->database.c_str());
  if (!place_->user.empty()) add("user", place_->user.c_str());
  if (!place_->password.empty()) {
    add("password", reinterpret_cast<const char*>(password.span().data()));
  }
  add("application_name", "weir");
  add("client_encoding", "UTF8");
  add("gssencmode", "disable");
  add("keepalives_idle", "30");
  add("keepalives_interval", "10");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "15000");
  for (const auto& [key, value] : place_->parameters) add(key.c_str(), value.c_str());
  add(nullptr, nullptr);

  const std::uint64_t start_ns = clock_.now_ns();
  connection_ = calls_.PQconnectStartParams(keys.data(), values.data(), 0);
  if (connection_ == nullptr) return fail(Errc::kExhausted, "out of memory");
  calls_.PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // with SQLSTATE
  calls_.PQsetNoticeProcessor(connection_, ignore_notice, nullptr);
  Status status = wait_connected(start_ns + timeout_ms * kNsPerMs);
  if (status) {
    calls_.PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
    const bool sent = calls_.PQsendQuery(connection_, settings(lock_timeout_ms_).c_str()) == 1;
    Result<PostgresRows> set = sent ? answer() : lost();
    if (!set) status = pass(set);
  }
  if (!status) {
    drop();
    const std::uint64_t now_ns = clock_.now_ns();
    const bool was_slow = now_ns - start_ns > kSlowConnectMs * kNsPerMs;
    not_before_ns_ = was_slow ? now_ns + kConnectPauseMs * kNsPerMs : 0;
  }
  return status;
}

Status PostgresSession::wait_connected(std::uint64_t deadline_ns) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    if (!wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ns)) {
      return fail(Errc::kTimeout, "PostgreSQL does not answer", place_->text());
    }
    state = calls_.PQconnectPoll(connection_);
  }
  if (calls_.PQstatus(connection_) != CONNECTION_OK) {
    ConnectTrouble trouble = read_trouble(calls_.PQerrorMessage(connection_));
    if (calls_.PQconnectionNeedsPassword(connection_) != 0) trouble.state = "28000";
    return connect_error(trouble, place_->text());
  }
  const char* encoding = calls_.PQparameterStatus(connection_, "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "UTF8") {
    return fail(Errc::kUnsupported, "the database's encoding is not UTF8; make one that is",
                place_->text());
  }
  return {};
}

Status PostgresSession::connect_again() {
  if (clock_.now_ns() < not_before_ns_) {
    return fail(Errc::kIo, "PostgreSQL cannot be reached", place_->text());
  }
  return connect(kConnectTimeoutMs);
}

bool PostgresSession::wait(short events, std::uint64_t deadline_ns) const {
  for (;;) {
    const std::uint64_t now_ns = clock_.now_ns();
    if (now_ns >= deadline_ns) return false;
    pollfd poller{calls_.PQsocket(connection_), events, 0};
    if (poller.fd < 0) return true;  // libpq knows why
    const int ready = ::poll(&poller, 1, static_cast<int>((deadline_ns - now_ns) / kNsPerMs + 1));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// --- statements

std::unexpected<Error> PostgresSession::lost() const {
  return fail(Errc::kIo, "the connection to PostgreSQL was lost; nothing was changed",
              place_->text());
}

// All answers to what was sent; the first error, or the last one's rows.
Result<PostgresRows> PostgresSession::answer() {
  const std::uint64_t deadline_ns = clock_.now_ns() + kAnswerTimeoutMs * kNsPerMs;
  PostgresRows last;
  bool failed = false;
  for (;;) {
    while (calls_.PQisBusy(connection_) != 0) {
      if (!wait(POLLIN, deadline_ns)) {
        drop();
        return fail(Errc::kTimeout, "PostgreSQL does not answer", place_->text());
      }
      if (calls_.PQconsumeInput(connection_) == 0) break;  // lost: what came before is still read
    }
    PGresult* result = calls_.PQgetResult(connection_);
    if (result == nullptr) break;
    PostgresRows rows(calls_, result);
    const ExecStatusType status = calls_.PQresultStatus(result);
    if (!failed) last = std::move(rows);
    failed = failed || (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
                        status != PGRES_EMPTY_QUERY);
  }
  if (calls_.PQstatus(connection_) != CONNECTION_OK) {
    drop();
    return lost();
  }
  if (!failed) return last;
  const char* state = calls_.PQresultErrorField(last.get(), PG_DIAG_SQLSTATE);
  const char* message = calls_.PQresultErrorField(last.get(), PG_DIAG_MESSAGE_PRIMARY);
  return postgres_error(state == nullptr ? "" : state, message == nullptr ? "" : message);
}

template <typename Send>
Result<PostgresRows> PostgresSession::exchange(Send send) {
  if (connection_ == nullptr) {
    if (in_transaction_) return lost();
    if (auto status = connect_again(); !status) return pass(status);
  }
  for (bool again = !in_transaction_;; again = false) {
    Result<PostgresRows> rows = lost();
    if (send() == 1) {
      rows = answer();
    } else {
      drop();
    }
    const bool timed_out = !rows && rows.error().code == Errc::kTimeout;
    if (connection_ != nullptr || timed_out || !again) return rows;
    if (auto status = connect_again(); !status) return pass(status);
  }
}

Result<PostgresRows> PostgresSession::ask(const char* sql, const PostgresParameters& parameters) {
  const auto& list = parameters.list_;
  std::vector<Oid> types(list.size());
  std::vector<const char*> values(list.size());
  std::vector<int> lengths(list.size());
  const std::vector<int> formats(list.size(), 1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& one = list[i];
    const ByteSpan value = one.is_integer ? ByteSpan(one.integer) : one.value;
    types[i] = one.type;
    lengths[i] = to_int(value.size());
    // An empty span may have no address, which would be NULL.
    values[i] = value.empty() ? "" : reinterpret_cast<const char*>(value.data());
    if (one.null) values[i] = nullptr;
  }
  return exchange([&] {
    return calls_.PQsendQueryParams(connection_, sql, to_int(list.size()), types.data(),
                                    values.data(), lengths.data(), formats.data(), 1);
  });
}

Result<PostgresRows> PostgresSession::run(const char* script) {
  return exchange([&] { return calls_.PQsendQuery(connection_, script); });
}

// --- transactions

Status PostgresSession::begin() {
  if (in_transaction_) return fail(Errc::kInternal, "a transaction in a transaction");
  auto begun = run(kBegin);
  if (!begun) {
    const Error error = std::move(begun.error());
    rollback();  // BEGIN was done, the lock was not given
    return std::unexpected<Error>(error);
  }
  in_transaction_ = true;
  return {};
}

Status PostgresSession::commit() {
  const bool had_connection = connection_ != nullptr;
  auto done = run("COMMIT");
  if (!done) {
    if (!had_connection || connection_ != nullptr) return pass(done);
    return fail(Errc::kIo,
                "the connection to PostgreSQL was lost while a change was being committed; it may "
                "or may not have been made",
                place_->text());
  }
  in_transaction_ = false;
  // What failed inside makes COMMIT a rollback, which is no error there.
  if (std::string_view(calls_.PQcmdStatus(done->get())) == "COMMIT") return {};
  return fail(Errc::kInternal, "the transaction had failed; nothing was changed");
}

void PostgresSession::rollback() {
  // Without a connection the server has done it, or does it when it notices. Where it does not
  // answer, the connection is not used again.
  const bool needs_it = connection_ != nullptr;
  in_transaction_ = true;  // no second attempt over a new connection
  if (needs_it && !run("ROLLBACK")) drop();
  in_transaction_ = false;
}

}  // namespace weir
