// Identities as the small numbers that shards compare. A number lives as long as somebody holds it
// (an open channel, an outlet's list), and is never used again.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/check.h"
#include "control/identity/identifier.h"
#include "dataplane/contract.h"

namespace weir::control {

class Principals {
 public:
  PrincipalId acquire(const Identifier& id) {
    auto [it, fresh] = by_identifier_.try_emplace(id);
    if (fresh) {
      it->second.id = ++last_;
      CHECK(last_ != 0);
      identifiers_.emplace(last_, id);
    }
    ++it->second.holders;
    return it->second.id;
  }
  void release(PrincipalId principal) {
    const auto name = identifiers_.find(principal);
    if (name == identifiers_.end()) return;
    const auto it = by_identifier_.find(name->second);
    if (--it->second.holders != 0) return;
    by_identifier_.erase(it);
    identifiers_.erase(name);
  }
  std::optional<Identifier> identifier(PrincipalId principal) const {
    const auto it = identifiers_.find(principal);
    if (it == identifiers_.end()) return std::nullopt;
    return it->second;
  }
  // kNoPrincipal: no channel's peer.
  PrincipalId find(const Identifier& id) const {
    const auto it = by_identifier_.find(id);
    return it == by_identifier_.end() ? kNoPrincipal : it->second.id;
  }
  std::size_t size() const { return identifiers_.size(); }

 private:
  struct Entry {
    PrincipalId id = kNoPrincipal;
    std::uint32_t holders = 0;
  };
  std::unordered_map<Identifier, Entry> by_identifier_;
  std::unordered_map<PrincipalId, Identifier> identifiers_;
  PrincipalId last_ = kNoPrincipal;
};

}  // namespace weir::control
