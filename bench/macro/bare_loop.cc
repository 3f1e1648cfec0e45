// The floor under a relay: receive, AES-256-GCM twice over 48 KiB pieces, send. No framing, no
// routing, no io_uring; one thread, one epoll set.
//
//   bare_loop --listen PORT --to PORT ... [--bytes N] [--no-crypto]   on 127.0.0.1, any number
//   bare_loop --listen PORT --echo [--bytes N]                        sends back what comes
//
// Each piece is sealed and at once opened again under the same key and nonce, so that the
// application behind it gets its bytes unchanged while the cipher does what a relay's open and seal
// cost. Nobody is protected by it: the key is zero.
//
// One receive takes at most --bytes (default 1 MiB) and one send gives them on. What a send does
// not take keeps its buffer until the socket is writable; until then its source is not read.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "crypto/aead.h"

namespace {

constexpr std::size_t kPieceBytes = 48 << 10;  // what a portal puts into a frame

struct Hop {
  std::uint16_t listen = 0;
  std::uint16_t to = 0;  // 0: echo
};

struct Options {
  std::vector<Hop> hops;
  std::size_t bytes = 1 << 20;
  bool crypto = true;
  bool echo = false;
};

class Cipher {
 public:
  Cipher() : aead_(weir::Aead::create_best()), key_(aead_->make_key()) {
    const std::array<std::uint8_t, weir::kAeadKeyBytes> zero{};
    aead_->set_key(key_, zero);
  }
  const char* name() const { return aead_->name(); }
  void twice(std::uint8_t* data, std::size_t size) {
    for (std::size_t at = 0; at < size; at += kPieceBytes) {
      const weir::AeadSegment piece{data + at, std::min(kPieceBytes, size - at)};
      std::uint8_t tag[weir::kAeadTagBytes];
      weir::SealJob seal{&key_, ++nonce_, &piece, 1, {}, tag};
      aead_->seal({&seal, 1});
      weir::OpenJob open{&key_, nonce_, {piece.data, piece.size}, {}, tag, false};
      aead_->open({&open, 1});
      CHECK(open.ok);
    }
  }

 private:
  std::unique_ptr<weir::Aead> aead_;
  weir::AeadKey key_;
  std::uint64_t nonce_ = 0;
};

using Memory = std::unique_ptr<std::uint8_t[]>;

// One end of a connection and what waits to be sent to it (an echo's peer is itself), or a
// listener.
struct End {
  int fd = -1;
  const Hop* hop = nullptr;  // listener
  End* peer = nullptr;
  Memory waiting;  // null: nothing waits
  std::size_t begin = 0;
  std::size_t end = 0;
  bool readable = false;
  bool writable = false;
  bool ended = false;         // the kernel has the end of its stream, perhaps behind data
  bool read_closed = false;   // our side has seen the end of its stream
  bool write_closed = false;  // the peer's end was passed on
};

class Loop {
 public:
  explicit Loop(const Options& options) : options_(options), epoll_(epoll_create1(0)) {
    CHECK(epoll_ >= 0);
    hot_ = take();
  }
  const char* cipher() const { return options_.crypto ? cipher_.name() : "none"; }
  void listen(int fd, const Hop& hop) {
    listeners_.push_back(std::make_unique<End>());
    listeners_.back()->fd = fd;
    listeners_.back()->hop = &hop;
    watch(fd, listeners_.back().get(), EPOLLIN);
  }
  void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (n < 0 && errno != EINTR) return;
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        End& end = *static_cast<End*>(event.data.ptr);
        if (end.hop != nullptr) {
          accept_all(end.fd, *end.hop);
        } else {
          note(end, event.events);
        }
      }
      gone_.clear();  // no event of this round names them any more
    }
  }

 private:
  Memory take() {
    if (free_.empty()) return Memory(new std::uint8_t[options_.bytes]);
    Memory out = std::move(free_.back());
    free_.pop_back();
    return out;
  }
  void watch(int fd, void* what, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  void accept_all(int listener, const Hop& hop) {
    for (;;) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int target = hop.to == 0 ? -1 : dial(hop.to);
      if (hop.to != 0 && target < 0) {
        close(fd);
        continue;
      }
      add(fd, target);
    }
  }
  static int dial(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A target on loopback answers within the call, or not at all.
    sockaddr any;
    std::memcpy(&any, &to, sizeof any);
    if (fd >= 0 && connect(fd, &any, sizeof to) < 0 && errno != EINPROGRESS) {
      close(fd);
      return -1;
    }
    return fd;
  }
  void add(int fd, int target) {
    constexpr std::uint32_t kBoth = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    const int yes = 1;
    End* near = new End{};
    near->fd = fd;
    near->peer = near;
    if (target >= 0) {
      End* far = new End{};
      far->fd = target;
      far->peer = near;
      near->peer = far;
      setsockopt(target, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(fd, near, kBoth);
    if (target >= 0) watch(target, near->peer, kBoth);
  }
  void note(End& end, std::uint32_t events) {
    if (end.fd < 0) return;
    if ((events & EPOLLERR) != 0) return drop(end);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) end.readable = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) end.ended = true;
    if ((events & EPOLLOUT) != 0) end.writable = true;
    if (end.waiting && end.writable && !flush(end)) return drop(end);
    if (!pump(end)) return drop(end);
    // What waited here held its source back.
    if (end.fd >= 0 && end.peer != &end && !pump(*end.peer)) drop(end);
  }
  // Reads `from` and sends to its peer until one of them has no more. False: the connection broke.
  bool pump(End& from) {
    End& to = *from.peer;
    while (from.readable && !from.read_closed && to.waiting == nullptr) {
      const ssize_t n = recv(from.fd, hot_.get(), options_.bytes, 0);
      if (n < 0 && errno == EAGAIN) {
        from.readable = false;
        return true;
      }
      if (n < 0) return false;
      if (n == 0) {
        from.read_closed = true;
        break;
      }
      // A short read has emptied the socket: what comes later is another edge.
      from.readable = static_cast<std::size_t>(n) == options_.bytes || from.ended;
      if (options_.crypto) cipher_.twice(hot_.get(), static_cast<std::size_t>(n));
      if (!pass(to, static_cast<std::size_t>(n))) return false;
    }
    if (from.read_closed && to.waiting == nullptr && !to.write_closed) {
      to.write_closed = true;
      shutdown(to.fd, SHUT_WR);
    }
    return !(from.write_closed && to.write_closed);  // both ways ended: done
  }
  bool pass(End& to, std::size_t size) {
    std::size_t done = 0;
    if (to.writable) {
      const ssize_t n = send(to.fd, hot_.get(), size, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      done = n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    if (done == size) return true;
    to.writable = false;
    to.waiting = std::exchange(hot_, take());
    to.begin = done;
    to.end = size;
    return true;
  }
  bool flush(End& to) {
    while (to.begin < to.end) {
      const ssize_t n = send(to.fd, to.waiting.get() + to.begin, to.end - to.begin, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) {
        to.writable = false;
        return true;
      }
      if (n < 0) return false;
      to.begin += static_cast<std::size_t>(n);
    }
    free_.push_back(std::move(to.waiting));
    return true;
  }
  void drop(End& end) {
    for (End* one : {&end, end.peer}) {
      if (one->fd < 0) continue;
      close(std::exchange(one->fd, -1));
      if (one->waiting) free_.push_back(std::move(one->waiting));
      gone_.emplace_back(one);
    }
  }

  const Options options_;
  const int epoll_;
  Cipher cipher_;
  Memory hot_;  // where the next receive goes
  std::vector<Memory> free_;
  std::vector<std::unique_ptr<End>> listeners_;
  std::vector<std::unique_ptr<End>> gone_;
};

int listen_on(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr any;
  std::memcpy(&any, &at, sizeof any);
  if (bind(fd, &any, sizeof at) < 0 || listen(fd, 1024) < 0) return -1;
  return fd;
}

template <typename T>
bool number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out > 0;
}

bool parse(int count, char** words, Options& out) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const std::string_view value = i + 1 < count ? words[i + 1] : "";
    if (word == "--no-crypto") {
      out.crypto = false;
    } else if (word == "--echo") {
      out.echo = true;
    } else if (word == "--listen" && number(value, out.hops.emplace_back().listen)) {
      ++i;
    } else if (word == "--to" && !out.hops.empty() && number(value, out.hops.back().to)) {
      ++i;
    } else if (word == "--bytes" && number(value, out.bytes)) {
      ++i;
    } else {
      return false;
    }
  }
  if (out.echo) out.crypto = false;
  for (const Hop& hop : out.hops) {
    if ((hop.to == 0) != out.echo) return false;
  }
  return !out.hops.empty() && out.bytes >= 1024 && out.bytes <= 64 << 20;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  if (!parse(count, words, options)) {
    std::fprintf(stderr,
                 "usage: bare_loop (--listen PORT --to PORT)... [--no-crypto] [--bytes N]\n"
                 "       bare_loop --listen PORT --echo [--bytes N]\n");
    return 2;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Loop loop(options);
  for (const Hop& hop : options.hops) {
    const int fd = listen_on(hop.listen);
    if (fd < 0) {
      std::perror("bare_loop: listen");
      return 1;
    }
    loop.listen(fd, hop);
  }
  std::printf("bare_loop: %zu bytes per call, cipher %s\n", options.bytes, loop.cipher());
  std::fflush(stdout);
  loop.run();
  return 1;
}
