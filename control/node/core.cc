#include "control/node/internal/core.h"

namespace weir::control {

const char* control_counter_name(std::size_t index) {
  static constexpr const char* kNames[] = {
#define WEIR_CONTROL_COUNTER(name, text) text,
#include "control/node/internal/counters.def"
#undef WEIR_CONTROL_COUNTER
  };
  return index < kControlCounters ? kNames[index] : "?";
}

NodeCore::NodeCore(NodeConfig config_in, std::vector<ShardPort*> shards_in,
                   Identities& identities_in, Resolver& resolver_in, Clock& clock_in, Rng& rng_in,
                   Logger logger_in)
    : config(std::move(config_in)),
      shards(std::move(shards_in)),
      identities(identities_in),
      resolver(resolver_in),
      clock(clock_in),
      rng(rng_in),
      logger(std::move(logger_in)),
      aead(Aead::create_best()),
      flows(rng),
      started_ns(clock.now_ns()) {
  CHECK(!shards.empty() && shards.size() < kControlShard);
}

std::optional<ShardId> NodeCore::owner(const WorkerAddress& address) const {
  const auto shard = shard_of(as_bytes(address));
  if (!shard || *shard >= shards.size()) return std::nullopt;
  return shard;
}

ShardId NodeCore::shard_for(const EncodedRoute& route, ShardId otherwise) const {
  const auto first = first_local(route);
  if (!first) return otherwise;
  return owner(*first).value_or(otherwise);
}

void NodeCore::send_message(EncodedRoute onward, EncodedRoute ret, Bytes payload) {
  const ShardId shard = shard_for(onward);
  send(shard, SendMessage{std::move(onward), std::move(ret), std::move(payload)});
}

}  // namespace weir::control
