// A shard on a simulated network, far ends that seal and open by themselves, and applications: the
// same run, instruction for instruction, each time.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "bench/instructions/quiet.h"
#include "dataplane/io/sim_io.h"
#include "dataplane/io/sim_peer.h"
#include "dataplane/shard/shard.h"
#include "dataplane/wire/channel_message.h"
#include "dataplane/wire/message.h"

namespace weir::bench {

inline constexpr FlowId kListener = 0xff000001;
inline constexpr FlowId kChannelListener = 0xff000002;

inline EncodedRoute route(std::initializer_list<std::string> hops) {
  EncodedRoute out;
  for (const std::string& hop : hops) {
    const Bytes one = wire::Address::local(hop).encode();
    out.items.insert(out.items.end(), one.begin(), one.end());
    ++out.count;
  }
  return out;
}

inline std::string channel_address(int n, const char* what) {
  std::string text = "00" + std::string(what) + std::to_string(n);
  text.resize(32, 'f');
  return text;
}

inline SimParameters calm() {
  SimParameters parameters;
  parameters.delay_ns_min = parameters.delay_ns_max = 1000;
  parameters.window_bytes = 64 << 20;
  return parameters;
}

class World {
 public:
  World() { listening_ = start_listening(); }

  void send(Command command) { CHECK(rings_.commands.push(std::move(command))); }
  // Everything that is on its way arrives and is dealt with. `measured`: the shard's turns count.
  void settle(bool measured = false) {
    constexpr std::uint64_t kSoonNs = 10'000;
    for (;;) {
      do {
        if (measured) collection_.on();
        shard.step(0);
        collection_.off();
        for (Event event; rings_.events.pop(event);) events_.push_back(std::move(event));
      } while (io_.is_due());
      if (network.next_event_ns() > network.now_ns() + kSoonNs) return;
      // All that was sent together arrives together: one wake-up.
      network.advance_to(network.now_ns() + kSoonNs);
    }
  }
  template <typename T>
  T take() {
    settle();
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (T* found = std::get_if<T>(&events_[i])) {
        T out = std::move(*found);
        events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(i));
        return out;
      }
    }
    CHECK(false && "no such event");
    return {};
  }
  const SocketAddress& listening() const { return listening_; }

  SimNetwork network{1, calm()};
  SimPeer peers{network};

 private:
  SocketAddress start_listening() {
    ListenTransport command;
    command.listener = 1;
    command.address = SocketAddress::v4_loopback(0);
    command.flow = kListener;
    send(std::move(command));
    return take<Listening>().bound;
  }

  Collection collection_;
  SimClock clock_{network};
  SeededRng rng_{7};
  BufferPool pool_{ShardLimits{}.buffers};
  SimIo io_{pool_, network};
  QuietIo quiet_{io_, collection_};
  QuietAead aead_{collection_};
  ShardRings rings_;
  std::vector<Event> events_;
  SocketAddress listening_;

 public:
  Shard shard{ShardConfig{}, quiet_, pool_, aead_, clock_, rng_, rings_, [] {}};
};

inline Bytes framed(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload) {
  const Bytes body =
      wire::encode_message({onward.items, onward.count}, {ret.items, ret.count}, payload);
  Bytes frame(wire::kFramePrefixBytes);
  store_be32(frame.data(), static_cast<std::uint32_t>(body.size()));
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

// A TCP peer of the shard.
struct Peer {
  explicit Peer(World& w) : world(w), end(w.peers.connect(w.listening())) {
    world.settle();
    write(Bytes{wire::kTcpVersion});
    link = world.take<LinkUp>();
    CHECK(read().size() == 1);
  }
  void write(const Bytes& bytes) {
    CHECK(world.peers.send(end, bytes) == static_cast<std::int32_t>(bytes.size()));
  }
  Bytes read() { return world.peers.receive(end); }

  World& world;
  SimEnd end;
  LinkUp link;
};

// The far end of a channel between the shard and that peer.
struct Far {
  Far(World& world, int n, const LinkUp& link) : decryptor(channel_address(n, "de")) {
    SeededRng rng(static_cast<std::uint64_t>(n));
    const auto to_shard = Secret<32>::random(rng);
    const auto from_shard = Secret<32>::random(rng);
    crypto = ChannelCrypto(1, to_shard, from_shard);
    AddWorker handshake;
    handshake.address = decryptor;
    handshake.kind = WorkerKind::kHandshake;
    handshake.allowed = {kListener};
    world.send(std::move(handshake));
    InstallChannel install;
    install.channel = static_cast<ControlId>(n);
    install.decryptor = decryptor;
    install.encryptor = channel_address(n, "ec");
    install.responder = true;
    install.send_key = from_shard;
    install.receive_key = to_shard;
    install.route = route({link.sender, "far" + std::to_string(n)});
    install.flow = 0xff000100u + static_cast<FlowId>(n);
    install.spawner = kChannelListener;
    install.principal = static_cast<PrincipalId>(n);
    world.send(std::move(install));
    world.settle();
  }
  // A frame for the shard's connection.
  Bytes seal(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload) {
    const Bytes text =
        wire::encode_channel_payload({onward.items, onward.count}, {ret.items, ret.count}, payload);
    Bytes sealed(kChannelOverheadBytes + text.size());
    std::copy(text.begin(), text.end(), sealed.begin() + kChannelNonceBytes);
    const AeadSegment segment{sealed.data() + kChannelNonceBytes, text.size()};
    crypto.seal(*aead, cache, {&segment, 1}, sealed.data(),
                sealed.data() + kChannelNonceBytes + text.size());
    return framed(route({decryptor}), {}, sealed);
  }
  // The plaintext in a frame's body; views into `body`.
  wire::ChannelPlaintext open(Bytes& body) {
    wire::MessageView message;
    CHECK(wire::parse_message(body, {}, message) == wire::ParseResult::kOk);
    MutableByteSpan text;
    std::uint64_t nonce = 0;
    CHECK(crypto.open(*aead, cache, message.payload, text, nonce) == DropReason::kNone);
    wire::ChannelPlaintext out;
    CHECK(wire::parse_channel_plaintext(text, {}, out) == wire::ParseResult::kOk);
    return out;
  }

  std::string decryptor;
  std::unique_ptr<Aead> aead = Aead::create_best();
  KeyCache cache{*aead, 4};
  ChannelCrypto crypto;
};

}  // namespace weir::bench
