// Policies: who may use what on one node. Holds the policies in effect, read once and compiled, and
// decides by them (spec/04 §9.1, §9.2, §9.5): the policy of the resource's name, else that of its
// type, else deny.
//
// decide() is pure: no I/O, the same answer until a change. Who installs answers as gates listens
// to on_change() and asks again. Control thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/identity/credential.h"
#include "control/policy/evaluate.h"
#include "control/policy/expression.h"
#include "control/policy/resource.h"
#include "control/store/records.h"

namespace weir {

class PolicyTable;  // control/store/knowledge.h

// Who wants to send to what, or is about to be sent something by it.
struct AccessRequest {
  std::string_view resource;  // its name
  std::optional<ResourceType> type;
  std::optional<Identifier> subject;  // the peer of the innermost channel; unset: denied
  // Of its credential, verified and not expired; null: it has none.
  const AttributeMap* attributes = nullptr;
  // Whether an authority is known whose credentials count. Without one, subject.has_credential is
  // not set, and a type's default policy allows everybody.
  bool authority = true;
  std::string_view action = kActionHandleMessage;
};

struct Decision {
  enum class Source : std::uint8_t {
    kNone,          // there is no policy: denied
    kResource,      // the policy of the resource's name
    kResourceType,  // the policy of its type
    kNoAuthority,   // nobody has set a policy, and there is no authority: allowed
    kGiven,         // an expression that is not stored
  };
  bool allow = false;
  Source source = Source::kNone;
  std::string policy = {};      // the name or the type it is stored for
  std::string expression = {};  // canonical; empty if there is none
  std::string reason = {};      // one line for the operator
};

struct Policy {
  PolicyScope scope = PolicyScope::kResource;
  std::string subject;  // a resource name, or a type's text
  std::string text;     // canonical, as stored
  // Unset: what is stored cannot be read (another version wrote it). It denies.
  std::optional<Expr> expr;
};

// `(= subject.has_credential true)`
Expr default_type_policy();

// By an expression that need not be stored. `trace` may be null.
Decision decide_by(const Expr& expr, const AccessRequest& request, Trace* trace = nullptr);

class Policies {
 public:
  // `table` may be null (nothing persists); else it must outlive this.
  Policies(std::string node_name, PolicyTable* table)
      : node_name_(std::move(node_name)), table_(table) {}
  Policies(const Policies&) = delete;
  Policies& operator=(const Policies&) = delete;

  // Reads what is stored, and gives each type that has no policy the default one (in memory: what
  // is stored is what users have set). Unlike Ockam's, a type's policy that a user has set survives
  // a restart. Until then everything is denied.
  Status load();

  // Replaces. kInvalid when the canonical text does not read back (identifiers that are no words,
  // no operator in front).
  Status put(PolicyScope scope, const std::string& subject, const Expr& expr);
  // Removing what is not there is no error. A type without policy is denied until the next start.
  Status remove(PolicyScope scope, const std::string& subject);
  const Policy* find(PolicyScope scope, std::string_view subject) const;
  // The policy that decides: of the resource's name, else of its type.
  const Policy* in_effect(const AccessRequest& request) const;
  // Names first, each in order of the text.
  std::vector<Policy> list() const;

  // `trace` may be null.
  Decision decide(const AccessRequest& request, Trace* trace = nullptr) const;

  // Called after every change, in the order of registration.
  void on_change(std::function<void()> changed) { changed_.push_back(std::move(changed)); }

 private:
  using Key = std::pair<PolicyScope, std::string>;

  void notify() const;

  std::string node_name_;
  PolicyTable* table_;
  std::map<Key, Policy> policies_;
  std::vector<std::function<void()>> changed_;
};

}  // namespace weir
