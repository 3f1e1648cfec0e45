// Messages that come back or go through: the modes `message`, `relay` and `idle`.
//
// A flow is a tunnel to a worker that answers (message), a pair of tunnels with a relay between
// them (relay: the receiver registers, the sender sends to forward_to_NAME), or a tunnel that may
// have a relay of its own (idle). Operations go round over all flows that are up. The first eight
// bytes of a payload say when the message was due; shorter ones are counted in order per flow.
//
// Nothing tells an initiator that its message 3 was taken, and a real Ockam loses one now and then
// (its database is locked while another new identity is stored): a flow with channels is up when a
// first message has been answered, and is set up again while none is.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tools/load/connection.h"
#include "tools/load/mode.h"
#include "tools/load/tunnel.h"

namespace weir::load {

class FlowsMode final : public Mode, public TunnelUser {
 public:
  explicit FlowsMode(const ModeContext& context);

  Status start() override;
  bool ready() const override { return ready_flows_ == flows_.size(); }
  std::string broken() const override { return broken_; }
  std::uint32_t set_up() const override { return ready_flows_; }
  bool operate(std::uint64_t intended_ns) override;
  std::uint64_t outstanding() const override { return outstanding_; }
  void forget_outstanding() override;
  void finish(Stats& stats) override;
  std::uint64_t tick(std::uint64_t now_ns) override;

 private:
  struct Flow {
    std::unique_ptr<Tunnel> sender;
    std::unique_ptr<Tunnel> receiver;  // relay only
    std::deque<std::uint64_t> due;     // without stamps: what is on its way
    std::uint64_t opened_ns = 0;       // the last time
    std::uint32_t tries = 0;
    bool up = false;
  };
  struct Watched {
    std::uint32_t flow;
    std::uint64_t opened_ns;
  };

  void add_flows(std::uint32_t count, std::uint32_t connections);
  std::string relay_name(std::uint32_t flow) const;
  void open_more();
  void open(std::uint32_t number);
  void flow_up(Flow& flow);
  void tunnel_ready(Tunnel& tunnel) override;
  void tunnel_message(Tunnel& tunnel, MutableByteSpan payload) override;
  void tunnel_lost(Tunnel& tunnel, const char* why) override;

  ModeContext context_;
  bool paired_;
  bool stamped_;
  bool self_relay_;  // idle with relays: a flow sends to itself
  bool has_channels_ = false;
  TunnelPlan sender_plan_;
  TunnelPlan receiver_plan_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Flow> flows_;
  std::deque<Watched> watched_;  // not up yet, by the time they were opened
  std::uint32_t next_to_open_ = 0;
  std::uint32_t opening_ = 0;
  std::uint32_t ready_flows_ = 0;
  std::uint32_t next_flow_ = 0;
  std::uint64_t outstanding_ = 0;
  bool started_ = false;
  std::string broken_;
};

}  // namespace weir::load
