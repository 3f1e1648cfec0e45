// One connection to PostgreSQL and the one transaction that may be open on it.
//
// The same promises as a SQLite file's: a transaction takes an advisory lock of the database when
// it begins, so that writers stand in a queue (reads do not wait) and what a transaction has read
// stays true until it commits; READ COMMITTED, because the lock, not the snapshot, keeps the order.
// COMMIT returns when the change is on the server's disk (synchronous_commit).
//
// Everything ends in a bounded time, because the caller blocks: 10 s for the first connection, 3 s
// for a later one, and after one that took long none is tried for 5 s; 10 s for the lock, 20 s for
// a statement, by the server's clock; 30 s by ours, when the server says nothing at all. A process
// that is stopped in the middle of a transaction loses it after a minute, so that others go on.
//
// A connection that is found dead is made again, once, before an answer is given up: nothing was
// under way. Inside a transaction, the transaction is lost and nothing was changed. Only a COMMIT
// whose answer never came is of unknown outcome, and its error says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "control/store/internal/postgres_library.h"
#include "control/store/postgres_place.h"

namespace weir {

// Where all our tables are; nobody else's.
#define WEIR_POSTGRES_SCHEMA "weir"

// Values of one statement's parameters, in binary form. Text and blobs are not copied.
class PostgresParameters {
 public:
  void set(int index, unsigned type, ByteSpan value);
  void set(int index, std::int64_t value);
  void set_null(int index);
  void clear() { list_.clear(); }

 private:
  friend class PostgresSession;
  struct One {
    unsigned type = 0;  // 0: PostgreSQL finds out
    bool null = true;
    bool is_integer = false;
    std::uint8_t integer[8] = {};
    ByteSpan value = {};
  };
  One& at(int index);
  std::vector<One> list_;
};

// The rows of an answer.
class PostgresRows {
 public:
  PostgresRows() = default;
  PostgresRows(const PostgresLibrary& calls, PGresult* result) : calls_(&calls), result_(result) {}
  PostgresRows(PostgresRows&& other) noexcept
      : calls_(other.calls_), result_(std::exchange(other.result_, nullptr)) {}
  PostgresRows& operator=(PostgresRows&& other) noexcept {
    std::swap(calls_, other.calls_);
    std::swap(result_, other.result_);
    return *this;
  }
  ~PostgresRows() {
    if (result_ != nullptr) calls_->PQclear(result_);
  }
  PGresult* get() const { return result_; }
  int count() const;
  int changes() const;
  // Total: a row or column that is not there is NULL, and NULL is empty or 0.
  bool is_null(int row, int column) const;
  ByteSpan value(int row, int column) const;
  std::int64_t integer(int row, int column) const;
  std::string text(int row, int column) const;

 private:
  const PostgresLibrary* calls_ = nullptr;
  PGresult* result_ = nullptr;
};

class PostgresSession {
 public:
  static Result<std::shared_ptr<PostgresSession>> open(std::shared_ptr<const PostgresPlace> place,
                                                       std::uint32_t lock_timeout_ms);
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;
  ~PostgresSession() { drop(); }

  // One statement; outside of a transaction it must only read.
  Result<PostgresRows> ask(const char* sql, const PostgresParameters& parameters = {});
  // Statements without parameters; the rows of the last one.
  Result<PostgresRows> run(const char* script);
  Status begin();
  Status commit();
  void rollback();
  bool in_transaction() const { return in_transaction_; }
  const PostgresPlace& place() const { return *place_; }

 private:
  PostgresSession(const PostgresLibrary& calls, std::shared_ptr<const PostgresPlace> place,
                  std::uint32_t lock_timeout_ms)
      : calls_(calls), place_(std::move(place)), lock_timeout_ms_(lock_timeout_ms) {}
  Status connect(std::uint64_t timeout_ms);
  Status wait_connected(std::uint64_t deadline_ns);
  Status connect_again();
  void drop();
  // Sends by `send` (int()), again over a new connection if the old one was dead and nothing lost.
  template <typename Send>
  Result<PostgresRows> exchange(Send send);
  Result<PostgresRows> answer();
  std::unexpected<Error> lost() const;
  // Until there is something to do at the socket. False: the time is over.
  bool wait(short events, std::uint64_t deadline_ns) const;

  const PostgresLibrary& calls_;
  std::shared_ptr<const PostgresPlace> place_;
  std::uint32_t lock_timeout_ms_;
  mutable SystemClock clock_;
  PGconn* connection_ = nullptr;
  bool in_transaction_ = false;      // as the caller sees it: also when the connection is gone
  std::uint64_t not_before_ns_ = 0;  // the next attempt to connect
};

}  // namespace weir
