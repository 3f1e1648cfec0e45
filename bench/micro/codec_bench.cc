// What it costs to read and to write one frame's heads: the routed message, the plaintext of a
// channel and the portal message, with routes as a relayed portal has them.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "dataplane/wire/channel_message.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/portal_message.h"
#include "dataplane/wire/route.h"

namespace weir::wire {
namespace {

// 32 hex digits each, as random addresses have.
struct Hops {
  explicit Hops(std::uint32_t hops) : count(hops) {
    for (std::uint32_t i = 0; i < hops; ++i) {
      const Bytes one = Address::local(std::string(32, static_cast<char>('a' + i))).encode();
      items.insert(items.end(), one.begin(), one.end());
    }
  }
  RouteView view() const { return {items, count}; }
  Bytes items;
  std::uint32_t count;
};

void parse_a_message(benchmark::State& state) {
  const Hops onward(2);
  const Hops ret(static_cast<std::uint32_t>(state.range(0)));
  Bytes body = encode_message(onward.view(), ret.view(), Bytes(64, 7));
  for (auto _ : state) {
    MessageView view;
    benchmark::DoNotOptimize(parse_message(body, {}, view));
    benchmark::DoNotOptimize(view);
  }
}
BENCHMARK(parse_a_message)->ArgName("return_hops")->Arg(1)->Arg(4);

// Its payload's size must not matter.
void parse_a_large_message(benchmark::State& state) {
  const Hops onward(2);
  const Hops ret(1);
  Bytes body = encode_message(onward.view(), ret.view(), Bytes(48 << 10, 7));
  for (auto _ : state) {
    MessageView view;
    benchmark::DoNotOptimize(parse_message(body, {}, view));
    benchmark::DoNotOptimize(view);
  }
}
BENCHMARK(parse_a_large_message);

void parse_a_channel_plaintext(benchmark::State& state) {
  const Hops onward(2);
  const Hops ret(2);
  Bytes text = encode_channel_payload(onward.view(), ret.view(), Bytes(64, 7));
  for (auto _ : state) {
    ChannelPlaintext view;
    benchmark::DoNotOptimize(parse_channel_plaintext(text, {}, view));
    benchmark::DoNotOptimize(view);
  }
}
BENCHMARK(parse_a_channel_plaintext);

void write_a_transport_head(benchmark::State& state) {
  const Hops onward(2);
  const Hops ret(2);
  const HeadRoute out = HeadRoute::of(onward.view());
  const HeadRoute back = HeadRoute::of(ret.view());
  std::array<std::uint8_t, 512> room;
  for (auto _ : state) {
    benchmark::DoNotOptimize(put_transport_head(room.data() + room.size(), out, back, 1024));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(write_a_transport_head);

void write_a_channel_head(benchmark::State& state) {
  const Hops onward(2);
  const Hops ret(2);
  const HeadRoute out = HeadRoute::of(onward.view());
  const HeadRoute back = HeadRoute::of(ret.view());
  std::array<std::uint8_t, 512> room;
  for (auto _ : state) {
    benchmark::DoNotOptimize(put_channel_head(room.data() + room.size(), out, back, 1024));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(write_a_channel_head);

void parse_a_portal_payload(benchmark::State& state) {
  Bytes message(kPayloadHeadBytesMax + 1024);
  message.resize(put_payload_head(message.data(), 1024) + 1024);
  for (auto _ : state) {
    PortalMessage view;
    benchmark::DoNotOptimize(parse_portal_message(message, view));
    benchmark::DoNotOptimize(view);
  }
}
BENCHMARK(parse_a_portal_payload);

}  // namespace
}  // namespace weir::wire
