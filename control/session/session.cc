#include "control/session/session.h"

#include <algorithm>

#include "dataplane/wire/cbor.h"

namespace weir::control {

Session::Session(NodeCore& core, WorkerTable& workers, Hooks hooks)
    : core_(core), workers_(workers), hooks_(std::move(hooks)) {}

Session::~Session() {
  core_.timers.cancel(timer_);
  if (!collector_.empty()) workers_.remove(collector_);
}

void Session::start() {
  CHECK(state_ == State::kStopped);
  down_since_ns_ = core_.now_ns();
  open();
}

void Session::stop() {
  if (state_ == State::kStopped) return;
  core_.timers.cancel(timer_);
  leave_up();
  ++generation_;
  state_ = State::kStopped;
  hooks_.close();
}

void Session::open() {
  state_ = State::kOpening;
  const std::uint64_t generation = ++generation_;
  timer_ = core_.after_ms(kAttemptMsMax, [this, generation] {
    opened(generation, fail(Errc::kTimeout, "no success in 30 s"));
  });
  hooks_.open(timeouts_, [this, generation](Result<wire::Route> result) {
    opened(generation, std::move(result));
  });
}

void Session::opened(std::uint64_t generation, Result<wire::Route> result) {
  if (generation != generation_ || state_ != State::kOpening) return;
  core_.timers.cancel(timer_);
  if (!result) {
    ++generation_;
    state_ = State::kWaiting;
    hooks_.close();
    core_.count(ControlCounter::kSessionAttemptsFailed);
    last_failure_ = result.error().text();
    ++failures_;
    timeouts_ = result.error().code == Errc::kTimeout ? timeouts_ + 1 : 0;
    wait(retry_delay_ms());
    if (hooks_.attempt_failed) hooks_.attempt_failed(result.error());
    return;
  }
  state_ = State::kUp;
  timeouts_ = 0;
  up_since_ns_ = core_.now_ns();
  ping_route_ = std::move(*result);
  const EncodedRoute route = to_encoded(ping_route_);
  collector_ = core_.new_address(core_.shard_for(route));
  const Status added = workers_.add({.address = collector_,
                                     .allowed = {core_.flows.behind(route)},
                                     .handle = [this](MessageEvent& message) {
                                       if (outstanding_.contains(message.payload)) {
                                         outstanding_.clear();
                                       }
                                       return false;
                                     }});
  CHECK(added.has_value());
  ping();
  if (failures_ > 0 || !last_failure_.empty()) core_.count(ControlCounter::kSessionsRestored);
  hooks_.went_up();
}

void Session::ping() {
  if (outstanding_.size() >= kPingsLostMax) return lost("no answer to three pings");
  if (!outstanding_.empty()) core_.count(ControlCounter::kPingsLost);
  Bytes payload;
  wire::CborWriter(payload).u64(core_.rng.next_u64());
  outstanding_.insert(payload);
  core_.send_message(to_encoded(joined(ping_route_, kEchoAddress)), encoded_local(collector_),
                     std::move(payload));
  timer_ = core_.after_ms(kPingIntervalMs, [this] { ping(); });
}

void Session::leave_up() {
  outstanding_.clear();
  if (collector_.empty()) return;
  workers_.remove(collector_);
  collector_.clear();
}

void Session::lost(const std::string& why) {
  if (state_ != State::kUp) return;
  core_.timers.cancel(timer_);
  leave_up();
  ++generation_;
  state_ = State::kWaiting;
  core_.count(ControlCounter::kSessionsLost);
  down_since_ns_ = core_.now_ns();
  last_failure_ = why;
  const bool stable = core_.now_ns() - up_since_ns_ >= kStableMs * kNsPerMs;
  failures_ = stable ? 0 : failures_ + 1;
  wait(stable ? core_.random_below(kFirstRetryJitterMs) : retry_delay_ms());
  hooks_.went_down(why);
  hooks_.close();
}

void Session::wait(std::uint64_t delay_ms) {
  timer_ = core_.after_ms(delay_ms, [this] { open(); });
}

std::uint64_t Session::retry_delay_ms() {
  const unsigned doublings = std::min(failures_ > 0 ? failures_ - 1 : 0U, 10U);
  const bool late = core_.now_ns() - down_since_ns_ >= kLateMs * kNsPerMs;
  const std::uint64_t most =
      std::min(kRetryFirstMs << doublings, late ? kRetryLateMsMax : kRetryMsMax);
  return most / 2 + core_.random_below(most / 2 + 1);
}

}  // namespace weir::control
