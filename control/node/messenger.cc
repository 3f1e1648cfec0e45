#include "control/node/internal/messenger.h"

namespace weir::control {

ControlId Messenger::request(const wire::Route& onward, Bytes payload, std::uint64_t timeout_ms,
                             Done<Reply> done) {
  if (onward.empty()) {
    done(fail(Errc::kInvalid, "the route is empty"));
    return 0;
  }
  const ControlId id = core_.next_id();
  EncodedRoute route = to_encoded(onward);
  Pending& pending = pending_[id];
  pending.address = core_.new_address(core_.shard_for(route));
  pending.done = std::move(done);
  pending.timer = core_.after_ms(timeout_ms, [this, id] {
    core_.count(ControlCounter::kRequestsTimedOut);
    finish(id, fail(Errc::kTimeout, "no answer in time"));
  });
  const Status added =
      workers_.add({.address = pending.address,
                    .allowed = {core_.flows.behind(route)},
                    .handle = [this, id](MessageEvent& message) {
                      finish(id, Reply{std::move(message.payload), std::move(message.onward),
                                       std::move(message.ret)});
                      return false;
                    }});
  CHECK(added.has_value());  // 120 random bits
  core_.send_message(std::move(route), encoded_local(pending.address), std::move(payload));
  return id;
}

void Messenger::cancel(ControlId request) {
  const auto it = pending_.find(request);
  if (it == pending_.end()) return;
  core_.timers.cancel(it->second.timer);
  workers_.remove(it->second.address);
  pending_.erase(it);
}

void Messenger::finish(ControlId request, Result<Reply> result) {
  const auto it = pending_.find(request);
  if (it == pending_.end()) return;
  const Done<Reply> done = std::move(it->second.done);
  cancel(request);
  done(std::move(result));
}

}  // namespace weir::control
