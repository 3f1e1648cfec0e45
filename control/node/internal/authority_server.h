// The authority's services as workers of this node (spec/04 8.2). They are reachable only from
// inside a channel of the listener `api`.
#pragma once

#include "control/authority/authority.h"
#include "control/node/internal/links.h"
#include "control/node/internal/workers.h"

namespace weir {
class State;
}

namespace weir::control {

class AuthorityServer {
 public:
  AuthorityServer(NodeCore& core, WorkerTable& workers, Links& links, State* state)
      : core_(core), workers_(workers), links_(links), state_(state) {}

  // kRefused without a State: an authority that forgets its members is none.
  Status start(AuthorityConfig config, Authority::AttributesOf attributes_of);
  Authority* authority() { return authority_.get(); }

 private:
  void answer(AuthorityService service, const MessageEvent& message);

  NodeCore& core_;
  WorkerTable& workers_;
  Links& links_;
  State* state_;
  std::unique_ptr<Authority> authority_;
};

}  // namespace weir::control
