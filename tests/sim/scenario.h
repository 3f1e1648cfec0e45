// What one seed stands for: everything that a run draws beforehand, so that it can be printed in
// full when the run fails. What is drawn during a run (delays, short reads) follows from the seed
// and these parameters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "dataplane/io/sim_network.h"
#include "dataplane/limits.h"

namespace weir::sim {

// Chains of nodes from the client to the server.
enum class Topology : std::uint8_t {
  kDirect,         // inlet - outlet, one channel
  kRelay,          // inlet - relay - outlet; the relay sees ciphertext only
  kRelayChannels,  // the relay ends channels to both; one more runs end to end inside
  kCount
};

enum class HostRole : std::uint8_t { kInlet, kRelay, kOutlet };
inline constexpr int kHosts = 3;

enum class FaultKind : std::uint8_t {
  kResetLink,   // a transport connection is reset at both ends
  kLoseLink,    // a transport connection is lost without a word
  kCutLink,     // the listener at the middle cannot be reached for a while
  kKill,        // kill -9, started again after a while: sockets close, everything written survives
  kPowerLoss,   // sockets are silent, what was not synced may be gone
  kShutdown,    // orderly stop and start
  kDiskFull,    // writes fail for a while
  kClockJump,   // the wall clock of one host jumps, and back when the faults are over
  kTargetDown,  // the server is not listening for a while
  kExtraInlet,  // the operator makes a second inlet and deletes it after a while
  kCount
};

struct Fault {
  FaultKind kind = FaultKind::kResetLink;
  std::uint64_t at_ms = 0;   // since the rough phase began
  std::uint64_t for_ms = 0;  // how long it lasts, where it lasts
  HostRole host = HostRole::kRelay;
  std::int64_t seconds = 0;  // of a clock jump
  std::uint32_t choice = 0;  // which connection; how the disk survives
};

enum class Abort : std::uint8_t { kNone, kClientResets, kServerResets, kClientCloses };

struct StreamPlan {
  std::uint64_t start_ms = 0;       // since its phase began
  std::uint64_t bytes[2] = {0, 0};  // client to server (at least 8: its number), and back
  std::uint64_t respond_after = 8;  // bytes that the server reads before it writes
  bool fin_after_answer = false;    // the client half-closes only when it has read everything
  std::uint32_t read_chunk[2] = {65536, 65536};  // client, server: at most so much at once ...
  std::uint64_t read_pause_us[2] = {0, 0};       // ... then this pause
  std::uint64_t read_first_ms[2] = {0, 0};       // reads nothing this long at the beginning
  Abort abort = Abort::kNone;
  std::uint64_t abort_at = 0;  // bytes that the aborting side has sent (or read)
};

// What an operator does at the inlet's host meanwhile: a message to `echo` of the outlet's host by
// the inlet's way, or a secure channel there that is used and deleted.
struct Act {
  std::uint64_t at_ms = 0;
  bool by_channel = false;
  std::uint32_t bytes = 0;
};

struct Scenario {
  std::uint64_t seed = 0;
  Topology topology = Topology::kDirect;
  std::uint32_t shards[kHosts] = {1, 1, 1};
  bool openssl = false;  // portable AEAD instead of the best one
  ShardLimits limits;
  std::uint32_t ring_slots = 256;
  std::uint32_t linger_ms = 10'000;
  // A thread with work waits at most this long for its CPU; now and then much longer.
  std::uint64_t turn_delay_ns_max = 0;
  std::uint64_t preempt_ns_max = 0;
  std::uint32_t preempt = 0;  // per mille of turns
  std::uint64_t rough_ms = 0;
  SimParameters rough;
  SimParameters calm;
  std::vector<Fault> faults;
  std::vector<Act> rough_acts;
  std::vector<Act> calm_acts;
  std::vector<StreamPlan> rough_streams;
  std::vector<StreamPlan> calm_streams;

  static Scenario draw(std::uint64_t seed);
  bool has_relay() const { return topology != Topology::kDirect; }
  // Nothing goes wrong in this one: every stream must end well.
  bool is_clean() const;
  // Many lines, each with its own name.
  std::string to_string() const;
};

const char* fault_name(FaultKind kind);

}  // namespace weir::sim
