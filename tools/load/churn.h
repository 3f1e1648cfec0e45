// Peers that come and go: the mode `churn`. One operation connects, makes what is asked for (a
// channel; a relay in it), sends one message, waits for its answer, and closes everything.
#pragma once

#include <memory>
#include <vector>

#include "tools/load/connection.h"
#include "tools/load/mode.h"
#include "tools/load/tunnel.h"

namespace weir::load {

class ChurnMode final : public Mode, public TunnelUser {
 public:
  explicit ChurnMode(const ModeContext& context);

  Status start() override { return {}; }
  bool ready() const override { return true; }
  bool operate(std::uint64_t intended_ns) override;
  std::uint64_t outstanding() const override { return outstanding_; }
  void forget_outstanding() override;

 private:
  // Open files of one thread: beyond, operations are held back.
  static constexpr std::size_t kOperationsMax = 8192;
  struct Operation {
    std::unique_ptr<Connection> connection;  // outlives the tunnel
    std::unique_ptr<Tunnel> tunnel;
    std::uint64_t intended_ns = 0;
    bool busy = false;
  };

  void release(Operation& operation);
  void tunnel_ready(Tunnel& tunnel) override;
  void tunnel_message(Tunnel& tunnel, MutableByteSpan payload) override;
  void tunnel_lost(Tunnel& tunnel, const char* why) override;

  ModeContext context_;
  TunnelPlan plan_;
  std::vector<std::unique_ptr<Operation>> operations_;
  std::vector<std::uint32_t> free_;
  std::uint64_t relays_ = 0;
  std::uint64_t outstanding_ = 0;
};

}  // namespace weir::load
