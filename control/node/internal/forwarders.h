// Forwarders (spec/09 section 2): workers that pass what the TCP listener's peers send them on to
// one other node, over one connection that is dialled again when it was lost. Frames pass in the
// data plane (kForwarder); while there is no connection the address is a control worker that dials
// on first use and keeps the few messages that come meanwhile.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "control/node/internal/links.h"

namespace weir::control {

inline constexpr std::uint64_t kForwarderIdleMs = 600'000;
inline constexpr std::uint64_t kForwarderCheckMs = 60'000;
inline constexpr std::size_t kForwarderWaitingMax = 16;
inline constexpr std::uint64_t kForwarderWaitMsMax = 5'000;

class Forwarders {
 public:
  Forwarders(NodeCore& core, WorkerTable& workers, Links& links)
      : core_(core), workers_(workers), links_(links) {}
  ~Forwarders();

  // Connects before it answers, so that a wrong target is seen at once. The same target (text)
  // gives the same forwarder.
  void create(const std::string& target, Done<ForwarderInfo> done);
  std::vector<ForwarderInfo> list() const;
  Status remove(const std::string& address);
  void on_link_ended(const Link& link);
  // Of the Report that check() asked for: how many frames each connection has carried.
  void on_links(const std::vector<LinkInfo>& links);

 private:
  struct Forwarder {
    WorkerAddress address;
    wire::HostnamePort target;
    ShardId shard = 0;
    std::optional<LinkId> link;
    ControlId connecting = 0;
    std::uint64_t last_used_ns = 0;
    std::uint64_t frames = 0;
    std::uint64_t retry_ns = 0;  // not before
    unsigned failures = 0;
    std::deque<MessageEvent> waiting;
    std::vector<Done<ForwarderInfo>> answers;
  };
  void dial(const WorkerAddress& address);
  void connected(const WorkerAddress& address, Result<Link> link);
  void wait_for_use(const WorkerAddress& address);
  void check();
  ForwarderInfo info(const Forwarder& forwarder) const;

  NodeCore& core_;
  WorkerTable& workers_;
  Links& links_;
  std::map<WorkerAddress, Forwarder> forwarders_;
  TimerId check_timer_ = kNoTimer;
};

}  // namespace weir::control
