// One simulated machine: a disk, a wall clock and an identity that survive, and a node (both
// planes) that can be killed and started again from what the disk kept.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/identity/identities.h"
#include "control/node/node.h"
#include "control/node/system_resolver.h"
#include "control/store/fault_vfs.h"
#include "control/store/state.h"
#include "control/vault/identity_adapters.h"
#include "control/vault/vault.h"
#include "tests/sim/planted_io.h"
#include "tests/sim/scenario.h"

namespace weir::sim {

// Something with turns: a shard's thread or a control thread. When it has work it waits for its
// CPU (ready_ns), then takes one turn.
class Thread {
 public:
  virtual ~Thread() = default;
  virtual bool is_due() const = 0;
  // When it wants a turn by itself; UINT64_MAX: never.
  virtual std::uint64_t deadline_ns() const = 0;
  virtual void turn() = 0;
  std::uint64_t ready_ns = 0;  // 0: not waiting for a CPU
};

// Control's end of one shard's rings; small rings, so that full ones happen.
class RingPort final : public ShardPort {
 public:
  RingPort(ShardRings& rings, std::function<void()> wake) : rings_(rings), wake_(std::move(wake)) {}
  void send(Command command) override;
  bool poll(Event& event) override;

 private:
  void push();
  ShardRings& rings_;
  std::function<void()> wake_;
  std::deque<Command> waiting_;
};

class ShardThread final : public Thread {
 public:
  ShardThread(SimNetwork& network, Plant& plant, Clock& clock, std::uint64_t seed,
              const ShardConfig& config, bool openssl, std::uint32_t ring_slots,
              std::function<void()> wake_control, std::vector<Shard::Peer> peers);
  bool is_due() const override { return io.is_due() || deadline_ns() <= network_.now_ns(); }
  std::uint64_t deadline_ns() const override;
  void turn() override;

  BufferPool pool;
  SimIo io;

 private:
  SimNetwork& network_;
  std::uint64_t last_turn_ns_ = 0;
  PlantedIo planted_;
  SeededRng rng_;
  std::unique_ptr<Aead> aead_;

 public:
  ShardRings rings;
  Shard shard;
  RingPort port;
};

// What of a node must come back to where it was.
struct Census {
  std::size_t workers = 0;
  std::size_t links = 0;
  std::size_t channels = 0;
  std::size_t streams = 0;
  std::size_t buffers = 0;
  friend bool operator==(const Census&, const Census&) = default;
  std::string to_string() const;
};

class Host {
 public:
  using Log = std::function<void(const std::string& line)>;
  Host(SimNetwork& network, const Scenario& scenario, Plant& plant, HostRole role, Log log);
  ~Host();

  // Starts the node; false where the disk does not let it (worth trying again). `restore`: with
  // what the disk knows.
  bool boot(bool restore);
  // Everything of the process is gone at once.
  enum class Crash : std::uint8_t { kProcess, kPower };
  void crash(Crash how, std::uint32_t choice);
  // Orderly: the node says good-bye; the shards stop with the second call, crash() ends it.
  void shut_down();
  void stop_shards();

  bool is_up() const { return running_ != nullptr; }
  bool is_started() const;
  Node& node();
  std::vector<Thread*> threads();
  Census census() const;
  // What its shards dropped, by reason, on one line; empty if nothing.
  std::string drops() const;
  // Its connections and streams as they stand, a line each.
  std::vector<std::string> dump() const;
  // Throws Failure when a queue is above its bound.
  void check_bounds() const;

  const HostRole role;
  const std::string name;
  FaultVfs disk;
  SimClock clock;
  SocketAddress listener;
  Identifier id;
  std::uint32_t starts = 0;

 private:
  struct Running;
  SimNetwork& network_;
  const Scenario& scenario_;
  Plant& plant_;
  Log log_;
  SeededRng rng_;
  std::unique_ptr<Running> running_;
};

}  // namespace weir::sim
