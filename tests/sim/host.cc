#include "tests/sim/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "tests/sim/failure.h"

namespace weir::sim {
namespace {

constexpr const char* kNames[] = {"inlet", "relay", "outlet"};
constexpr std::uint16_t kFirstPort = 4000;
// A shard that polls for buffers asks for another turn at once; virtual time must go on meanwhile.
constexpr std::uint64_t kPollNs = 20'000;

}  // namespace

void RingPort::send(Command command) {
  waiting_.push_back(std::move(command));
  push();
  wake_();
}

bool RingPort::poll(Event& event) {
  if (!waiting_.empty()) push();
  if (!waiting_.empty()) wake_();
  return rings_.events.pop(event);
}

void RingPort::push() {
  while (!waiting_.empty() && rings_.commands.push(std::move(waiting_.front())))
    waiting_.pop_front();
}

ShardThread::ShardThread(SimNetwork& network, Plant& plant, Clock& clock, std::uint64_t seed,
                         const ShardConfig& config, bool openssl, std::uint32_t ring_slots,
                         std::function<void()> wake_control, std::vector<Shard::Peer> peers)
    : pool(config.limits.buffers),
      io(pool, network),
      network_(network),
      planted_(io, pool, plant),
      rng_(seed),
      aead_(openssl ? Aead::create_openssl() : Aead::create_best()),
      rings{SpscRing<Command>(ring_slots), SpscRing<Event>(ring_slots)},
      shard(config, planted_, pool, *aead_, clock, rng_, rings, std::move(wake_control),
            std::move(peers)),
      port(rings, [this] { io.wake(); }) {}

std::uint64_t ShardThread::deadline_ns() const {
  const std::uint64_t deadline = io.deadline_ns();
  return deadline == 0 ? last_turn_ns_ + kPollNs : deadline;
}

void ShardThread::turn() {
  last_turn_ns_ = network_.now_ns();
  shard.step(std::numeric_limits<std::uint64_t>::max());
}

std::string Census::to_string() const {
  return fmt::format("{} workers, {} links, {} channels, {} streams, {} buffers", workers, links,
                     channels, streams, buffers);
}

// A node's process: in the order in which it must go.
struct Host::Running final : Thread {
  Running(Host& h, std::unique_ptr<State> opened)
      : host(h),
        rng(h.rng_.next_u64()),
        state(std::move(opened)),
        vault(make_stored_vault(state->database(), rng)),
        store(*state),
        secrets(*vault),
        identities(store, secrets, h.clock) {}
  ~Running() override {
    node.reset();
    for (auto& ring : cross) {
      CrossMessage message;
      while (ring != nullptr && ring->messages.pop(message)) {
        if (message.socket >= 0) host.network_.close(message.socket, false);
      }
    }
  }
  void make_shards();
  void make_node();

  bool is_due() const override {
    return woken || node->next_deadline_ns() <= host.network_.now_ns();
  }
  std::uint64_t deadline_ns() const override { return node->next_deadline_ns(); }
  void turn() override {
    woken = false;
    node->step();
    if (!started || !restore) return;
    restore = false;
    node->restore_all();
  }

  Host& host;
  SeededRng rng;
  std::unique_ptr<State> state;
  std::unique_ptr<Vault> vault;
  StateIdentityStore store;
  VaultSecretStore secrets;
  Identities identities;
  TableResolver resolver;
  std::vector<std::unique_ptr<CrossRing>> cross;  // [from * count + to]
  std::vector<std::unique_ptr<ShardThread>> shards;
  std::unique_ptr<Node> node;
  bool woken = true;
  bool restore = false;
  bool started = false;
};

void Host::Running::make_shards() {
  const Scenario& scenario = host.scenario_;
  const std::uint32_t count = scenario.shards[static_cast<int>(host.role)];
  for (std::uint32_t i = 0; i < count * count; ++i) {
    cross.push_back(i / count == i % count ? nullptr
                                           : std::make_unique<CrossRing>(scenario.ring_slots));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    std::vector<Shard::Peer> peers(count);
    for (std::uint32_t j = 0; j < count; ++j) {
      if (j == i) continue;
      peers[j] = {cross[i * count + j].get(), cross[j * count + i].get(),
                  [this, j] { shards[j]->io.wake(); }};
    }
    const ShardConfig config{static_cast<ShardId>(i), count, scenario.limits};
    shards.push_back(std::make_unique<ShardThread>(
        host.network_, host.plant_, host.clock, rng.next_u64(), config, scenario.openssl,
        scenario.ring_slots, [this] { woken = true; }, std::move(peers)));
  }
}

void Host::Running::make_node() {
  NodeConfig config;
  config.name = host.name;
  config.identity = host.id;
  config.tcp_listener = host.listener;
  config.channel_linger_ms = host.scenario_.linger_ms;
  std::vector<ShardPort*> ports;
  for (auto& shard : shards) ports.push_back(&shard->port);
  node =
      std::make_unique<Node>(std::move(config), std::move(ports), state.get(), identities, resolver,
                             host.clock, rng, [this](LogLevel level, const std::string& line) {
                               if (level == LogLevel::kTrace) return;
                               host.log_(fmt::format("{} {}", log_level_name(level), line));
                             });
}

Host::Host(SimNetwork& network, const Scenario& scenario, Plant& plant, HostRole r, Log log)
    : role(r),
      name(kNames[static_cast<int>(r)]),
      clock(network),
      listener(SocketAddress::v4_loopback(
          static_cast<std::uint16_t>(kFirstPort + static_cast<std::uint16_t>(r)))),
      network_(network),
      scenario_(scenario),
      plant_(plant),
      log_(std::move(log)),
      rng_(scenario.seed * 16 + static_cast<std::uint64_t>(r)) {}

Host::~Host() = default;

bool Host::boot(bool restore) {
  CHECK(running_ == nullptr);
  auto state = State::open({.home = "/sim", .vfs = disk.name()});
  if (!state) {
    log_("does not start: " + state.error().text());
    return false;
  }
  auto made = std::make_unique<Running>(*this, std::move(*state));
  if (!restore) {
    const auto identity = made->identities.create();
    if (!identity) throw Failure("no identity on a healthy disk: " + identity.error().text());
    id = (*identity)->identifier();
  } else if (const auto known = made->identities.get(id); !known) {
    if (known.error().code == Errc::kNotFound) throw Failure(name + ": its identity is gone");
    log_("does not start: " + known.error().text());
    return false;
  }
  running_ = std::move(made);
  running_->make_shards();
  running_->make_node();
  running_->restore = restore;
  ++starts;
  Running* now = running_.get();
  now->node->start([this, now](const Result<std::optional<SocketAddress>>& bound) {
    if (!bound) {
      log_("listener not bound: " + bound.error().text());
      return;
    }
    now->started = true;
    now->woken = true;
  });
  return true;
}

void Host::crash(Crash how, std::uint32_t choice) {
  if (running_ == nullptr) return;
  if (how == Crash::kPower) {
    disk.cut_power_after(0);
    for (auto& shard : running_->shards) shard->io.lose_all();
  }
  running_.reset();
  if (how == Crash::kProcess) return;
  const auto survives = choice % 2 == 0 ? FaultVfs::Survives::kNothing : FaultVfs::Survives::kSome;
  disk.crash(survives, rng_);
  disk.heal();
}

void Host::shut_down() {
  if (running_ != nullptr) running_->node->shutdown();
}

void Host::stop_shards() {
  if (running_ == nullptr) return;
  for (auto& shard : running_->shards) shard->port.send(StopShard{});
}

bool Host::is_started() const {
  return running_ != nullptr && running_->started && !running_->restore;
}

Node& Host::node() { return *running_->node; }

std::vector<Thread*> Host::threads() {
  std::vector<Thread*> out;
  if (running_ == nullptr) return out;
  for (auto& shard : running_->shards) out.push_back(shard.get());
  out.push_back(running_.get());
  return out;
}

Census Host::census() const {
  Census sum;
  if (running_ == nullptr) return sum;
  for (const auto& thread : running_->shards) {
    Shard& shard = thread->shard;
    shard.arena.release();  // part-used, as a shard's that was busy just now, and no leak
    sum.workers += shard.table.size();
    sum.links += shard.links.size();
    sum.channels += shard.channels.size();
    sum.streams += shard.portals.size();
    for (int c = 0; c < kBufferClasses; ++c)
      sum.buffers += thread->pool.in_use(static_cast<BufferClass>(c));
  }
  return sum;
}

std::string Host::drops() const {
  std::string out;
  if (running_ == nullptr) return out;
  for (const auto& thread : running_->shards) {
    for (int i = 1; i < static_cast<int>(DropReason::kCount); ++i) {
      const auto reason = static_cast<DropReason>(i);
      const std::uint64_t count = thread->shard.counters.dropped(reason);
      if (count == 0) continue;
      out +=
          fmt::format(" shard {} {} {},", thread->shard.config.id, drop_reason_name(reason), count);
    }
  }
  return out;
}

std::vector<std::string> Host::dump() const {
  std::vector<std::string> out;
  if (running_ == nullptr) return out;
  const auto queue = [](const TxQueue& tx) {
    return fmt::format("{} B to send{}{}{}", tx.bytes, tx.in_flight ? ", in flight" : "",
                       tx.dirty ? ", due" : "", tx.waiters != nullptr ? ", sources wait" : "");
  };
  const auto source = [](const RxState& rx, const Source& from) {
    return fmt::format("{} B read, {}{}", rx.end - rx.begin, rx.armed ? "reading" : "not reading",
                       from.waiting ? ", waits for a queue" : "");
  };
  for (const auto& thread : running_->shards) {
    const ShardId shard = thread->shard.config.id;
    thread->shard.links.for_each([&](const Link& link) {
      out.push_back(fmt::format("{}/{} {} connection with {}: {}; {}{}", name, shard,
                                link.outgoing ? "outgoing" : "accepted", link.peer.text(),
                                queue(link.tx), source(link.rx, link.source),
                                link.waits_for_control ? ", waits for control" : ""));
    });
    thread->shard.portals.for_each([&](const Stream& stream) {
      out.push_back(fmt::format(
          "{}/{} stream of {} with {}, state {}{}: {} of {} B sent, {} of {} received; {}; {}",
          name, shard, stream.inlet ? "inlet" : "outlet", stream.application.text(),
          static_cast<int>(stream.state), stream.broken ? ", broken" : "", stream.sent,
          stream.send_limit, stream.received, stream.receive_limit, queue(stream.tx),
          source(stream.rx, stream.source)));
    });
    std::string buffers;
    for (int c = 0; c < kBufferClasses; ++c) {
      const auto size_class = static_cast<BufferClass>(c);
      buffers +=
          fmt::format(" {}/{}", thread->pool.in_use(size_class), thread->pool.limit(size_class));
    }
    out.push_back(fmt::format("{}/{} buffers in use:{}", name, shard, buffers));
  }
  return out;
}

void Host::check_bounds() const {
  if (running_ == nullptr) return;
  const ShardLimits& limits = scenario_.limits;
  // Every source may add one message after the mark was passed; control's are few and small.
  constexpr std::size_t kSourcesMax = 24;
  constexpr std::size_t kControlBytes = 65'536;
  const std::size_t link_max = limits.queue_high_bytes + limits.queue_reserve_bytes +
                               kSourcesMax * (limits.portal_chunk_bytes + 1024) + kControlBytes;
  const std::size_t stream_max = limits.stream_window_bytes_max + limits.portal_chunk_bytes;
  for (const auto& thread : running_->shards) {
    thread->shard.links.for_each([&](const Link& link) {
      if (link.tx.bytes > link_max) {
        throw Failure(fmt::format("{}: {} bytes wait for one connection, more than {}", name,
                                  link.tx.bytes, link_max));
      }
    });
    thread->shard.portals.for_each([&](const Stream& stream) {
      if (stream.tx.bytes > stream_max) {
        throw Failure(fmt::format("{}: {} bytes wait for one application, more than {}", name,
                                  stream.tx.bytes, stream_max));
      }
    });
  }
}

}  // namespace weir::sim
