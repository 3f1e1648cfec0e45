// What a user asked for, parsed and checked. Shared read-only by all threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/load/party.h"
#include "tools/load/size_mix.h"
#include "tools/load/target.h"

namespace weir::load {

enum class ModeKind : std::uint8_t {
  kMessage,
  kRelay,
  kPortal,
  kHandshake,
  kIdle,
  kChurn,
  // adversaries from here on
  kFlood,
  kSlowReader,
  kMangle,
  kReplay,
};
const char* mode_name(ModeKind kind);
inline bool is_adversary(ModeKind kind) { return kind >= ModeKind::kFlood; }

// What each tunnel of `idle` and `churn` consists of.
enum class TunnelKind : std::uint8_t { kConnection, kChannel, kRelay };
enum class PortalKind : std::uint8_t { kRequest, kBulk, kConnect };

struct SweepOptions {
  double from_per_s = 0;
  double to_per_s = 0;
  double factor = 1.5;
  static Result<SweepOptions> parse(std::string_view text);  // "FROM:TO" or "FROM:TO:FACTOR"
};

struct Options {
  ModeKind mode = ModeKind::kMessage;
  Target target;
  IdentitySeed identity;
  std::optional<MemberSeed> member;  // not set: no credential is shown

  // --- how much, how fast
  double rate_per_s = 0;
  bool poisson = false;
  std::uint32_t closed = 0;  // messages in flight, over all threads; 0: open loop
  std::optional<SweepOptions> sweep;
  std::string sizes_text = "64";
  SizeMix sizes;
  Bytes payload;  // every message carries these bytes; empty: drawn by sizes
  std::uint32_t connections = 1;
  std::uint32_t channels = 0;  // flows; 0: one per connection
  double duration_s = 5;
  double warmup_s = 1;
  double timeout_s = 10;          // for setting up, and for what is lost in the closed loop
  std::vector<int> cores = {-1};  // one thread each; -1: not pinned
  std::uint64_t seed = 1;
  std::uint64_t lag_bound_ns = 500'000;
  std::uint32_t pid = 0;  // of the measured process; 0: not given

  // --- of single modes
  bool secure_sender = true;  // relay
  bool secure_receiver = true;
  TunnelKind tunnel = TunnelKind::kChannel;  // idle, churn
  PortalKind portal = PortalKind::kRequest;
  std::string serve = "127.0.0.1:0";   // portal: where the outlet's target listens
  bool reverse = false;                // portal bulk: from the server to the client
  bool new_identities = false;         // handshake, idle
  std::uint32_t prepare = 0;           // handshake: new identities made before the clock starts
  std::uint64_t read_bytes_per_s = 0;  // slow-reader
  std::uint32_t copies = 3;            // replay
  std::uint32_t bits = 3;              // mangle

  bool json = false;
  bool progress = false;

  std::uint32_t threads() const { return static_cast<std::uint32_t>(cores.size()); }
  std::uint32_t flows() const { return channels == 0 ? connections : channels; }
};

// Exit code and text for usage errors and --help; nullopt in `exit_code`: run.
struct ParsedOptions {
  Options options;
  std::optional<int> exit_code;
  std::string text;
};
ParsedOptions parse_options(int argc, char** argv);

// Thread `thread`'s part of `total`, so that all parts add up to it.
inline std::uint32_t share_of(std::uint32_t total, std::uint32_t thread, std::uint32_t threads) {
  return total / threads + (thread < total % threads ? 1 : 0);
}

}  // namespace weir::load
