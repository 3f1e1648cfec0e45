// What the conformance tests of Io run in: a back end, two or more hosts, and a way to let time
// pass.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dataplane/io/io.h"
#include "dataplane/io/sim_network.h"
#include "dataplane/shard/buffer_pool.h"

namespace weir::io_test {

class World {
 public:
  virtual ~World() = default;
  virtual std::unique_ptr<Io> make(BufferPool& pool) = 0;
  // One reap that may wait a moment; in the simulator time moves when nothing is due.
  virtual std::size_t reap(Io& io, std::span<IoEvent> events) = 0;
  virtual bool is_simulated() const = 0;
  // Pool buffers that the back end may keep ready for receives (not per socket).
  virtual std::size_t buffers_lent_max() const = 0;
};

struct Backend {
  std::string name;
  std::function<std::unique_ptr<World>()> make_world;
};
inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
// All that this machine can run; each of uring's fallbacks counts as a back end of its own.
const std::vector<Backend>& backends();

inline constexpr BufferLimits kPlenty = {{256, 64, 16, 0}};

// One Io with a pool, remembering what happened by the `user` value of the socket.
class Host {
 public:
  explicit Host(World& world, const BufferLimits& limits = kPlenty)
      : pool(limits), io(world.make(pool)), world_(world) {}

  // Called for each event; without one, events are kept in `seen`.
  std::function<void(const IoEvent&)> on_event;
  std::vector<IoEvent> seen;

  void pump();
  // The first kept event of this kind and user, taken out of `seen`; nullptr while there is none.
  const IoEvent* find(IoEventKind kind, std::uint64_t user) const;
  std::size_t count(IoEventKind kind) const;
  void forget() { seen.clear(); }

  BufferPool pool;
  std::unique_ptr<Io> io;

 private:
  World& world_;
};

// Pumps the hosts in turn until `done`; false after `limit_ms` of real time.
bool pump_until(std::vector<Host*> hosts, const std::function<bool()>& done, int limit_ms = 20'000);

// The byte at this position of the test stream.
inline std::uint8_t pattern(std::uint64_t position) {
  return static_cast<std::uint8_t>((position * 0x9e3779b97f4a7c15) >> 56);
}
Bytes pattern_bytes(std::uint64_t position, std::size_t count);
// How many of these bytes, from the first on, are those of the stream at this position.
std::size_t matching(ByteSpan bytes, std::uint64_t position);

}  // namespace weir::io_test
