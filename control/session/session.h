// A session keeps something alive that lives behind a route: an inlet's way to its outlet, a
// relay's registration (spec/04 6.5, spec/05 9.2).
//
// It is down until an attempt succeeds. While it is up it sends a ping to `echo` every 10 s; three
// unanswered ones, or the owner's lost(), take it down. Unlike Ockam it does not wait for the pings
// when the transport says that it is gone, and it retries with jittered back-off: at once (0-100
// ms) after a loss, then 200 ms doubling to 3 s. What an attempt made is closed before the next
// one.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "control/node/internal/workers.h"

namespace weir::control {

inline constexpr std::uint64_t kPingIntervalMs = 10'000;
inline constexpr std::size_t kPingsLostMax = 3;
inline constexpr std::uint64_t kAttemptMsMax = 30'000;
inline constexpr std::uint64_t kRetryFirstMs = 200;
inline constexpr std::uint64_t kRetryMsMax = 1'000;
inline constexpr std::uint64_t kRetryLateMsMax = 3'000;
inline constexpr std::uint64_t kLateMs = 30'000;
inline constexpr std::uint64_t kFirstRetryJitterMs = 100;
// A session that was up for less than this counts as one more failure: no tight loop.
inline constexpr std::uint64_t kStableMs = 5'000;

class Session {
 public:
  struct Hooks {
    // Starts one attempt. `timeouts`: how many in a row ended without any answer; waits should be
    // short at first, because a node that has just come up swallows what it cannot deliver yet, and
    // grow with it for long paths. Done: the route to the node at the other end.
    std::function<void(unsigned timeouts, Done<wire::Route> done)> open;
    // Drops what open made, or stops it.
    std::function<void()> close;
    std::function<void()> went_up;
    std::function<void(const std::string& why)> went_down;
    std::function<void(const Error& error)> attempt_failed;
  };

  Session(NodeCore& core, WorkerTable& workers, Hooks hooks);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The first attempt, now.
  void start();
  // What was made is closed; no hook is called any more but close.
  void stop();
  // The owner knows that the path is gone.
  void lost(const std::string& why);
  bool is_up() const { return state_ == State::kUp; }
  // Of the last attempt or loss; empty before the first.
  const std::string& last_failure() const { return last_failure_; }

 private:
  enum class State : std::uint8_t { kStopped, kOpening, kWaiting, kUp };
  void open();
  void opened(std::uint64_t generation, Result<wire::Route> result);
  void wait(std::uint64_t delay_ms);
  void leave_up();
  void ping();
  std::uint64_t retry_delay_ms();

  NodeCore& core_;
  WorkerTable& workers_;
  Hooks hooks_;
  State state_ = State::kStopped;
  std::uint64_t generation_ = 0;  // of the attempt; a late answer of an older one is ignored
  unsigned failures_ = 0;
  unsigned timeouts_ = 0;
  std::uint64_t down_since_ns_ = 0;
  std::uint64_t up_since_ns_ = 0;
  TimerId timer_ = kNoTimer;
  std::string last_failure_;
  wire::Route ping_route_;
  WorkerAddress collector_;
  std::set<Bytes> outstanding_;
};

}  // namespace weir::control
