// What parts of io_uring would gain that weir does without: files registered with the ring, and
// MSG_RING to wake another thread's ring instead of an eventfd that the ring polls. CPU time counts
// (of the process, the kernel's part included): see docs/tuning.md.
#ifdef WEIR_HAVE_URING

#include <benchmark/benchmark.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "base/check.h"

namespace weir {
namespace {

// As the back end makes its ring.
struct Ring {
  explicit Ring(unsigned entries = 64) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    ok = io_uring_queue_init_params(entries, &ring, &params) == 0;
  }
  ~Ring() {
    if (ok) io_uring_queue_exit(&ring);
  }
  io_uring ring{};
  bool ok = false;
};

struct TcpPair {
  TcpPair() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    CHECK(bind(listener, &generic, sizeof address) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, &generic, &size) == 0);
    near = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(near, &generic, size) == 0);
    far = accept(listener, nullptr, nullptr);
    const int on = 1;
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::close(listener);
  }
  ~TcpPair() {
    ::close(near);
    ::close(far);
  }
  int near = -1;
  int far = -1;
};

// 64 bytes come on a connection and are received.
void receive(benchmark::State& state, bool is_fixed) {
  Ring ring;
  if (!ring.ok) return state.SkipWithError("no io_uring here");
  const TcpPair pair;
  if (is_fixed && io_uring_register_files(&ring.ring, &pair.far, 1) != 0)
    return state.SkipWithError("no registered files here");
  char out[64] = {};
  char in[4096];
  for (auto _ : state) {
    CHECK(send(pair.near, out, sizeof out, 0) == sizeof out);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
    io_uring_prep_recv(sqe, is_fixed ? 0 : pair.far, in, sizeof in, 0);
    if (is_fixed) sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_submit_and_wait(&ring.ring, 1);
    io_uring_cqe* cqe = nullptr;
    CHECK(io_uring_peek_cqe(&ring.ring, &cqe) == 0 && cqe->res == sizeof out);
    io_uring_cqe_seen(&ring.ring, cqe);
  }
}
void receive_by_descriptor(benchmark::State& state) { receive(state, false); }
void receive_by_registered_file(benchmark::State& state) { receive(state, true); }
BENCHMARK(receive_by_descriptor)->MeasureProcessCPUTime();
BENCHMARK(receive_by_registered_file)->MeasureProcessCPUTime();

// Two threads that wake each other in turn, both asleep in their rings meanwhile: per iteration two
// wake-ups.
struct Sleeper {
  Ring ring{64};
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ~Sleeper() { ::close(event); }

  void poll_event() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
    io_uring_prep_poll_multishot(sqe, event, POLLIN);
    sqe->user_data = 1;
  }
  void wait() {
    io_uring_cqe* cqe = nullptr;
    do {
      io_uring_submit_and_wait(&ring.ring, 1);
    } while (io_uring_peek_cqe(&ring.ring, &cqe) != 0);
    while (io_uring_peek_cqe(&ring.ring, &cqe) == 0) {
      if (cqe->user_data == 1 && (cqe->flags & IORING_CQE_F_MORE) == 0) poll_event();
      io_uring_cqe_seen(&ring.ring, cqe);
    }
    std::uint64_t count = 0;
    (void)!read(event, &count, sizeof count);
  }
  void wake_by_event(const Sleeper& other) {
    const std::uint64_t one = 1;
    CHECK(write(other.event, &one, sizeof one) == sizeof one);
  }
  // Leaves with the next enter, as all of a turn's submissions do.
  void wake_by_message(const Sleeper& other) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
    io_uring_prep_msg_ring(sqe, other.ring.ring.ring_fd, 0, 2, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }
};

void wake(benchmark::State& state, bool by_message) {
  std::atomic<Sleeper*> there = nullptr;
  std::atomic<bool> end = false;
  Sleeper here;
  if (!here.ring.ok) return state.SkipWithError("no io_uring here");
  std::thread thread([&] {
    Sleeper own;  // its thread is its ring's issuer
    if (!by_message) own.poll_event();
    there = &own;
    for (;;) {
      own.wait();
      if (end) return;
      by_message ? own.wake_by_message(here) : own.wake_by_event(here);
      if (by_message) io_uring_submit(&own.ring.ring);
    }
  });
  while (there == nullptr) std::this_thread::yield();
  if (!by_message) here.poll_event();
  for (auto _ : state) {
    by_message ? here.wake_by_message(*there) : here.wake_by_event(*there);
    here.wait();
  }
  end = true;
  by_message ? here.wake_by_message(*there) : here.wake_by_event(*there);
  if (by_message) io_uring_submit(&here.ring.ring);
  thread.join();
}
void wake_by_eventfd(benchmark::State& state) { wake(state, false); }
void wake_by_msg_ring(benchmark::State& state) { wake(state, true); }
BENCHMARK(wake_by_eventfd)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(wake_by_msg_ring)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace weir

#endif  // WEIR_HAVE_URING
