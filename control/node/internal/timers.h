// Control's timers: a sorted map, run by Node::step. A callback may start and cancel timers, also
// itself; cancelling one that has run is harmless.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

namespace weir::control {

using TimerId = std::uint64_t;
inline constexpr TimerId kNoTimer = 0;

class Timers {
 public:
  TimerId start(std::uint64_t deadline_ns, std::function<void()> run);
  void cancel(TimerId& id);  // sets it to kNoTimer
  // Runs what is due at `now_ns`; timers started meanwhile wait for the next call.
  void run_due(std::uint64_t now_ns);
  std::uint64_t next_deadline_ns() const {
    return due_.empty() ? UINT64_MAX : due_.begin()->first.first;
  }
  std::size_t size() const { return due_.size(); }

 private:
  std::map<std::pair<std::uint64_t, TimerId>, std::function<void()>> due_;
  std::unordered_map<TimerId, std::uint64_t> deadline_ns_;
  TimerId last_ = kNoTimer;
};

}  // namespace weir::control
