// A shard with a real back end, stepped by the test's own thread, and raw TCP peers around it.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "dataplane/shard/shard.h"
#include "dataplane/wire/message.h"

namespace weir::test {

inline EncodedRoute route(std::initializer_list<std::string> hops) {
  EncodedRoute out;
  for (const std::string& hop : hops) {
    const Bytes one = wire::Address::local(hop).encode();
    out.items.insert(out.items.end(), one.begin(), one.end());
    ++out.count;
  }
  return out;
}

struct TestShard {
  explicit TestShard(ShardConfig wanted = {}) : config(std::move(wanted)) {}
  SystemClock clock;
  SeededRng rng{7};
  ShardConfig config;
  BufferPool pool{ShardLimits{}.buffers};
  std::unique_ptr<Io> io = std::move(*make_epoll_io(pool));
  std::unique_ptr<Aead> aead = Aead::create_best();
  ShardRings rings;
  Shard shard{config, *io, pool, *aead, clock, rng, rings, [] {}};
  std::vector<Event> events;

  void send(Command command) { ASSERT_TRUE(rings.commands.push(std::move(command))); }
  void step(std::uint64_t wait_ms = 1) {
    shard.step(clock.now_ns() + wait_ms * kNsPerMs);
    for (Event event; rings.events.pop(event);) events.push_back(std::move(event));
  }
  template <typename T>
  T* find() {
    for (Event& event : events) {
      if (T* found = std::get_if<T>(&event)) return found;
    }
    return nullptr;
  }
  template <typename T>
  T take() {
    for (int i = 0; i < 2000; ++i) {
      for (std::size_t j = 0; j < events.size(); ++j) {
        if (T* found = std::get_if<T>(&events[j])) {
          T out = std::move(*found);
          events.erase(events.begin() + static_cast<std::ptrdiff_t>(j));
          return out;
        }
      }
      step();
    }
    ADD_FAILURE() << "no such event";
    return {};
  }
  SocketAddress listen(FlowId flow = 0xff000001) {
    ListenTransport command;
    command.listener = 1;
    command.address = SocketAddress::v4_loopback(0);
    command.flow = flow;
    send(command);
    return take<Listening>().bound;
  }
};

// A peer that speaks TCP by hand.
class RawPeer {
 public:
  RawPeer(TestShard& shard, const SocketAddress& to) : shard_(shard) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd_, &to.any, to.size());
    write({1});
  }
  ~RawPeer() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }
  void write(const Bytes& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EAGAIN) {
        return;
      } else {
        shard_.step(0);
      }
    }
  }
  void write_frame(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload) {
    const Bytes body =
        wire::encode_message({onward.items, onward.count}, {ret.items, ret.count}, payload);
    Bytes frame(4);
    store_be32(frame.data(), static_cast<std::uint32_t>(body.size()));
    frame.insert(frame.end(), body.begin(), body.end());
    write(frame);
  }
  // Reads until `size` bytes are there, the peer closed or two seconds are over.
  bool read_until(std::size_t size) {
    for (int i = 0; i < 2000 && in.size() < size; ++i) {
      std::uint8_t chunk[65536];
      const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
      if (n > 0) {
        in.insert(in.end(), chunk, chunk + n);
        i = 0;
        continue;
      }
      if (n == 0 || (errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN)) {
        closed = true;
        return in.size() >= size;
      }
      shard_.step();
    }
    return in.size() >= size;
  }
  // The next frame's body; empty if none comes.
  Bytes read_frame() {
    if (!version_read_) {
      if (!read_until(1)) return {};
      EXPECT_EQ(in[0], 1);
      in.erase(in.begin());
      version_read_ = true;
    }
    if (!read_until(4)) return {};
    const std::size_t size = load_be32(in.data());
    if (!read_until(4 + size)) return {};
    Bytes body(in.begin() + 4, in.begin() + 4 + static_cast<std::ptrdiff_t>(size));
    in.erase(in.begin(), in.begin() + 4 + static_cast<std::ptrdiff_t>(size));
    return body;
  }
  Bytes in;
  bool closed = false;

 private:
  TestShard& shard_;
  int fd_ = -1;
  bool version_read_ = false;
};

}  // namespace weir::test
