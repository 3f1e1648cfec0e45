// AES-256-GCM per message: what a shard pays to open and to seal one frame, and for a new key every
// 32 frames.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

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

// A batch of frames of as many channels: one call, another key and other memory for each.
struct Batch {
  Batch(Create create, std::size_t size, std::size_t count) : aead(create()) {
    if (aead == nullptr) return;
    SeededRng rng(1);
    tags.resize(count * kAeadTagBytes);
    for (std::size_t i = 0; i < count; ++i) {
      texts.emplace_back(size, std::uint8_t{7});
      keys.push_back(aead->make_key());
      aead->set_key(keys.back(), Secret<32>::random(rng).span());
    }
  }
  std::unique_ptr<Aead> aead;
  std::vector<Bytes> texts;
  std::vector<AeadKey> keys;
  Bytes tags;
};

bool ready(benchmark::State& state, const Batch& batch) {
  if (batch.aead == nullptr) state.SkipWithError("this backend is not available here");
  return batch.aead != nullptr;
}

void seal_batch(benchmark::State& state, Create create) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto many = static_cast<std::size_t>(state.range(1));
  Batch batch(create, size, many);
  if (!ready(state, batch)) return;
  std::vector<AeadSegment> segments;
  for (Bytes& text : batch.texts) segments.push_back({text.data(), text.size()});
  std::vector<SealJob> jobs;
  for (std::size_t i = 0; i < many; ++i) {
    jobs.push_back({&batch.keys[i], 0, &segments[i], 1, {}, batch.tags.data() + i * kAeadTagBytes});
  }
  for (auto _ : state) {
    for (SealJob& job : jobs) ++job.nonce;
    batch.aead->seal(jobs);
    benchmark::ClobberMemory();
  }
  count(state, size * many);
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void open_batch(benchmark::State& state, Create create) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto many = static_cast<std::size_t>(state.range(1));
  Batch batch(create, size, many);
  if (!ready(state, batch)) return;
  std::vector<OpenJob> jobs;
  for (std::size_t i = 0; i < many; ++i) {
    jobs.push_back(
        {&batch.keys[i], 0, batch.texts[i], {}, batch.tags.data() + i * kAeadTagBytes, false});
  }
  for (auto _ : state) {
    for (OpenJob& job : jobs) ++job.nonce;
    batch.aead->open(jobs);
    benchmark::ClobberMemory();
  }
  count(state, size * many);
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

void sizes(benchmark::internal::Benchmark* bench) { bench->Arg(64)->Arg(1 << 10)->Arg(48 << 10); }

BENCHMARK_CAPTURE(seal, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(seal, openssl, Aead::create_openssl)->Apply(sizes);
BENCHMARK_CAPTURE(seal_two_segments, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(seal_two_segments, openssl, Aead::create_openssl)->Apply(sizes);
BENCHMARK_CAPTURE(open, ipsec_mb, Aead::create_ipsec_mb)->Apply(sizes);
BENCHMARK_CAPTURE(open, openssl, Aead::create_openssl)->Apply(sizes);
void batches(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"bytes", "batch"})->ArgsProduct({{64, 1 << 10, 48 << 10}, {1, 8, 64}});
}

BENCHMARK_CAPTURE(seal_batch, ipsec_mb, Aead::create_ipsec_mb)->Apply(batches);
BENCHMARK_CAPTURE(seal_batch, openssl, Aead::create_openssl)->Apply(batches);
BENCHMARK_CAPTURE(open_batch, ipsec_mb, Aead::create_ipsec_mb)->Apply(batches);
BENCHMARK_CAPTURE(open_batch, openssl, Aead::create_openssl)->Apply(batches);
BENCHMARK_CAPTURE(rekey, ipsec_mb, Aead::create_ipsec_mb);
BENCHMARK_CAPTURE(rekey, openssl, Aead::create_openssl);

}  // namespace
}  // namespace weir
