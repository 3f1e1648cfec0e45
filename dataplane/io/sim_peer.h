// A remote program for tests of a shard: connects to it, or is connected to, in virtual time,
// without a shard of its own. Everything is polled by the test after the network has advanced.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dataplane/io/sim_network.h"

namespace weir {

class SimPeer final : public SimParty {
 public:
  explicit SimPeer(SimNetwork& network) : network_(network) {}
  ~SimPeer() override;
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;

  // A listener on a fresh loopback port, or on `address`. CHECKs that the address is free.
  SimEnd listen(SocketAddress& bound, const SocketAddress& address = SocketAddress::v4_loopback(0));
  // The next connection that the listener got; -1 if there is none (yet).
  SimEnd accept(SimEnd listener);
  SimEnd connect(const SocketAddress& address);
  // 0 connected, -EINPROGRESS, or why not.
  std::int32_t connect_outcome(SimEnd end) const { return network_.connect_outcome(end); }

  // Bytes taken (the window may be full) or -errno.
  std::int32_t send(SimEnd end, ByteSpan bytes);
  // What has arrived, at most `limit_bytes`: a slow reader simply reads less. `result` (if given)
  // is 0 at the end of the stream, -errno after a reset, -EAGAIN if there is just nothing now.
  Bytes receive(SimEnd end, std::size_t limit_bytes = ~std::size_t{0},
                std::int32_t* result = nullptr);
  void shutdown_send(SimEnd end) { network_.shutdown_send(end); }
  void close(SimEnd end, bool reset = false);

  void on_edge(std::uint32_t, unsigned) override {}

 private:
  SimEnd keep(SimEnd end);

  SimNetwork& network_;
  std::vector<SimEnd> open_;
};

}  // namespace weir
