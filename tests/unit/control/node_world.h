// Whole nodes, both planes, in virtual time: real shards on the simulated network, stepped by the
// test's thread. A node can be killed (its sockets break, nothing is said) and started again.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/identity/identities.h"
#include "control/node/node.h"
#include "control/node/system_resolver.h"
#include "dataplane/io/sim_io.h"
#include "dataplane/io/sim_network.h"
#include "dataplane/io/sim_peer.h"
#include "dataplane/shard/shard.h"
#include "dataplane/wire/bare.h"

namespace weir::test {

class RingPort final : public ShardPort {
 public:
  explicit RingPort(ShardRings& rings) : rings_(rings) {}
  void send(Command command) override { CHECK(rings_.commands.push(std::move(command))); }
  bool poll(Event& event) override { return rings_.events.pop(event); }

 private:
  ShardRings& rings_;
};

// What survives a kill: identity and secrets.
struct Persona {
  explicit Persona(Clock& clock, std::uint64_t seed)
      : rng(seed), identities(store, secrets, clock) {
    id = identities.create().value()->identifier();
  }
  SeededRng rng;
  MemoryIdentityStore store;
  MemorySecretStore secrets{rng};
  Identities identities;
  Identifier id;
};

struct SimShard {
  SimShard(SimNetwork& network, Clock& clock, Rng& rng, ShardConfig config,
           std::vector<Shard::Peer> peers)
      : pool(config.limits.buffers),
        io(pool, network),
        shard(
            config, io, pool, *aead, clock, rng, rings, [] {}, std::move(peers)),
        port(rings) {}
  BufferPool pool;
  SimIo io;
  std::unique_ptr<Aead> aead = Aead::create_best();
  ShardRings rings;
  Shard shard;
  RingPort port;
};

// The shards of one node with the rings between them.
class SimShards {
 public:
  SimShards(SimNetwork& network, Clock& clock, Rng& rng, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count * count; ++i) {
      cross_.push_back(std::make_unique<CrossRing>(256));
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      std::vector<Shard::Peer> peers(count);
      for (std::uint32_t j = 0; j < count; ++j) {
        if (i == j) continue;
        peers[j] = {cross_[i * count + j].get(), cross_[j * count + i].get(), [] {}};
      }
      ShardConfig config{static_cast<ShardId>(i), count, {}};
      config.limits.buffers = {{256, 64, 8, 2}};
      all.push_back(std::make_unique<SimShard>(network, clock, rng, config, std::move(peers)));
    }
  }
  std::vector<ShardPort*> ports() {
    std::vector<ShardPort*> list;
    for (auto& shard : all) list.push_back(&shard->port);
    return list;
  }
  void step() {
    for (auto& shard : all) shard->shard.step(UINT64_MAX);
  }
  bool busy() const {
    for (const auto& ring : cross_) {
      if (!ring->empty()) return true;
    }
    for (const auto& shard : all) {
      if (!shard->rings.commands.empty() || !shard->rings.events.empty() || shard->io.is_due()) {
        return true;
      }
    }
    return false;
  }
  std::uint64_t next_ns() const {
    std::uint64_t next = UINT64_MAX;
    for (const auto& shard : all) {
      next = std::min({next, shard->io.deadline_ns(), shard->shard.next_deadline_ns()});
    }
    return next;
  }
  // What the node's shards hold, for leak checks.
  std::size_t channels() const {
    return sum([](Shard& s) { return s.channels.size(); });
  }
  std::size_t links() const {
    return sum([](Shard& s) { return s.links.size(); });
  }
  std::size_t streams() const {
    return sum([](Shard& s) { return s.portals.size(); });
  }
  std::size_t addresses() const {
    return sum([](Shard& s) { return s.table.size(); });
  }

  std::vector<std::unique_ptr<SimShard>> all;

 private:
  template <class F>
  std::size_t sum(F&& size) const {
    std::size_t total = 0;
    for (const auto& shard : all) total += size(shard->shard);
    return total;
  }
  std::vector<std::unique_ptr<CrossRing>> cross_;
};

struct SimNode {
  SimNode(SimNetwork& network, SimClock& clock, Persona& persona, NodeConfig config, State* state,
          std::uint32_t shards, std::vector<std::string>* log)
      : rng(persona.rng.next_u64()),
        data(network, clock, rng, shards),
        node(complete(std::move(config), persona), data.ports(), state, persona.identities,
             resolver, clock, rng, [log](LogLevel level, const std::string& line) {
               if (log != nullptr) log->push_back(std::string(log_level_name(level)) + " " + line);
             }) {}
  static NodeConfig complete(NodeConfig config, const Persona& persona) {
    config.identity = persona.id;
    return config;
  }
  SeededRng rng;
  TableResolver resolver;
  SimShards data;
  Node node;
};

class World {
 public:
  explicit World(std::uint32_t shards = 1, std::uint64_t seed = 1,
                 const SimParameters& parameters = {})
      : network(seed, parameters), clock(network), shards_(shards) {}

  Persona& persona() {
    personas_.push_back(std::make_unique<Persona>(clock, 1000 + personas_.size()));
    return *personas_.back();
  }
  // Starts a node with a default listener on `port` (0: a free one).
  SimNode& start(Persona& who, std::uint16_t port = 0, NodeConfig config = {},
                 State* state = nullptr) {
    if (config.name.empty()) config.name = "n" + std::to_string(nodes_.size());
    config.tcp_listener = SocketAddress::v4_loopback(port);
    nodes_.push_back(
        std::make_unique<SimNode>(network, clock, who, std::move(config), state, shards_, &log));
    SimNode& made = *nodes_.back();
    std::optional<Result<std::optional<SocketAddress>>> started;
    made.node.start([&](auto result) { started = std::move(result); });
    EXPECT_TRUE(run([&] { return started.has_value(); }));
    EXPECT_TRUE(started->has_value()) << started->error().text();
    return made;
  }
  void kill(SimNode& node) {
    std::erase_if(nodes_, [&](const auto& other) { return other.get() == &node; });
  }

  // Until `done` holds; false after `limit_ms` of virtual time.
  bool run(const std::function<bool()>& done, std::uint64_t limit_ms = 60'000) {
    const std::uint64_t end_ns = network.now_ns() + limit_ms * kNsPerMs;
    for (;;) {
      bool busy = true;
      for (int turn = 0; busy && turn < 10'000; ++turn) {
        busy = false;
        for (auto& node : nodes_) {
          node->data.step();
          node->node.step();
          busy |= node->data.busy();
        }
        if (done()) return true;
      }
      if (network.now_ns() >= end_ns) return false;
      std::uint64_t next = end_ns;
      for (auto& node : nodes_) {
        next = std::min({next, node->node.next_deadline_ns(), node->data.next_ns()});
      }
      next = std::max(next, network.now_ns() + 1);
      if (!network.step(next)) network.advance_to(next);
    }
  }
  void sleep_ms(std::uint64_t ms) {
    run([] { return false; }, ms);
  }
  std::uint64_t now_ms() { return network.now_ns() / kNsPerMs; }

  // Runs an operation to its end.
  template <class T>
  Result<T> wait(const std::function<void(Done<T>)>& operation, std::uint64_t limit_ms = 180'000) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    operation([result](Result<T> value) { *result = std::move(value); });
    if (!run([&] { return result->has_value(); }, limit_ms)) {
      ADD_FAILURE() << "the operation did not end";
      return fail(Errc::kTimeout, "the operation did not end");
    }
    return std::move(**result);
  }
  Result<Bytes> message(SimNode& from, const std::string& to, Bytes payload,
                        std::uint64_t timeout_ms = 3'000) {
    return wait<Bytes>([&](Done<Bytes> done) {
      from.node.send_message(wire::MultiAddr::parse(to).value(), std::move(payload), timeout_ms,
                             std::move(done));
    });
  }
  Result<SecureChannelInfo> channel(SimNode& from, const std::string& to,
                                    std::optional<std::vector<Identifier>> authorized = {},
                                    std::uint64_t timeout_ms = 5'000) {
    return wait<SecureChannelInfo>([&](Done<SecureChannelInfo> done) {
      from.node.create_secure_channel(
          {wire::MultiAddr::parse(to).value(), std::move(authorized), std::nullopt, timeout_ms},
          std::move(done));
    });
  }
  Result<RelayInfo> relay(SimNode& from, const std::string& at, const std::string& name) {
    return wait<RelayInfo>([&](Done<RelayInfo> done) {
      RelayRequest request;
      request.at = wire::MultiAddr::parse(at).value();
      request.name = name;
      request.relay_address = name;
      from.node.create_relay(request, std::move(done));
    });
  }
  Result<OutletStatus> outlet(SimNode& at, const SocketAddress& target) {
    return wait<OutletStatus>([&](Done<OutletStatus> done) {
      OutletRequest request;
      request.to = wire::HostnamePort::parse(target.text()).value();
      at.node.create_outlet(request, std::move(done));
    });
  }
  Result<InletStatus> inlet(SimNode& at, const std::string& to, const std::string& alias = "in",
                            std::uint64_t wait_ms = 5'000) {
    return wait<InletStatus>([&](Done<InletStatus> done) {
      InletRequest request;
      request.listen = wire::HostnamePort::parse("127.0.0.1:0").value();
      request.to = wire::MultiAddr::parse(to).value();
      request.alias = alias;
      request.wait_for_outlet_ms = wait_ms;
      at.node.create_inlet(request, std::move(done));
    });
  }
  // One request and its answer through a portal, by a target that answers with the same bytes.
  bool round_trip(SimPeer& peer, SimEnd target, const std::string& inlet, const std::string& text,
                  std::uint64_t limit_ms = 5'000) {
    const SimEnd client = peer.connect(SocketAddress::parse(inlet).value());
    peer.send(client, as_bytes(text));
    std::vector<SimEnd> served;
    std::string got;
    bool sent = false;
    const bool ok = run(
        [&] {
          if (!sent) sent = peer.send(client, as_bytes(text)) > 0;
          if (const SimEnd end = peer.accept(target); end >= 0) served.push_back(end);
          for (const SimEnd end : served) {
            const Bytes in = peer.receive(end);
            if (!in.empty()) peer.send(end, in);
          }
          got += std::string(as_text(peer.receive(client)));
          return got.size() >= text.size();
        },
        limit_ms);
    peer.close(client);
    for (const SimEnd end : served) peer.close(end);
    return ok && got.starts_with(text);
  }

  static std::string at(SimNode& node) {
    return "/ip4/127.0.0.1/tcp/" + std::to_string(node.node.resources().tcp_listener->port());
  }
  bool logged(const std::string& text) const {
    for (const std::string& line : log) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  SimNetwork network;
  SimClock clock;
  std::vector<std::string> log;

 private:
  std::uint32_t shards_;
  std::vector<std::unique_ptr<Persona>> personas_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
};

inline Bytes text_message(const std::string& text) { return wire::encode_bare_string(text); }

}  // namespace weir::test
