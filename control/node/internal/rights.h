// Who may do what on this node: the attributes that peers' credentials say, the policies, and the
// gates in the shards that come of both (spec/03 4.5, spec/04 section 9).
//
// A resource asks for one gate; a peer's channels have those whose policy allows it. Nothing is
// decided per frame: everything is decided again when a credential, a revocation, a policy or the
// time changes something, and the shards are told. Unlike Ockam, several authorities' attributes
// stand side by side, and a live stream ends with the right to it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/identity/credential.h"
#include "control/node/internal/core.h"
#include "control/policy/access.h"

namespace weir {
class State;
}

namespace weir::control {

class Rights {
 public:
  Rights(NodeCore& core, State* state, Policies& policies);
  ~Rights() {
    core_.timers.cancel(timer_);
    core_.timers.cancel(keep_timer_);
  }

  // Reads what credentials said before the restart.
  void load();

  // --- peers
  // What a peer has shown, verified. `changed` is called if it changes anything. Stored soon, with
  // what others have shown in the meantime: who is killed before that has to be shown it again.
  void accept(const Identifier& peer, const std::vector<VerifiedCredential>& credentials);
  // Stores it now: the node stops.
  void keep();
  // Attested by `authority`, not expired, not revoked.
  const AttributeMap* attributes(const Identifier& peer, const Identifier& authority) const;
  // By the first authority of this node that has said anything.
  const AttributeMap* attributes(const Identifier& peer) const;
  // Whose credentials of `authority` count no more; replaces the list.
  void set_revoked(const Identifier& authority, const std::vector<Identifier>& who);
  bool has_authority() const { return !core_.config.authorities.empty(); }

  // --- resources
  // The gate of a resource from now on; changes of it are told to the shards under `worker`.
  std::uint8_t guard(const WorkerAddress& worker, std::string name, ResourceType type);
  void unguard(const WorkerAddress& worker);
  Gates gates_of(const Identifier& peer) const;
  Decision decide(std::string_view name, ResourceType type,
                  const std::optional<Identifier>& peer) const;

  // A peer's rights may have changed (for all peers: nullopt).
  std::function<void(const std::optional<Identifier>& peer)> changed;

 private:
  struct Attested {
    AttributeMap attributes;
    std::uint64_t expires_at_s = 0;
  };
  // What decides about a resource. Resources with equal rules share a gate, unless the rule names
  // them.
  struct Rule {
    std::string key;
    std::string resource;        // empty: the rule does not name it
    const Expr* expr = nullptr;  // null: nobody may
  };
  struct Gate {
    std::string key;
    std::string resource;
    std::optional<Expr> expr;
    std::uint32_t users = 0;
  };
  struct Guarded {
    std::string name;
    ResourceType type = ResourceType::kEchoer;
    std::uint8_t gate = kOpenGate;
  };
  // Gate 63 is nobody's: for more rules than there are gates.
  static constexpr std::uint8_t kNobodysGate = kGatesMax - 1;

  bool is_open(const std::string& name, ResourceType type) const;
  Rule rule_of(const std::string& name, ResourceType type) const;
  std::uint8_t take_gate(const std::string& name, ResourceType type);
  void drop_gate(std::uint8_t gate);
  AccessRequest request_of(std::string_view resource, const std::optional<Identifier>& peer) const;
  void on_policies_changed();
  void expire();
  void tell(const std::vector<Identifier>& peers) const;
  void keep_later();
  void keep_some();
  bool is_revoked(const Identifier& peer, const Identifier& authority) const;

  NodeCore& core_;
  State* state_;
  Policies& policies_;
  std::map<std::pair<Identifier, Identifier>, Attested> attested_;  // by peer and authority
  std::map<Identifier, std::set<Identifier>> revoked_;              // by authority
  std::map<WorkerAddress, Guarded> guarded_;
  std::vector<Gate> gates_;  // without users: free
  // Of free gates, the one that was used longest ago is taken first: frames that are on their way
  // between shards carry what a gate meant when they left.
  std::deque<std::uint8_t> free_gates_;
  TimerId timer_ = kNoTimer;
  std::set<std::pair<Identifier, Identifier>> unkept_;  // of attested_, not stored yet
  TimerId keep_timer_ = kNoTimer;
};

}  // namespace weir::control
