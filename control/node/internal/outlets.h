// TCP outlets (spec/05 section 11): a named worker of the data plane that dials a target. Control
// resolves the target's name, so that no stream waits for DNS: at once, and again when a shard says
// that it dialled an answer older than 30 s. That one still served the stream; an outlet that
// nobody uses asks nothing. Only a name without any answer so far is asked for unasked, ever more
// rarely.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/node/internal/rights.h"
#include "control/node/internal/store.h"
#include "control/node/internal/workers.h"

namespace weir::control {

inline constexpr std::uint32_t kOutletResolveMs = 30'000;
inline constexpr std::uint32_t kOutletResolveRetryMs = 3'000;
inline constexpr std::uint32_t kOutletResolveRetryMsMax = 300'000;

class Outlets {
 public:
  Outlets(NodeCore& core, WorkerTable& workers, ResourceKeeper& keeper, Rights& rights)
      : core_(core), workers_(workers), keeper_(keeper), rights_(rights) {}
  ~Outlets();

  // Done when the first resolution has ended, well or not: creating an outlet does not touch the
  // target.
  void create(const OutletRequest& request, Done<OutletStatus> done);
  std::vector<OutletStatus> list() const;
  Result<OutletStatus> show(const std::string& address) const;
  Result<OutletStatus> remove(const std::string& address);
  // Called with the address that was chosen, before the outlet exists.
  std::function<Status(const std::string& address, const Expr& policy)> set_policy;
  void restore();
  bool on_stream_ended(const StreamEnded& event);
  void on_stale(const OutletStale& event);
  // This identity has lost a right: its streams end where it may not be any more.
  void end_streams_of(PrincipalId principal);

 private:
  struct Outlet {
    ControlId id = 0;
    std::string address;
    OutletRequest request;
    std::vector<PrincipalId> authorized;
    TimerId timer = kNoTimer;  // while its name has had no answer
    std::uint32_t retry_ms = kOutletResolveRetryMs;
    bool opened = false;
    bool resolved = false;   // at least once
    bool resolving = false;  // now
  };
  void resolve(ControlId id, Done<OutletStatus> done);
  void keep(const Outlet& outlet);
  void open(Outlet& outlet, std::vector<SocketAddress> targets);
  OutletStatus status(const Outlet& outlet) const;
  static Error not_found(const std::string& address);

  NodeCore& core_;
  WorkerTable& workers_;
  ResourceKeeper& keeper_;
  Rights& rights_;
  std::map<ControlId, Outlet> outlets_;
  std::map<std::string, ControlId> by_address_;
};

}  // namespace weir::control
