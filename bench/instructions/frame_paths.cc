// Drives one of the hottest paths of a shard for callgrind (check.py) and prints how many frames
// left the shard while instructions were counted:  frame_paths PATH TURNS   or   frame_paths --list
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "bench/instructions/world.h"
#include "dataplane/wire/portal_message.h"

namespace {

using namespace weir;
using namespace weir::bench;

constexpr int kWarmUpTurns = 40;  // pools and tables have their size; 32-frame rekeying went round
constexpr FlowId kFirstChannelFlow = 0xff000101;

struct Path {
  const char* name;
  std::size_t payload_bytes;
  int frames_per_turn;
  int relays = 1;
};
// A turn of small frames is what a few dozen busy connections bring, one of large frames is one
// receive of a bulk flow.
constexpr Path kPaths[] = {{"opaque_relay_64", 64, 64},
                           {"opaque_relay_48k", 48 << 10, 8},
                           {"open_seal_relay_64", 64, 64},
                           {"open_seal_relay_64_timed", 64, 64},  // a profiler is attached
                           {"open_seal_relay_48k", 48 << 10, 8},
                           {"open_seal_relay_64_of_1000", 64, 64, 1'000},
                           {"open_seal_relay_64_of_100000", 64, 64, 100'000},
                           {"portal_inlet_1k", 1 << 10, 16}};

// `bring` puts one turn's input on the network, `drain` takes what came out.
template <typename Bring, typename Drain>
std::uint64_t drive(World& world, int turns, Bring&& bring, Drain&& drain) {
  std::uint64_t before = 0;
  for (int turn = 0; turn < kWarmUpTurns + turns; ++turn) {
    if (turn == kWarmUpTurns) before = world.shard.counters.get(Counter::kFramesOut);
    bring();
    world.settle(turn >= kWarmUpTurns);
    drain();
  }
  return world.shard.counters.get(Counter::kFramesOut) - before;
}

std::string relay_name(int number) { return fmt::format("forward_to_{:06}", number); }

void attach_profiler(World& world) {
  StageSettings settings;
  settings.ticks = {true, 0.4};
  world.send(SetStageClocks{1, StageClocksBox(new StageClocks(settings))});
  world.settle();
}

std::uint64_t relay(const Path& path, int turns, bool sealed) {
  World world;
  if (std::string_view(path.name).ends_with("_timed")) attach_profiler(world);
  Peer owner(world);
  Peer asker(world);
  std::unique_ptr<Far> near;
  if (sealed) {
    const Far behind(world, 1, owner.link);
    near = std::make_unique<Far>(world, 2, asker.link);
  }
  for (int i = 0; i < path.relays; ++i) {
    AddWorker command;
    command.address = relay_name(i);
    command.kind = WorkerKind::kRelay;
    command.forward = sealed ? route({channel_address(1, "ec")}) : route({owner.link.sender});
    command.forward_flow = sealed ? kFirstChannelFlow : owner.link.flow;
    command.allowed = {kListener, kChannelListener};
    world.send(std::move(command));
    if (i % 256 == 0) world.settle();
  }
  world.settle();
  const Bytes payload(path.payload_bytes, 7);
  int next = 0;
  return drive(
      world, turns,
      [&] {
        Bytes all;
        for (int i = 0; i < path.frames_per_turn; ++i) {
          next = (next + 7'919) % path.relays;  // each frame through another one, near and far
          const EncodedRoute onward = route({relay_name(next), "svc"});
          const Bytes one = sealed ? near->seal(onward, route({"cli"}), payload)
                                   : framed(onward, route({"cli"}), payload);
          all.insert(all.end(), one.begin(), one.end());
        }
        asker.write(all);
      },
      [&] {
        const std::size_t least =
            static_cast<std::size_t>(path.frames_per_turn) * path.payload_bytes;
        CHECK(owner.read().size() > least);
      });
}

// Answers the Pings of new streams; the number answered.
int answer(Peer& peer, Far& far, Bytes& in) {
  int answered = 0;
  while (in.size() >= 4 && in.size() >= 4 + load_be32(in.data())) {
    const auto end = in.begin() + 4 + static_cast<std::ptrdiff_t>(load_be32(in.data()));
    Bytes body(in.begin() + 4, end);
    in.erase(in.begin(), end);
    const wire::ChannelPlaintext ping = far.open(body);
    Bytes pong(wire::kPortalControlBytesMax);
    pong.resize(wire::put_portal_simple(pong.data(), wire::PortalKind::kPong));
    EncodedRoute back;
    back.items.assign(ping.ret.items.begin(), ping.ret.items.end());
    back.count = ping.ret.count;
    peer.write(far.seal(back, route({"stream" + std::to_string(answered)}), pong));
    ++answered;
  }
  return answered;
}

// Applications that write a little at the same time, each on its own connection, end to end sealed.
std::uint64_t portal_inlet(const Path& path, int turns) {
  World world;
  Peer peer(world);
  Far far(world, 1, peer.link);
  OpenInlet open;
  open.inlet = 7;
  open.address = SocketAddress::v4_loopback(0);
  world.send(std::move(open));
  const SocketAddress inlet = world.take<Listening>().bound;
  RouteInlet way;
  way.inlet = 7;
  way.onward = route({channel_address(1, "ec"), "outlet"});
  way.principal = 1;  // as Far says who it is
  world.send(std::move(way));
  world.settle();
  std::vector<SimEnd> applications;
  for (int i = 0; i < path.frames_per_turn; ++i) {
    applications.push_back(world.peers.connect(inlet));
  }
  world.settle();
  Bytes in = peer.read();
  CHECK(answer(peer, far, in) == path.frames_per_turn && in.empty());
  world.settle();
  const Bytes payload(path.payload_bytes, 7);
  return drive(
      world, turns,
      [&] {
        for (const SimEnd application : applications) {
          CHECK(world.peers.send(application, payload) ==
                static_cast<std::int32_t>(payload.size()));
        }
      },
      [&] { CHECK(peer.read().size() > applications.size() * payload.size()); });
}

}  // namespace

int main(int count, char** words) {
  const std::string_view name = count > 1 ? words[1] : "";
  if (name == "--list") {
    for (const Path& path : kPaths) std::puts(path.name);
    return 0;
  }
  int turns = 0;
  const std::string_view number = count > 2 ? words[2] : "";
  std::from_chars(number.data(), number.data() + number.size(), turns);
  for (const Path& path : kPaths) {
    if (name != path.name || turns <= 0) continue;
    const std::uint64_t frames = name.starts_with("portal")
                                     ? portal_inlet(path, turns)
                                     : relay(path, turns, name.starts_with("open_seal"));
    std::printf("%llu\n", static_cast<unsigned long long>(frames));
    return 0;
  }
  std::fprintf(stderr, "usage: frame_paths PATH TURNS | --list\n");
  return 2;
}
