// Peers that behave badly, as ordinary loads: `flood`, `slow-reader`, `mangle`, `replay`.
//
// Each has lanes (a connection and a tunnel) that are set up again when the target closes them, and
// a bystander: an honest peer that asks echo a hundred times a second meanwhile. What the attack
// does to the bystander is the result. Operations have no answers; with --closed they are sent as
// fast as it goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/load/connection.h"
#include "tools/load/mode.h"
#include "tools/load/tunnel.h"

namespace weir::load {

class Adversary : public Mode, protected TunnelUser {
 public:
  Status start() override;
  bool ready() const override { return ready_; }
  std::string broken() const override { return broken_; }
  bool operate(std::uint64_t intended_ns) override;
  std::uint64_t outstanding() const override { return 0; }
  void forget_outstanding() override {}
  std::uint64_t tick(std::uint64_t now) override;
  void finish(Stats& stats) override;

 protected:
  struct Lane {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<Tunnel> tunnel;
    std::uint64_t retry_ns = 0;   // when a closed one is opened again
    std::uint32_t attacks = 0;    // since it was opened
    std::uint64_t served_ns = 0;  // for slow readers
  };

  Adversary(const ModeContext& context, TunnelPlan plan);
  // The target with echo at its end where nothing is named.
  static TunnelPlan plan_of(const Options& options);

  virtual void attack(Lane& lane, std::uint64_t intended_ns) = 0;
  virtual void lane_ready(Lane&) {}
  virtual void lane_tick(Lane&, std::uint64_t) {}
  virtual void lane_message(Lane&, MutableByteSpan) { ++answers_; }
  // Ends it on purpose; it is set up again at once.
  void renew(Lane& lane);

  ModeContext context_;
  std::vector<Lane> lanes_;
  std::uint64_t answers_ = 0;

 private:
  static constexpr std::uint32_t kBystander = ~std::uint32_t{0};

  void tunnel_ready(Tunnel& tunnel) override;
  void tunnel_message(Tunnel& tunnel, MutableByteSpan payload) override;
  void tunnel_lost(Tunnel& tunnel, const char* why) override;
  void bystander_tick(std::uint64_t now);

  TunnelPlan plan_;
  TunnelPlan bystander_plan_;
  std::unique_ptr<Connection> bystander_connection_;
  std::unique_ptr<Tunnel> bystander_;
  std::uint64_t bystander_next_ns_ = 0;
  std::uint32_t next_lane_ = 0;
  std::uint64_t closed_by_target_ = 0;
  bool renewing_ = false;
  bool ready_ = false;
  std::string broken_;
};

// Null for a mode that is no adversary.
std::unique_ptr<Mode> make_adversary(const ModeContext& context);

}  // namespace weir::load
