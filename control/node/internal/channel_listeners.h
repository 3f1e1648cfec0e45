// Secure channel listeners and the responder side of handshakes (spec/02 section 4, spec/04 3.4).
//
// Any message to a listener is a message 1. A stranger costs us a key agreement and a half-open
// handshake, so those are bounded: per connection (over it, message 1 is dropped), over all
// connections (over it, the oldest of the connection with the most gives way), in time, and in CPU
// time: over the configured share (handshake_share.h) messages wait in a fair, bounded queue
// (handshake_queue.h). Our own handshakes with others never wait.
//
// What waits holds its connection's credit, and so does what was dropped for a moment: a peer that
// sends too much is not read, and dropping costs a bounded time. Connections that this node made
// are excepted: strangers behind a relay must not stop what else comes from there.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/node/internal/channels.h"
#include "control/node/internal/handshake_queue.h"
#include "control/node/internal/handshake_share.h"
#include "control/node/internal/links.h"

namespace weir::control {

class ChannelListeners {
 public:
  ChannelListeners(NodeCore& core, WorkerTable& workers, Links& links, Channels& channels)
      : core_(core),
        workers_(workers),
        links_(links),
        channels_(channels),
        share_(core.config.handshake_share_percent) {}

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

  // A first handshake message for the listener at `address`. True: its credit is kept.
  bool on_message1(const std::string& address, MessageEvent& message);

 private:
  struct Half {
    std::unique_ptr<Responder> responder;
    Channel channel;
    wire::Route peer;  // return route of message 1
    LinkId link;
    TimerId timer = kNoTimer;
  };
  // Handlers: true when the message's credit is kept.
  bool on_message3(ControlId id, MessageEvent& message);
  // Now, or when there is a share for it. `due` has the listener or the id, not the message.
  bool admit(HandshakeLine line, WaitingHandshake due, MessageEvent& message);
  void work(HandshakeLine line, WaitingHandshake& due);
  void work_off();
  void wait_for_share();
  void left_queue(const LinkId& link);
  void answer(const std::string& address, MessageEvent& message);
  void finish(ControlId id, MessageEvent& message);
  // Gives the credit back, late; false when there is none to give.
  bool refuse(const LinkId& link);
  void give_credits_later();
  HandshakeSource source_of(const LinkId& link) const;
  bool over_link_limit(const LinkId& link) const;
  bool make_room(const LinkId& link);
  void drop(ControlId id);
  Half* forget(ControlId id, Half& out);

  NodeCore& core_;
  WorkerTable& workers_;
  Links& links_;
  Channels& channels_;
  HandshakeShare share_;
  HandshakeQueue queue_;
  KnownSources known_sources_;
  TimerId share_timer_ = kNoTimer;
  std::map<LinkId, std::uint32_t, LinkOrder> waiting_of_ours_;  // on connections that we made
  std::deque<LinkId> late_credits_;  // at most kMessageCredit for each connection
  TimerId credit_timer_ = kNoTimer;
  std::map<std::string, Listener> listeners_;
  std::map<ControlId, Half> responders_;
  std::map<LinkId, std::deque<ControlId>, LinkOrder> by_link_;  // oldest first
};

}  // namespace weir::control
