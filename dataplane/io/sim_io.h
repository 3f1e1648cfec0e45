// The Io of one simulated shard. reap() never blocks: it hands over what is due at the current
// virtual time, and remembers the deadline that it was asked for, so that a driver knows how far
// time may move:
//
//   for (;;) {
//     bool busy = false;
//     for (auto& shard : shards) busy |= shard.run_once();   // until nobody has events
//     if (!busy) network.step(earliest deadline of the shards);
//   }
#pragma once

#include <memory>
#include <vector>

#include "dataplane/io/internal/readiness_io.h"
#include "dataplane/io/io.h"
#include "dataplane/io/sim_network.h"

namespace weir {
namespace io_internal {

class SimNet final : public SimParty {
 public:
  static constexpr const char* kName = "sim";
  static constexpr bool kBlocks = false;

  explicit SimNet(SimNetwork& network) : network_(network) {}

  Result<int> listen(const SocketAddress& address, SocketAddress& bound);
  Result<int> connect(const SocketAddress& address, const SocketOptions& options,
                      std::int32_t& progress);
  std::int32_t connect_outcome(int end) { return network_.connect_outcome(end); }
  void apply(int, const SocketOptions&) {}
  int accept(int listener, SocketAddress& peer) { return network_.accept(listener, peer); }
  std::int32_t send(int end, std::span<const iovec> vectors, std::size_t skip) {
    return network_.send(end, vectors, skip);
  }
  std::int32_t receive(int end, MutableByteSpan into) { return network_.receive(end, into); }
  void limit_unsent(int, std::uint32_t) {}  // it takes nothing that it cannot send
  void shutdown_send(int end) { network_.shutdown_send(end); }
  void close(int end, bool reset) { network_.close(end, reset); }
  bool watch(int end, SocketId id, bool listener);
  template <typename Note>
  bool wait(std::uint64_t, Note note) {
    const std::vector<Edge> edges = std::exchange(edges_, {});
    for (const Edge& edge : edges) note(edge.id, edge.edges);
    return std::exchange(woken_, false);
  }
  void wake() { woken_ = true; }
  std::uint64_t now_ns() const { return network_.now_ns(); }

  void lose_all() { network_.lose_all_of(*this); }

  void on_edge(std::uint32_t token, unsigned edges) override { edges_.push_back({token, edges}); }
  bool has_edges() const { return !edges_.empty() || woken_; }

 private:
  struct Edge {
    SocketId id;
    unsigned edges;
  };
  SimNetwork& network_;
  std::vector<Edge> edges_;
  bool woken_ = false;
};

}  // namespace io_internal

class SimIo final : public io_internal::ReadinessIo<io_internal::SimNet> {
 public:
  SimIo(BufferPool& pool, SimNetwork& network) : ReadinessIo(pool, network) {}

  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override {
    deadline_ns_ = deadline_ns;
    return ReadinessIo::reap(events, deadline_ns);
  }

  // The next reap() may have events without time moving on.
  bool is_due() const { return net().has_edges() || has_due(); }
  // Power failure: the other ends hear nothing any more.
  void lose_all() { net().lose_all(); }
  // Until when the last reap() would have waited (0: not at all; UINT64_MAX: for ever).
  std::uint64_t deadline_ns() const { return std::min(deadline_ns_, resume_ns()); }

 private:
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace weir
