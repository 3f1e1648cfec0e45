#include "control/node/internal/first_meetings.h"

#include "control/identity/identities.h"

namespace weir::control {

void FirstMeetings::after_turn() {
  const std::size_t waiting = core_.identities.met();
  if (waiting == 0) return;
  if (waiting >= kGroup && !failing_) return store();
  if (timer_ != kNoTimer) return;
  timer_ = core_.after_ms(failing_ ? kRetryMs : kWaitMs, [this] {
    timer_ = kNoTimer;
    store();
  });
}

void FirstMeetings::store() {
  core_.timers.cancel(timer_);
  const std::size_t waiting = core_.identities.met();
  const Status stored = core_.identities.store_met();
  if (stored) {
    core_.count(ControlCounter::kIdentitiesStored, waiting);
    if (failing_) core_.log(LogLevel::kInfo, "new identities are stored again");
    failing_ = false;
    return;
  }
  core_.count(ControlCounter::kIdentityStoreFailures);
  if (!failing_) {
    core_.log(LogLevel::kError, "{} new identities are not stored yet: {}", waiting,
              stored.error().text());
  }
  failing_ = true;
}

}  // namespace weir::control
