// AES-256-GCM per message: what a shard pays to open and to seal one frame, and for a new key every
// 32 frames.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>

#include "base/rng.h"
#include "crypto/aead.h"

namespace weir {
namespace {

using Create = std::unique_ptr<Aead> (*)();

// The backend's engine with a keyed slot and one message; null engine: absent here.
struct Setup {
  explicit Setup(Create create, std::size_t size) : aead(create()), text(size) {
    SeededRng rng(1);
    rng.fill(text);
    key32 = Secret<32>::random(rng);
    if (aead == nullptr) return;
    key = aead->make_key();
    aead->set_key(key, key32.span());
  }
  bool ready(benchmark::State& state) const {
    if (aead == nullptr) state.SkipWithError("this backend is not available here");
    if (aead != nullptr) state.SetLabel(aead->name());
    return aead != nullptr;
  }

  std::unique_ptr<Aead> aead;
  Secret<32> key32;
  AeadKey key;
  Bytes text;
  std::uint8_t tag[kAeadTagBytes] = {};
};

void count(benchmark::State& state, std::size_t size) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

void seal(benchmark::State& state, Create create) {
  Setup setup(create, static_cast<std::size_t>(state.range(0)));
  if (!setup.ready(state)) return;
  const AeadSegment segment{setup.text.data(), setup.text.size()};
  SealJob job{&setup.key, 0, &segment, 1, {}, setup.tag};
  for (auto _ : state) {
    ++job.nonce;
    setup.aead->seal({&job, 1});
    benchmark::ClobberMemory();
  }
  count(state, setup.text.size());
}

// A new header of 61 bytes before the payload, as a relay seals what does not fit its gap.
void seal_two_segments(benchmark::State& state, Create create) {
  Setup setup(create, static_cast<std::size_t>(state.range(0)));
  if (!setup.ready(state)) return;
  Bytes header(61);
  const AeadSegment segments[] = {{header.data(), header.size()},
                                  {setup.text.data(), setup.text.size()}};
  SealJob job{&setup.key, 0, segments, 2, {}, setup.tag};
  for (auto _ : state) {
    ++job.nonce;
    setup.aead->seal({&job, 1});
    benchmark::ClobberMemory();
  }
  count(state, setup.text.size() + header.size());
}

// Every open fails (the text is its own last output): success and failure cost the same by design.
void open(benchmark::State& state, Create create) {
  Setup setup(create, static_cast<std::size_t>(state.range(0)));
  if (!setup.ready(state)) return;
  OpenJob job{&setup.key, 0, setup.text, {}, setup.tag, false};
  for (auto _ : state) {
    ++job.nonce;
    setup.aead->open({&job, 1});
    benchmark::DoNotOptimize(job.ok);
    benchmark::ClobberMemory();
  }
  count(state, setup.text.size());
}

// The 33rd frame: derive the next key from the expanded current one, expand it.
void rekey(benchmark::State& state, Create create) {
  Setup setup(create, 0);
  if (!setup.ready(state)) return;
  for (auto _ : state) {
    aead_next_key(*setup.aead, setup.key, setup.key32);
    setup.aead->set_key(setup.key, setup.key32.span());
  }
}

void sizes(benchmark::internal::Benchmark* bench) { bench->Arg(64)->Arg(1 << 10)->Arg(48 << 10); }

BENCHMARK_CAPTURE(seal, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(seal, openssl, Aead::create_openssl)->Apply(sizes);
BENCHMARK_CAPTURE(seal_two_segments, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(seal_two_segments, openssl, Aead::create_openssl)->Apply(sizes);
BENCHMARK_CAPTURE(open, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(open, openssl, Aead::create_openssl)->Apply(sizes);
BENCHMARK_CAPTURE(rekey, ipsec_mb, Aead::create_ipsec_mb);
BENCHMARK_CAPTURE(rekey, openssl, Aead::create_openssl);

}  // namespace
}  // namespace weir
