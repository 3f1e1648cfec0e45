// What every part of the control plane shares: the injected world, the shards, timers, names and
// numbers. Owned by NodeParts; parts hold a reference. Control thread only.
#pragma once

#include <fmt/format.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "control/node/internal/flows.h"
#include "control/node/internal/principals.h"
#include "control/node/internal/routes.h"
#include "control/node/internal/timers.h"
#include "control/node/logger.h"
#include "control/node/resolver.h"
#include "control/node/shard_port.h"
#include "control/node/types.h"
#include "crypto/aead.h"
#include "dataplane/route/address_space.h"

namespace weir {
class Identities;
}

// Names of control's insides live apart from the data plane's of the same name.
namespace weir::control {

enum class ControlCounter : std::uint8_t {
#define WEIR_CONTROL_COUNTER(name, text) name,
#include "control/node/internal/counters.def"
#undef WEIR_CONTROL_COUNTER
  kCount
};
inline constexpr std::size_t kControlCounters = static_cast<std::size_t>(ControlCounter::kCount);
const char* control_counter_name(std::size_t index);

// Well-known addresses (spec/04 4.1).
inline constexpr char kEchoAddress[] = "echo";
inline constexpr char kUppercaseAddress[] = "uppercase";
inline constexpr char kApiAddress[] = "api";
inline constexpr char kHopAddress[] = "hop";
inline constexpr char kOutletAddress[] = "outlet";
inline constexpr char kRelayAddress[] = "forwarding_service";
inline constexpr char kStaticRelayAddress[] = "static_forwarding_service";
inline constexpr char kNodeManagerAddress[] = "_internal.nodemanager";
inline constexpr char kRelayPrefix[] = "forward_to_";

struct NodeCore {
  NodeCore(NodeConfig config_in, std::vector<ShardPort*> shards_in, Identities& identities_in,
           Resolver& resolver_in, Clock& clock_in, Rng& rng_in, Logger logger_in);

  ControlId next_id() { return ++last_id; }
  std::uint64_t now_ns() { return clock.now_ns(); }

  // --- shards
  void send(ShardId shard, Command command) {
    CHECK(shard < shards.size());
    shards[shard]->send(std::move(command));
  }
  template <class T>
  void broadcast(const T& command) {
    for (ShardPort* port : shards) port->send(Command(T(command)));
  }
  // The shard that a random address names, unless it names none of ours.
  std::optional<ShardId> owner(const WorkerAddress& address) const;
  // To the owner of a random address, to every shard for a named one.
  template <class T>
  void send_to_owner(const WorkerAddress& address, const T& command) {
    if (const auto shard = owner(address)) {
      send(*shard, Command(T(command)));
    } else {
      broadcast(command);
    }
  }
  // Where a worker should live whose messages leave by, or come from, this route.
  ShardId shard_for(const EncodedRoute& route, ShardId otherwise = 0) const;
  // The next shard in turn, for connections without a reason to be anywhere.
  ShardId next_shard() { return static_cast<ShardId>(turn++ % shards.size()); }
  WorkerAddress new_address(ShardId shard) { return random_address(rng, shard); }
  // As if a local worker had sent it.
  void send_message(EncodedRoute onward, EncodedRoute ret, Bytes payload);
  void message_done(const LinkId& link) {
    if (link.generation != 0 && link.shard < shards.size()) send(link.shard, MessageDone{link});
  }

  // --- time
  TimerId after_ms(std::uint64_t ms, std::function<void()> run) {
    return timers.start(now_ns() + ms * kNsPerMs, std::move(run));
  }
  // An address in use is asked for again this soon, and given up this long after the node's start:
  // io_uring lets go of a killed process's sockets only after the process is gone.
  static constexpr std::uint64_t kAddressRetryMs = 20;
  static constexpr std::uint64_t kAddressWaitMs = 3000;
  bool may_retry_address() { return now_ns() - started_ns < kAddressWaitMs * kNsPerMs; }
  // Uniform in [0, bound).
  std::uint64_t random_below(std::uint64_t bound) {
    return bound == 0 ? 0 : rng.next_u64() % bound;
  }

  // --- reporting
  void count(ControlCounter counter, std::uint64_t times = 1) {
    counters[static_cast<std::size_t>(counter)] += times;
  }
  std::uint64_t counted(ControlCounter counter) const {
    return counters[static_cast<std::size_t>(counter)];
  }
  template <class... Args>
  void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
    if (logger) logger(level, fmt::format(text, std::forward<Args>(args)...));
  }

  NodeConfig config;
  std::vector<ShardPort*> shards;
  Identities& identities;
  Resolver& resolver;
  Clock& clock;
  Rng& rng;
  Logger logger;
  std::unique_ptr<Aead> aead;
  Timers timers;
  FlowTable flows;
  Principals principals;
  std::array<std::uint64_t, kControlCounters> counters{};
  // Spawner ids of the default TCP listener and of the channel listener `api` (spec/04 3.4: TL,
  // SC).
  FlowId tcp_flow = kNoFlow;
  FlowId api_flow = kNoFlow;
  // Answers of ListenTransport and OpenInlet.
  std::map<ControlId, std::function<void(const Listening&)>> listening;
  const std::uint64_t started_ns;
  ControlId last_id = 0;
  std::uint32_t turn = 0;
};

}  // namespace weir::control
