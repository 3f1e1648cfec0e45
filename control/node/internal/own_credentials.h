// The credentials that this node presents: got from its authority, kept, and renewed before they
// end (spec/03 4.6). One per identity that opens channels.
//
// Better than Ockam: renewals are spread by jitter; a failing authority is asked again with growing
// pauses (10 s to 5 min) and never in step with others; the listener's side of a handshake goes on
// without a credential when there is none yet, instead of leaving the peer without an answer.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/node/internal/authority_client.h"

namespace weir {
class State;
}

namespace weir::control {

class OwnCredentials {
 public:
  OwnCredentials(NodeCore& core, State* state, AuthorityClient& client)
      : core_(core), state_(state), client_(client) {}
  ~OwnCredentials();

  // Fetches for the node's identity, so that it is there when somebody connects.
  void start();
  bool configured() const { return core_.config.credential_source.has_value(); }
  // Encoded; none when there is none that is good for another minute. Never waits.
  std::vector<Bytes> current(const Identifier& identity);
  // The same, but fetched first if need be; kRefused or kTimeout when that fails.
  void get(const Identifier& identity, Done<std::vector<Bytes>> done);

  // A new one: channels that are open should show it.
  std::function<void(const Identifier& identity, const Bytes& credential)> renewed;

 private:
  struct Held {
    Bytes encoded;  // empty: none
    std::uint64_t created_at_s = 0;
    std::uint64_t expires_at_s = 0;
    bool fetching = false;
    bool looked_up = false;
    unsigned failures = 0;
    TimerId timer = kNoTimer;
    std::vector<Done<std::vector<Bytes>>> waiting;
  };
  bool usable(const Held& held) const;
  Held& held(const Identifier& identity);
  void look_up(const Identifier& identity, Held& held);
  void fetch(const Identifier& identity);
  void fetched(const Identifier& identity, Result<Bytes> body);
  Status take(const Identifier& identity, ByteSpan encoded, bool is_new);
  void renew_later(const Identifier& identity, Held& held);

  NodeCore& core_;
  State* state_;
  AuthorityClient& client_;
  std::map<Identifier, Held> held_;
};

}  // namespace weir::control
