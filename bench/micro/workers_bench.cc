// A shard with as many workers as a large relay node has: what a frame costs among them, and what
// each of them costs in memory: in the shard (address, gate, relay) and in the control plane's
// table.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "bench/instructions/world.h"
#include "control/identity/identities.h"
#include "control/node/internal/workers.h"
#include "control/node/system_resolver.h"

namespace weir {
namespace {
using namespace bench;

std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::string name_of(std::size_t number) { return fmt::format("{:032x}", number * 2654435761); }

// Frames come in groups, as from a few dozen busy connections, each for another worker: a relay to
// another connection, or one that answers.
void frames_among(benchmark::State& state, WorkerKind kind) {
  constexpr int kFrames = 64;
  const auto workers = static_cast<std::size_t>(state.range(0));
  World world;
  Peer owner(world);
  Peer asker(world);
  const std::size_t before = heap_bytes();
  for (std::size_t i = 0; i < workers; ++i) {
    AddWorker command;
    command.address = name_of(i);
    command.kind = kind;
    if (kind == WorkerKind::kRelay) {
      command.forward = route({owner.link.sender});
      command.forward_flow = owner.link.flow;
    }
    command.allowed = {kListener};
    world.send(std::move(command));
    if (i % 256 == 0) world.settle();
  }
  world.settle();
  state.counters["bytes_each"] =
      static_cast<double>(heap_bytes() - before) / static_cast<double>(workers);
  const Bytes payload(64, 7);
  Peer& receiver = kind == WorkerKind::kRelay ? owner : asker;
  std::size_t next = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Bytes all;
    for (int i = 0; i < kFrames; ++i) {
      next = (next + 7'919) % workers;
      const EncodedRoute onward =
          kind == WorkerKind::kRelay ? route({name_of(next), "svc"}) : route({name_of(next)});
      const Bytes one = framed(onward, route({"cli"}), payload);
      all.insert(all.end(), one.begin(), one.end());
    }
    asker.write(all);
    state.ResumeTiming();
    world.settle();
    state.PauseTiming();
    CHECK(receiver.read().size() > kFrames * payload.size());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
}
void relay_frames_among(benchmark::State& state) { frames_among(state, WorkerKind::kRelay); }
void echo_frames_among(benchmark::State& state) { frames_among(state, WorkerKind::kEcho); }
BENCHMARK(relay_frames_among)->ArgName("")->RangeMultiplier(10)->Range(10, 1'000'000);
BENCHMARK(echo_frames_among)->ArgName("")->RangeMultiplier(10)->Range(10, 1'000'000);

struct DeafShard final : ShardPort {
  void send(Command) override {}
  bool poll(Event&) override { return false; }
};

// The control plane's part: each with one flow that may reach it.
void add_and_remove_a_worker_among(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  SimNetwork network{1, calm()};
  SimClock clock(network);
  SeededRng rng(1);
  MemoryIdentityStore store;
  MemorySecretStore secrets{rng};
  Identities identities(store, secrets, clock);
  TableResolver resolver;
  NodeConfig config;
  config.identity = identities.create().value()->identifier();
  DeafShard port;
  control::NodeCore core(config, std::vector<ShardPort*>{&port}, identities, resolver, clock, rng,
                         nullptr);
  control::WorkerTable workers(core);
  const std::size_t before = heap_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(workers.add({.address = random_address(rng, 0),
                       .kind = WorkerKind::kEcho,
                       .allowed = {static_cast<FlowId>(1 + i % 10'000)}}));
  }
  state.counters["bytes_each"] =
      static_cast<double>(heap_bytes() - before) / static_cast<double>(count);
  const std::string name = random_address(rng, 0);
  for (auto _ : state) {
    CHECK(workers.add({.address = name, .kind = WorkerKind::kEcho, .allowed = {FlowId{1}}}));
    workers.remove(name);
  }
}
BENCHMARK(add_and_remove_a_worker_among)->ArgName("")->RangeMultiplier(10)->Range(10, 1'000'000);

}  // namespace
}  // namespace weir
