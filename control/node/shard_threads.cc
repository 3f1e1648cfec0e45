#include "control/node/shard_threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <limits>
#include <thread>

#include "dataplane/io/io.h"
#include "dataplane/io/uring_io.h"
#include "dataplane/shard/shard.h"

namespace weir {
namespace {

// Control's end of one shard's rings. What does not fit waits here; a wake per batch is the Io's
// business.
class RingPort final : public ShardPort {
 public:
  RingPort(ShardRings& rings, std::function<void()> wake) : rings_(rings), wake_(std::move(wake)) {}

  void send(Command command) override {
    waiting_.push_back(std::move(command));
    push();
    if (++unannounced_ >= kUnannouncedMax) flush();
  }
  // A wake-up is a system call here and a turn there; but a shard that waited for the end of a long
  // turn of control would make its peers wait, too.
  bool flush() override {
    if (!waiting_.empty()) {
      push();
      ++unannounced_;
    }
    if (unannounced_ != 0) {
      unannounced_ = 0;
      wake_();
    }
    return waiting_.empty();
  }
  bool poll(Event& event) override {
    if (!waiting_.empty()) {
      push();
      ++unannounced_;
    }
    return rings_.events.pop(event);
  }

 private:
  void push() {
    while (!waiting_.empty() && rings_.commands.push(std::move(waiting_.front())))
      waiting_.pop_front();
  }
  static constexpr std::uint32_t kUnannouncedMax = 16;
  ShardRings& rings_;
  std::function<void()> wake_;
  std::deque<Command> waiting_;
  std::uint32_t unannounced_ = 0;
};

// Everything that belongs to one shard, in the order in which it must go.
struct ShardSlot {
  explicit ShardSlot(const ShardLimits& limits) : pool(limits.buffers) {}
  BufferPool pool;
  SystemRng rng;
  ShardRings rings;
  std::unique_ptr<Aead> aead;
  std::unique_ptr<Io> io;
  std::unique_ptr<Shard> shard;
  std::unique_ptr<RingPort> port;
  std::thread thread;
};

class Threads final : public ShardThreads {
 public:
  ~Threads() override {
    for (auto& slot : slots_) {
      if (slot->port == nullptr) continue;
      slot->port->send(StopShard{});
      // A node with thousands of channels says good-bye in more commands than the ring has room
      // for.
      while (!slot->port->flush()) std::this_thread::yield();
    }
    for (auto& slot : slots_) {
      if (slot->thread.joinable()) slot->thread.join();
    }
    // Back ends end before the memory that the kernel may still write to.
    for (auto& slot : slots_) slot->io.reset();
  }

  Status make(const ShardThreadsOptions& options, Clock& clock, std::function<void()> wake_control,
              std::string& note) {
    const std::size_t count = std::max<std::size_t>(options.cores.size(), 1);
    for (std::size_t i = 0; i < count; ++i) {
      auto slot = std::make_unique<ShardSlot>(options.limits);
      slot->aead = Aead::create_best();
      std::string line;
      auto io = make_best_io(slot->pool, line);
      if (!io) return pass(io);
      if (!line.empty()) note = line;
      slot->io = std::move(*io);
      slots_.push_back(std::move(slot));
    }
    for (std::size_t i = 0; i < count * count; ++i) {
      cross_.push_back(i / count == i % count ? nullptr
                                              : std::make_unique<CrossRing>(kCrossRingSlots));
    }
    for (std::size_t i = 0; i < count; ++i) make_shard(i, options, clock, wake_control);
    for (std::size_t i = 0; i < count; ++i) run(i, options);
    return {};
  }

  std::vector<ShardPort*> ports() override {
    std::vector<ShardPort*> out;
    for (auto& slot : slots_) out.push_back(slot->port.get());
    return out;
  }
  const char* io_name() const override { return slots_.front()->io->name(); }
  const char* aead_name() const override { return slots_.front()->aead->name(); }

 private:
  void make_shard(std::size_t i, const ShardThreadsOptions& options, Clock& clock,
                  const std::function<void()>& wake_control) {
    const std::size_t count = slots_.size();
    ShardSlot& slot = *slots_[i];
    std::vector<Shard::Peer> peers(count);
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      Io* io = slots_[j]->io.get();
      peers[j] = {cross_[i * count + j].get(), cross_[j * count + i].get(), [io] { io->wake(); }};
    }
    ShardConfig config;
    config.id = static_cast<ShardId>(i);
    config.shard_count = static_cast<std::uint32_t>(count);
    config.spin_ns = options.spin_us * std::uint64_t{1000};
    config.limits = options.limits;
    slot.shard = std::make_unique<Shard>(config, *slot.io, slot.pool, *slot.aead, clock, slot.rng,
                                         slot.rings, wake_control, std::move(peers));
    Io* io = slot.io.get();
    slot.port = std::make_unique<RingPort>(slot.rings, [io] { io->wake(); });
  }

  void run(std::size_t i, const ShardThreadsOptions& options) {
    ShardSlot& slot = *slots_[i];
    slot.thread = std::thread([&slot] {
      while (!slot.shard->stopped()) slot.shard->step(std::numeric_limits<std::uint64_t>::max());
    });
    pthread_setname_np(slot.thread.native_handle(), ("shard-" + std::to_string(i)).c_str());
    if (i >= options.cores.size()) return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<std::size_t>(options.cores[i]), &cpus);
    pthread_setaffinity_np(slot.thread.native_handle(), sizeof cpus, &cpus);
  }

  std::vector<std::unique_ptr<ShardSlot>> slots_;
  std::vector<std::unique_ptr<CrossRing>> cross_;  // [from * count + to]
};

}  // namespace

Result<std::unique_ptr<ShardThreads>> ShardThreads::start(const ShardThreadsOptions& options,
                                                          Clock& clock,
                                                          std::function<void()> wake_control,
                                                          std::string& note) {
  auto threads = std::make_unique<Threads>();
  if (Status made = threads->make(options, clock, std::move(wake_control), note); !made) {
    return pass(made);
  }
  return threads;
}

Result<std::vector<int>> parse_cores(const std::string& text) {
  std::vector<int> cores;
  const char* at = text.data();
  const char* end = at + text.size();
  const auto number = [&](int& out) {
    const auto [next, error] = std::from_chars(at, end, out);
    if (error != std::errc{} || out < 0 || out >= CPU_SETSIZE) return false;
    at = next;
    return true;
  };
  while (at != end) {
    int first = 0;
    if (!number(first)) return fail(Errc::kInvalid, "cores are CPU numbers like 0-3 or 0,2", text);
    int last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last) || last < first) {
        return fail(Errc::kInvalid, "cores are CPU numbers like 0-3 or 0,2", text);
      }
    }
    for (int core = first; core <= last; ++core) cores.push_back(core);
    if (at == end) break;
    if (*at++ != ',' || at == end) {
      return fail(Errc::kInvalid, "cores are CPU numbers like 0-3 or 0,2", text);
    }
  }
  if (cores.size() > 64) return fail(Errc::kInvalid, "at most 64 shards", text);
  return cores;
}

}  // namespace weir
