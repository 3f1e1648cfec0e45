// Secure channel listeners and the responder side of handshakes (spec/02 section 4, spec/04 3.4).
//
// Any message to a listener is a message 1. A stranger costs us a key agreement and a half-open
// handshake, so those are bounded: per connection (over it, message 1 is dropped), over all
// connections (over it, the oldest of the connection with the most gives way), and in time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/node/internal/channels.h"
#include "control/node/internal/links.h"

namespace weir::control {

class ChannelListeners {
 public:
  ChannelListeners(NodeCore& core, WorkerTable& workers, Channels& channels)
      : core_(core), workers_(workers), channels_(channels) {}

  // Becomes a consumer of the TCP listener; echo, uppercase and itself become consumers of its own
  // id.
  Status add(const ChannelListenerRequest& request);
  Status remove(const std::string& address);
  void on_link_down(const LinkId& id);
  std::size_t half_open() const { return responders_.size(); }

  struct Listener {
    ChannelListenerRequest request;
    FlowId flow = kNoFlow;
  };
  const std::map<std::string, Listener>& all() const { return listeners_; }

 private:
  struct Half {
    std::unique_ptr<Responder> responder;
    Channel channel;
    wire::Route peer;  // return route of message 1
    LinkId link;
    TimerId timer = kNoTimer;
  };
  void on_message1(const std::string& address, MessageEvent& message);
  void on_message3(ControlId id, MessageEvent& message);
  bool make_room(const LinkId& link);
  void drop(ControlId id);
  Half* forget(ControlId id, Half& out);

  NodeCore& core_;
  WorkerTable& workers_;
  Channels& channels_;
  std::map<std::string, Listener> listeners_;
  std::map<ControlId, Half> responders_;
  std::map<LinkId, std::deque<ControlId>, LinkOrder> by_link_;  // oldest first
};

}  // namespace weir::control
