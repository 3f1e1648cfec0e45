// Requests with one answer (spec/04 1.4): a temporary reply address, open for the producer behind
// the first hop of the route before the request leaves, gone with the answer or the timeout.
#pragma once

#include <map>

#include "control/node/internal/workers.h"

namespace weir::control {

inline constexpr std::uint64_t kRequestTimeoutMs = 30'000;

struct Reply {
  Bytes payload;
  EncodedRoute onward;  // what was left
  EncodedRoute ret;
};

class Messenger {
 public:
  Messenger(NodeCore& core, WorkerTable& workers) : core_(core), workers_(workers) {}

  // kTimeout when nothing comes; a route must not be empty.
  ControlId request(const wire::Route& onward, Bytes payload, std::uint64_t timeout_ms,
                    Done<Reply> done);
  // `done` is not called any more.
  void cancel(ControlId request);

 private:
  struct Pending {
    WorkerAddress address;
    TimerId timer = kNoTimer;
    Done<Reply> done;
  };
  void finish(ControlId request, Result<Reply> result);

  NodeCore& core_;
  WorkerTable& workers_;
  std::map<ControlId, Pending> pending_;
};

}  // namespace weir::control
