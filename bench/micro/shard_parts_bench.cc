// The parts of a shard that every frame or event passes: address table and gates (their cost must
// not depend on how many entries there are), rings, timers, buffers.
#include <benchmark/benchmark.h>

#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "dataplane/contract.h"
#include "dataplane/route/address_space.h"
#include "dataplane/route/address_table.h"
#include "dataplane/shard/buffer_pool.h"
#include "dataplane/shard/spsc_ring.h"
#include "dataplane/shard/timers.h"

namespace weir {
namespace {

constexpr FlowId kFlow = 0x01000001;

// A table of `count` workers that one flow may reach, and 4096 of their addresses in random order:
// what a relay with as many clients looks up.
struct Filled {
  explicit Filled(std::size_t count) {
    SeededRng rng(1);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
      names.push_back(random_address(rng, 0));
      Entry* entry = table.add(as_bytes(names.back()), EntryKind::kRelay, 0);
      table.allow(kFlow, *entry);
    }
    for (int i = 0; i < kAsked; ++i) asked.push_back(names[rng.next_u64() % count]);
  }
  static constexpr int kAsked = 4096;
  AddressTable table{7};
  std::vector<std::string> asked;
};

void entries(benchmark::internal::Benchmark* bench) {
  bench->ArgName("")->RangeMultiplier(10)->Range(10, 1'000'000);
}

void find_an_address(benchmark::State& state) {
  Filled filled(static_cast<std::size_t>(state.range(0)));
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.table.find(as_bytes(filled.asked[next++ % Filled::kAsked])));
  }
}
BENCHMARK(find_an_address)->Apply(entries);

void find_and_pass_the_gate(benchmark::State& state) {
  Filled filled(static_cast<std::size_t>(state.range(0)));
  std::size_t next = 0;
  for (auto _ : state) {
    const Entry* entry = filled.table.find(as_bytes(filled.asked[next++ % Filled::kAsked]));
    benchmark::DoNotOptimize(filled.table.allowed(kFlow, *entry));
  }
}
BENCHMARK(find_and_pass_the_gate)->Apply(entries);

// A stream comes and goes among so many others.
void add_and_remove_an_entry(benchmark::State& state) {
  Filled filled(static_cast<std::size_t>(state.range(0)));
  SeededRng rng(2);
  const std::string name = random_address(rng, 0);
  for (auto _ : state) {
    Entry* entry = filled.table.add(as_bytes(name), EntryKind::kStream, 0);
    filled.table.allow(kFlow, *entry);
    filled.table.remove(*entry);
  }
}
BENCHMARK(add_and_remove_an_entry)->Apply(entries);

void ring_on_one_thread(benchmark::State& state) {
  SpscRing<Event> ring(1024);
  Event out;
  for (auto _ : state) {
    ring.push(ChannelInstalled{7});
    benchmark::DoNotOptimize(ring.pop(out));
  }
}
BENCHMARK(ring_on_one_thread);

void ring_between_threads(benchmark::State& state) {
  SpscRing<std::uint64_t> ring(1024);
  constexpr std::uint64_t kEnd = ~std::uint64_t{0};
  std::thread consumer([&] {
    for (std::uint64_t value = 0; value != kEnd;) {
      if (!ring.pop(value)) std::this_thread::yield();
    }
  });
  std::uint64_t value = 0;
  for (auto _ : state) {
    while (!ring.push(std::uint64_t{value})) std::this_thread::yield();
    ++value;
  }
  while (!ring.push(std::uint64_t{kEnd})) std::this_thread::yield();
  consumer.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ring_between_threads)->UseRealTime();

// Set one and take the one that is due, among so many others.
void set_and_pop_a_timer(benchmark::State& state) {
  Timers timers;
  SeededRng rng(1);
  std::uint64_t now = 0;
  for (int i = 0; i < state.range(0); ++i) {
    timers.set({rng.next_u64() % 1'000'000'000, Timer::Kind::kPong, 0, 0});
  }
  Timer out;
  for (auto _ : state) {
    now = timers.next_ns();
    timers.pop_due(now, out);
    out.at_ns = now + rng.next_u64() % 1'000'000'000;
    timers.set(out);
  }
}
BENCHMARK(set_and_pop_a_timer)->ArgName("")->Arg(10)->Arg(1000)->Arg(100'000);

void take_and_give_a_buffer(benchmark::State& state) {
  BufferPool pool(BufferLimits{{64, 64, 4, 0}});
  for (auto _ : state) {
    Buffer* buffer = pool.take(BufferClass::kSmall);
    benchmark::DoNotOptimize(buffer);
    pool.unref(buffer);
  }
}
BENCHMARK(take_and_give_a_buffer);

}  // namespace
}  // namespace weir
