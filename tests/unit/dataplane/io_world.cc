#include "io_world.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/check.h"
#include "dataplane/io/sim_io.h"
#include "dataplane/io/uring_io.h"

namespace weir::io_test {
namespace {

std::uint64_t now_ns() { return SystemClock().now_ns(); }

class KernelWorld : public World {
 public:
  std::size_t reap(Io& io, std::span<IoEvent> events) override {
    return io.reap(events, now_ns() + kNsPerMs);
  }
  bool is_simulated() const override { return false; }
};

class EpollWorld final : public KernelWorld {
 public:
  std::unique_ptr<Io> make(BufferPool& pool) override {
    auto io = make_epoll_io(pool);
    CHECK(io.has_value());
    return std::move(*io);
  }
  std::size_t buffers_lent_max() const override { return 0; }
};

class UringWorld final : public KernelWorld {
 public:
  explicit UringWorld(const UringOptions& options) : options_(options) {}
  std::unique_ptr<Io> make(BufferPool& pool) override {
    auto io = make_uring_io(pool, options_);
    CHECK(io.has_value());
    return std::move(*io);
  }
  std::size_t buffers_lent_max() const override { return options_.no_provided_buffers ? 0 : 64; }

 private:
  UringOptions options_;
};

class SimWorld final : public World {
 public:
  explicit SimWorld(const SimParameters& parameters) : network_(42, parameters) {}
  std::unique_ptr<Io> make(BufferPool& pool) override {
    return std::make_unique<SimIo>(pool, network_);
  }
  std::size_t reap(Io& io, std::span<IoEvent> events) override {
    const std::size_t n = io.reap(events, 0);
    if (n == 0) network_.step(network_.now_ns() + kNsPerMs);
    return n;
  }
  bool is_simulated() const override { return true; }
  std::size_t buffers_lent_max() const override { return 0; }

 private:
  SimNetwork network_;
};

template <typename T, typename... Args>
Backend backend(std::string name, Args... args) {
  return {std::move(name), [args...] { return std::make_unique<T>(args...); }};
}

std::vector<Backend> find_backends() {
  std::vector<Backend> all;
  all.push_back(backend<EpollWorld>("epoll"));
  all.push_back(backend<SimWorld>("sim", SimParameters{}));
  SimParameters choppy;
  choppy.short_read = choppy.short_write = 400;
  choppy.stall = 2;
  choppy.window_bytes = 20'000;
  all.push_back(backend<SimWorld>("sim_choppy", choppy));
  BufferPool probe(kPlenty);
  if (auto io = make_uring_io(probe, UringOptions{}); !io) {
    std::printf("uring is not tested here: %s\n", io.error().text().c_str());
    return all;
  }
  const std::pair<const char*, bool UringOptions::*> forced[] = {
      {"uring_single_accept", &UringOptions::no_multishot_accept},
      {"uring_poll_receive", &UringOptions::no_provided_buffers},
      {"uring_coop_taskrun", &UringOptions::no_defer_taskrun},
      {"uring_plain_taskrun", &UringOptions::no_coop_taskrun},
      {"uring_queued_send", &UringOptions::queued_send},
      {"uring_no_poll_first", &UringOptions::no_poll_first},
      {"uring_small_rings", &UringOptions::tiny_rings},
  };
  all.push_back(backend<UringWorld>("uring", UringOptions{}));
  UringOptions oldest;
  for (const auto& [name, member] : forced) {
    UringOptions options;
    options.*member = true;
    if (member != &UringOptions::queued_send) oldest.*member = true;
    all.push_back(backend<UringWorld>(name, options));
  }
  all.push_back(backend<UringWorld>("uring_all_fallbacks", oldest));
  return all;
}

}  // namespace

const std::vector<Backend>& backends() {
  static const std::vector<Backend> all = find_backends();
  return all;
}

void Host::pump() {
  IoEvent events[64];
  const std::size_t n = world_.reap(*io, events);
  for (std::size_t i = 0; i < n; ++i) {
    if (on_event) {
      on_event(events[i]);
    } else {
      seen.push_back(events[i]);
    }
  }
}

const IoEvent* Host::find(IoEventKind kind, std::uint64_t user) const {
  for (const IoEvent& event : seen) {
    if (event.kind == kind && event.user == user) return &event;
  }
  return nullptr;
}

std::size_t Host::count(IoEventKind kind) const {
  std::size_t n = 0;
  for (const IoEvent& event : seen) n += event.kind == kind ? 1 : 0;
  return n;
}

bool pump_until(std::vector<Host*> hosts, const std::function<bool()>& done, int limit_ms) {
  const std::uint64_t end_ns = now_ns() + static_cast<std::uint64_t>(limit_ms) * kNsPerMs;
  while (!done()) {
    if (now_ns() > end_ns) return false;
    for (Host* host : hosts) host->pump();
  }
  return true;
}

Bytes pattern_bytes(std::uint64_t position, std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = pattern(position + i);
  return bytes;
}

std::size_t matching(ByteSpan bytes, std::uint64_t position) {
  std::size_t count = 0;
  while (count < bytes.size() && bytes[count] == pattern(position + count)) ++count;
  return count;
}

}  // namespace weir::io_test
