// An Io that does one thing wrong, once: the proof that the simulator finds what it is there to
// find (sim.planted_fault). It sits between a shard and its SimIo; without a plant it only passes
// on.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "dataplane/io/sim_io.h"
#include "dataplane/shard/shard.h"

namespace weir::sim {

struct Plant {
  enum class Kind : std::uint8_t {
    kNone,
    kDrop,  // the last byte of a read is forgotten
    kFlip,  // a byte of a read is changed
    kLeak,  // the buffer of a read is never given back
    kLose,  // a read is swallowed with its data: nobody reads that application again
  };
  Kind kind = Kind::kNone;
  std::uint32_t nth = 0;  // of the reads from applications, over all hosts
  std::uint32_t seen = 0;
  bool done = false;

  // "flip=10"; nullopt if it is no such thing.
  static std::optional<Plant> parse(std::string_view text);
};

class PlantedIo final : public Io {
 public:
  PlantedIo(SimIo& io, BufferPool& pool, Plant& plant) : io_(io), pool_(pool), plant_(plant) {}

  const char* name() const override { return io_.name(); }
  Result<SocketId> listen(const SocketAddress& address, std::uint64_t user,
                          SocketAddress& bound) override {
    return io_.listen(address, user, bound);
  }
  void set_accepting(SocketId id, bool accepting) override { io_.set_accepting(id, accepting); }
  Result<SocketId> connect(const SocketAddress& address, std::uint64_t user,
                           const SocketOptions& options) override {
    return io_.connect(address, user, options);
  }
  Result<SocketId> adopt(NativeSocket socket, std::uint64_t user,
                         const SocketOptions& options) override {
    return io_.adopt(socket, user, options);
  }
  void discard(NativeSocket socket) override { io_.discard(socket); }
  void receive_any(SocketId id, BufferClass size_class) override {
    io_.receive_any(id, size_class);
  }
  void receive_into(SocketId id, MutableByteSpan into) override { io_.receive_into(id, into); }
  std::int32_t send(SocketId id, std::span<const iovec> vectors, std::size_t keep) override {
    return io_.send(id, vectors, keep);
  }
  void limit_unsent(SocketId id, std::uint32_t bytes) override { io_.limit_unsent(id, bytes); }
  void shutdown_send(SocketId id) override { io_.shutdown_send(id); }
  void close(SocketId id, bool reset) override { io_.close(id, reset); }
  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override;
  void wake() override { io_.wake(); }

 private:
  // False: the event is to vanish.
  bool apply(IoEvent& event);

  SimIo& io_;
  BufferPool& pool_;
  Plant& plant_;
};

}  // namespace weir::sim
