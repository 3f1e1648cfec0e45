// Secure channels as fast as asked for: the mode `handshake`.
//
// One operation is a whole XX handshake on a connection that stays, an echo through the new
// channel, and its Close. Nothing in the protocol confirms message 3 (docs/spec/02 section 5.3), so
// the echo's answer is what shows that the target has completed the handshake.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/load/connection.h"
#include "tools/load/mode.h"
#include "tools/load/tunnel.h"

namespace weir::load {

class HandshakesMode final : public Mode, public TunnelUser {
 public:
  explicit HandshakesMode(const ModeContext& context);

  Status start() override;
  bool ready() const override;
  std::string broken() const override;
  bool operate(std::uint64_t intended_ns) override;
  std::uint64_t outstanding() const override { return outstanding_; }
  void forget_outstanding() override;

 private:
  struct Operation {
    std::unique_ptr<Tunnel> tunnel;
    std::uint32_t lane = 0;
    std::uint64_t intended_ns = 0;
    bool busy = false;
  };
  struct Lane {
    std::unique_ptr<Connection> connection;
    std::vector<std::uint32_t> free;  // operations that are not busy
    std::uint32_t busy = 0;
  };

  Operation& take(std::uint32_t lane);
  void release(Tunnel& tunnel);
  void tunnel_ready(Tunnel& tunnel) override;
  void tunnel_message(Tunnel& tunnel, MutableByteSpan payload) override;
  void tunnel_lost(Tunnel& tunnel, const char* why) override;

  ModeContext context_;
  TunnelPlan plan_;
  std::vector<Operation> operations_;
  std::vector<Lane> lanes_;
  std::uint32_t next_lane_ = 0;
  std::uint64_t outstanding_ = 0;
};

}  // namespace weir::load
