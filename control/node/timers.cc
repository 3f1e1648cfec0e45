#include "control/node/internal/timers.h"

namespace weir::control {

TimerId Timers::start(std::uint64_t deadline_ns, std::function<void()> run) {
  const TimerId id = ++last_;
  due_.emplace(std::pair{deadline_ns, id}, std::move(run));
  deadline_ns_.emplace(id, deadline_ns);
  return id;
}

void Timers::cancel(TimerId& id) {
  const TimerId old = std::exchange(id, kNoTimer);
  const auto it = deadline_ns_.find(old);
  if (it == deadline_ns_.end()) return;
  due_.erase({it->second, old});
  deadline_ns_.erase(it);
}

void Timers::run_due(std::uint64_t now_ns) {
  const TimerId last_before = last_;
  for (auto it = due_.begin(); it != due_.end() && it->first.first <= now_ns;) {
    if (it->first.second > last_before) {
      ++it;
      continue;
    }
    auto run = std::move(it->second);
    deadline_ns_.erase(it->first.second);
    due_.erase(it);
    run();
    it = due_.begin();  // the callback may have changed anything
  }
}

}  // namespace weir::control
