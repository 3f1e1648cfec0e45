// The epoll back end: ReadinessIo over one epoll instance per shard. Chosen where io_uring is
// forbidden.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dataplane/io/internal/readiness_io.h"
#include "dataplane/io/internal/wake_gate.h"

namespace weir {
namespace {

using namespace io_internal;

constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};
constexpr int kEpollEventsMax = 256;

class EpollNet {
 public:
  static constexpr const char* kName = "epoll";
  static constexpr bool kBlocks = true;

  explicit EpollNet(int epoll) : epoll_(epoll) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = kWakeTag;
    CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, gate_.descriptor(), &event) == 0);
  }
  ~EpollNet() { ::close(epoll_); }
  EpollNet(const EpollNet&) = delete;
  EpollNet& operator=(const EpollNet&) = delete;

  Result<int> listen(const SocketAddress& address, SocketAddress& bound) {
    return open_listener(address, bound);
  }
  Result<int> connect(const SocketAddress& address, const SocketOptions& options,
                      std::int32_t& progress) {
    return open_connection(address, options, progress);
  }
  std::int32_t connect_outcome(int fd) { return io_internal::connect_outcome(fd); }
  void apply(int fd, const SocketOptions& options) { apply_options(fd, options); }
  int accept(int fd, SocketAddress& peer) {
    socklen_t size = sizeof peer;
    const int accepted = accept4(fd, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return accepted >= 0 ? accepted : -errno;
  }
  std::int32_t send(int fd, std::span<const iovec> vectors, std::size_t skip) {
    return send_now(fd, vectors, skip);
  }
  std::int32_t receive(int fd, MutableByteSpan into) { return receive_now(fd, into); }
  void limit_unsent(int fd, std::uint32_t bytes) { io_internal::limit_unsent(fd, bytes); }
  void shutdown_send(int fd) { ::shutdown(fd, SHUT_WR); }
  // Leaves the epoll set too: no descriptor of ours is ever duplicated.
  void close(int fd, bool reset) {
    if (reset) make_reset_on_close(fd);
    ::close(fd);
  }

  bool watch(int fd, SocketId id, bool listener) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    if (!listener) event.events |= EPOLLOUT | EPOLLRDHUP | EPOLLPRI;
    event.data.u64 = id;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  // Takes in readiness, sleeping until the deadline (0: not at all). True if woken.
  template <typename Note>
  bool wait(std::uint64_t deadline_ns, Note note) {
    if (deadline_ns != 0 && !gate_.begin_sleep()) deadline_ns = 0;
    epoll_event events[kEpollEventsMax];
    const int count = wait_kernel(deadline_ns, events);
    const bool woken = gate_.end_sleep();
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 != kWakeTag) {
        note(static_cast<SocketId>(events[i].data.u64), edges(events[i].events));
      }
    }
    return woken;
  }
  void wake() { gate_.wake(); }
  std::uint64_t now_ns() const { return monotonic_ns(); }

 private:
  static unsigned edges(std::uint32_t bits) {
    unsigned result = 0;
    if ((bits & EPOLLIN) != 0) result |= kReadableEdge;
    if ((bits & EPOLLOUT) != 0) result |= kWritableEdge;
    if ((bits & (EPOLLHUP | EPOLLERR)) != 0) result |= kEndEdge;
    // The peer's half-close ends reading only, but makes a short receive mean nothing.
    if ((bits & EPOLLRDHUP) != 0) result |= kReadableEdge | kUrgentEdge;
    if ((bits & EPOLLPRI) != 0) result |= kUrgentEdge;
    return result;
  }

  int wait_kernel(std::uint64_t deadline_ns, epoll_event* events) {
    if (deadline_ns == 0) return epoll_wait(epoll_, events, kEpollEventsMax, 0);
    if (deadline_ns == kForever) return epoll_wait(epoll_, events, kEpollEventsMax, -1);
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    if (has_pwait2_) {
      const timespec timeout{static_cast<time_t>(left / kNsPerSecond),
                             static_cast<long>(left % kNsPerSecond)};
      const int n = epoll_pwait2(epoll_, events, kEpollEventsMax, &timeout, nullptr);
      if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
      has_pwait2_ = false;  // before Linux 5.11, or a container that does not know it
    }
    const std::uint64_t left_ms =
        std::min<std::uint64_t>((left + kNsPerMs - 1) / kNsPerMs, 1'000'000'000);
    return epoll_wait(epoll_, events, kEpollEventsMax, static_cast<int>(left_ms));
  }

  const int epoll_;
  WakeGate gate_;
  bool has_pwait2_ = true;
};

}  // namespace

Result<std::unique_ptr<Io>> make_epoll_io(BufferPool& pool) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return fail(Errc::kIo, "epoll_create1 failed");
  return std::make_unique<ReadinessIo<EpollNet>>(pool, epoll);
}

}  // namespace weir
