// TCP connections and listeners of this node (spec/04 5.4, spec/01 6.6).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/node/internal/workers.h"

namespace weir::control {

struct LinkOrder {
  bool operator()(const LinkId& a, const LinkId& b) const {
    return std::tie(a.shard, a.index, a.generation) < std::tie(b.shard, b.index, b.generation);
  }
};

struct Link {
  LinkId id;
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  WorkerAddress sender;
  WorkerAddress receiver;
  SocketAddress peer;
  bool outgoing = false;
};

struct ListenerInfo {
  ControlId id = 0;
  WorkerAddress address;
  SocketAddress bound;
  FlowId flow = kNoFlow;
};

class Links {
 public:
  Links(NodeCore& core, WorkerTable& workers) : core_(core), workers_(workers) {}

  // Resolves and connects, addresses in order. `shard`: where the connection shall live. Errors as
  // in spec/01 6.2. Returns a handle for cancel.
  ControlId connect(const std::string& host, std::uint16_t port, std::uint64_t timeout_ms,
                    std::optional<ShardId> shard, Done<Link> done);
  // An attempt that is no longer wanted; what it still makes is closed again.
  void cancel(ControlId attempt);
  void close(const LinkId& id);
  void close_all();

  void listen(const SocketAddress& address, FlowId flow, Done<ListenerInfo> done);
  Status close_listener(const WorkerAddress& address);

  void on_up(const LinkUp& event);
  void on_failed(const ConnectFailed& event);
  void on_down(const LinkDown& event);

  // In the order of shards and their tables.
  std::vector<Link> all() const;
  const std::vector<ListenerInfo>& listeners() const { return listeners_; }
  std::optional<Link> find(const LinkId& id) const;
  // By the peer's socket address, sender or receiver.
  std::optional<Link> find(const std::string& text) const;
  const SocketAddress* peer_of(const LinkId& id) const;
  bool is_outgoing(const LinkId& id) const;
  const ListenerInfo* find_listener(const std::string& text) const;
  TransportInfo info(const Link& link);
  TransportInfo info(const ListenerInfo& listener);

  // Called after a connection is gone from the table, its flow's permissions still in place.
  std::function<void(const Link& link)> ended;

 private:
  struct Attempt {
    FlowId flow = kNoFlow;
    bool connecting = false;  // else still resolving
    Done<Link> done;
  };
  // A connection as it is kept, at its index in its shard's table: there may be very many.
  struct Stored {
    std::uint32_t generation = 0;  // 0: none
    FlowId flow = kNoFlow;
    FlowId spawner = kNoFlow;
    RandomName sender;
    RandomName receiver;
    SocketAddress peer;
    bool outgoing = false;
  };
  void finish(ControlId attempt, Result<Link> result);
  void open_listener(const SocketAddress& address, ListenerInfo listener, Done<ListenerInfo> done);
  const Stored* stored(const LinkId& id) const;
  static Link unpacked(ShardId shard, std::size_t index, const Stored& link);
  // The first for which `matches(shard, index, stored)`.
  template <typename F>
  std::optional<Link> first(F&& matches) const {
    for (std::size_t shard = 0; shard < links_.size(); ++shard) {
      for (std::size_t i = 0; i < links_[shard].size(); ++i) {
        const Stored& link = links_[shard][i];
        if (link.generation == 0 || !matches(link)) continue;
        return unpacked(static_cast<ShardId>(shard), i, link);
      }
    }
    return std::nullopt;
  }

  NodeCore& core_;
  WorkerTable& workers_;
  std::vector<std::deque<Stored>> links_;  // by shard and index
  std::map<ControlId, Attempt> attempts_;
  std::vector<ListenerInfo> listeners_;
};

}  // namespace weir::control
