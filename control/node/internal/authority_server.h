// The authority's services as workers of this node (spec/04 8.2). They are reachable only from
// inside a channel of the listener `api`.
//
// Members' requests that wait for a change of the revocations are kept here, some 300 bytes each,
// at most kWaitingOfOneMax of a member and kWaitingMax in all: a further one is answered at once. A
// change answers them in groups, so that other requests get their turn in between.
#pragma once

#include <deque>
#include <map>

#include "control/authority/authority.h"
#include "control/node/internal/links.h"
#include "control/node/internal/provider_lookup.h"
#include "control/node/internal/workers.h"

namespace weir {
class State;
}

namespace weir::control {

class AuthorityServer {
 public:
  AuthorityServer(NodeCore& core, WorkerTable& workers, Links& links, State* state)
      : core_(core), workers_(workers), links_(links), state_(state), providers_(core) {}
  ~AuthorityServer() { core_.timers.cancel(timer_); }

  // kRefused without a State: an authority that forgets its members is none.
  Status start(AuthorityConfig config, Authority::AttributesOf attributes_of);
  Authority* authority() { return authority_.get(); }

 private:
  static constexpr std::size_t kWaitingOfOneMax = 4;
  static constexpr std::size_t kWaitingMax = 65'536;
  static constexpr std::size_t kAnswersAtOnceMax = 64;
  struct Waiting {
    AuthorityService service;
    Caller caller;
    Bytes request;
    EncodedRoute ret;
    std::uint64_t until_ns = 0;
  };
  // True: the answer comes later, and gives back the message's credit.
  bool on_message(AuthorityService service, const MessageEvent& message);
  bool ask_provider(const Waiting& one, const LinkId& link);
  void answer(const Waiting& one);
  void send(const EncodedRoute& ret, AuthorityService service, Bytes response);
  void wait(Waiting one);
  void answer_first();
  void answer_all_soon();
  void answer_due();

  NodeCore& core_;
  WorkerTable& workers_;
  Links& links_;
  State* state_;
  ProviderLookup providers_;
  std::unique_ptr<Authority> authority_;
  std::deque<Waiting> waiting_;  // the oldest first
  std::map<Identifier, std::size_t> waiting_of_;
  TimerId timer_ = kNoTimer;  // for the oldest
};

}  // namespace weir::control
