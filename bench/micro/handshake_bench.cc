// What a handshake costs the control thread: each end's steps, with a peer met before (no signature
// is checked) and with a stranger, whose history and attestation are checked. A responder's cost
// per accepted channel is answers_message1 + takes_message3.
#include <benchmark/benchmark.h>

#include <memory>

#include "base/clock.h"
#include "base/rng.h"
#include "control/handshake/handshake.h"
#include "crypto/aead.h"

namespace {

struct Node {
  Node() : identities(store, secrets, clock) {
    options.identity = identities.create().value()->identifier();
  }
  weir::SystemRng rng;
  weir::SystemClock clock;
  weir::MemoryIdentityStore store;
  weir::MemorySecretStore secrets{rng};
  weir::Identities identities;
  weir::HandshakeOptions options;
};

struct Pair {
  // A new identity for the next handshake.
  void meet_a_stranger() { one = std::make_unique<Node>(); }
  weir::Initiator initiator() {
    return weir::Initiator::create({one->identities, one->rng, *aead}, one->options).value();
  }
  weir::Responder responder() {
    return weir::Responder::create({two.identities, two.rng, *aead}, two.options).value();
  }
  std::unique_ptr<Node> one = std::make_unique<Node>();
  Node two;
  std::unique_ptr<weir::Aead> aead = weir::Aead::create_best();
};

void handshake_both_ends(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) {
    weir::Initiator initiator = pair.initiator();
    weir::Responder responder = pair.responder();
    const weir::Bytes message2 = responder.consume_message1(initiator.message1()).value();
    const weir::Bytes message3 = initiator.consume_message2(message2).value().message3;
    benchmark::DoNotOptimize(responder.consume_message3(message3).value());
  }
}
BENCHMARK(handshake_both_ends)->Unit(benchmark::kMicrosecond);

// What an anonymous flooder makes a listener do: create the end and answer message 1.
void responder_answers_message1(benchmark::State& state) {
  Pair pair;
  const weir::Bytes message1 = pair.initiator().message1();
  for (auto _ : state) {
    weir::Responder responder = pair.responder();
    benchmark::DoNotOptimize(responder.consume_message1(message1).value());
  }
}
BENCHMARK(responder_answers_message1)->Unit(benchmark::kMicrosecond);

void responder_takes_message3(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) {
    state.PauseTiming();
    if (state.range(0) == 0) pair.meet_a_stranger();
    weir::Initiator initiator = pair.initiator();
    weir::Responder responder = pair.responder();
    const weir::Bytes message2 = responder.consume_message1(initiator.message1()).value();
    const weir::Bytes message3 = initiator.consume_message2(message2).value().message3;
    state.ResumeTiming();
    benchmark::DoNotOptimize(responder.consume_message3(message3).value());
  }
}
BENCHMARK(responder_takes_message3)
    ->ArgName("known_peer")
    ->Arg(1)
    ->Arg(0)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
