// From a MultiAddr to a route that works (spec/01 10.4): the TCP connection and the secure channels
// that it names are made, one after the other, and belong to the Connection.
//
// Differences that no peer sees: two transport pairs are refused before the first connect; channels
// directly behind each other work; a failed or cancelled attempt closes what it had made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/node/internal/channels.h"
#include "control/node/internal/links.h"

namespace weir::control {

struct ConnectOptions {
  std::optional<Identifier> identity = {};
  std::optional<std::vector<Identifier>> authorized = {};
  std::uint64_t channel_timeout_ms = 120'000;  // of each channel
  std::uint64_t link_timeout_ms = 15'000;
  // Hops become consumers too (relays and `tcp-connection create`, spec/04 3.4).
  bool open_for_hops = false;
  bool present_credential = true;
};

// For attempts of a session, by the number of attempts in a row that nobody answered.
inline std::uint64_t link_timeout_ms(unsigned timeouts) {
  return 2'000ULL << (timeouts < 3 ? timeouts : 3);
}

struct Connection {
  ControlId id = 0;
  wire::Route route;       // what the MultiAddr comes to
  wire::Route ping_route;  // to the node at its end: `echo` is reached by one more hop
  FlowId flow = kNoFlow;   // of the last connection or channel made
  std::optional<LinkId> link;
  std::vector<ControlId> channels;  // in order of creation
};

// `/a/../service/api` as `/a/../secure/api`: a channel with the listener there.
Result<wire::MultiAddr> secured(const wire::MultiAddr& listener);

class Connections {
 public:
  Connections(NodeCore& core, WorkerTable& workers, Links& links, Channels& channels)
      : core_(core), workers_(workers), links_(links), channels_(channels) {}

  // `lost` (may be null) is called once when the connection or one of the channels ends by itself;
  // the Connection must then still be closed. Returns the id, for close.
  ControlId open(const wire::MultiAddr& to, ConnectOptions options, Done<Connection> done,
                 std::function<void(const std::string& why)> lost);
  // Ends a connection, or an attempt whose `done` is then not called.
  void close(ControlId id);

  void on_link_ended(const Link& link);
  void on_channel_ended(const Channel& channel, const char* why);

  // The hops of this node, which some connections open themselves for.
  std::set<WorkerAddress> hops;
  std::size_t size() const { return open_.size(); }

 private:
  struct Open {
    Connection connection;
    ConnectOptions options;
    std::vector<wire::MultiAddrPart> rest;
    std::optional<Identifier> project;      // who must be at the end of the next channel
    std::vector<wire::MultiAddrPart> path;  // done so far, transports and channels as services
    Done<Connection> done;                  // null when finished
    std::function<void(const std::string& why)> lost;
    ControlId connecting = 0;  // attempt in flight at links_ or channels_
  };
  void advance(ControlId id);
  // Puts the project's route in the place of its name.
  Status expand_project(Open& open, const std::string& name);
  void connect(ControlId id, const wire::TransportHop& hop);
  void secure(ControlId id, const std::string& listener);
  void finish(ControlId id);
  void fail_open(ControlId id, Error error);
  bool is_terminal(const std::string& address) const;
  void report_lost(ControlId id, const std::string& why);

  NodeCore& core_;
  WorkerTable& workers_;
  Links& links_;
  Channels& channels_;
  std::map<ControlId, Open> open_;
};

}  // namespace weir::control
