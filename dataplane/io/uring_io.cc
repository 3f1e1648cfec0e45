// The io_uring back end: one io_uring_enter per turn submits everything that the turn asked for,
// runs the kernel's deferred work and brings the completions.
//
// Each socket has at most one operation of each kind in the kernel; what is wanted and what is
// armed are kept apart, and reconcile() brings the second in line with the first. An operation that
// could not be armed (full ring) is simply reconciled again at the next turn.
//
//   receive_any   RECV with a buffer group; -ENOBUFS waits in `starved_` for the pool. Where there
//   are no
//                 groups: POLL_ADD, then a plain receive ("direct") once data is known to be there.
//   receive_into  RECV into the memory
//   send          tried at once by sendmsg (the bytes are gone when send() returns, so the shard
//   need not
//                 keep buffers across a turn); what the socket does not take waits as SENDMSG.
//   accept        multishot, or one by one
//   connect       connect(2) without blocking, then POLL_ADD
//   close         cancels what is in the kernel; kClosed follows the last completion
//
// Completions are matched by socket id alone: an id is not reused before all of them have come.
#include "dataplane/io/uring_io.h"

#ifdef WEIR_HAVE_URING

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "dataplane/io/internal/event_batch.h"
#include "dataplane/io/internal/id_queue.h"
#include "dataplane/io/internal/kernel_socket.h"
#include "dataplane/io/internal/uring_buffers.h"
#include "dataplane/io/internal/wake_gate.h"

namespace weir {
namespace {

using namespace io_internal;

constexpr std::uint64_t kForever = ~std::uint64_t{0};
constexpr unsigned kSubmissions = 512;
constexpr unsigned kCompletions = 4096;

// The top byte of user_data; a socket's `armed` and `cancelling` are sets of these. A socket uses
// kRecv for its receive or the poll before it, kSend likewise.
enum Op : std::uint8_t {
  kOpIgnored = 0,  // cancellations
  kOpRecv = 1,
  kOpSend = 2,
  kOpPoll = 4,     // the poll before a direct receive
  kOpPollOut = 8,  // connect, and the rest of a send before a half-close
  kOpAccept = 16,
  kOpWake = 32,
};

constexpr std::uint64_t tag(Op op, SocketId id) { return std::uint64_t{op} << 56 | id; }

enum class Role : std::uint8_t { kFree, kListener, kConnecting, kStream, kClosing, kGone };

struct Socket {
  int fd = -1;
  Role role = Role::kFree;
  std::uint8_t armed = 0;       // Ops in the kernel
  std::uint8_t cancelling = 0;  // of those, told to end
  BufferClass size_class = BufferClass::kSmall;
  BufferClass armed_class = BufferClass::kSmall;
  bool receiving : 1 = false;
  bool sending : 1 = false;
  bool shut_after_send : 1 = false;
  bool accepting : 1 = false;
  bool expects_more : 1 = false;  // the last receive left data behind
  bool in_todo : 1 = false;
  bool in_starved : 1 = false;
  bool in_direct : 1 = false;
  bool paused : 1 = false;  // a listener that met a limit
  std::int32_t connect_result = 0;
  std::uint32_t sent_bytes = 0;
  std::uint64_t user = 0;
  MutableByteSpan into;  // data() == nullptr: receive_any
  std::span<const iovec> vectors;
  msghdr message{};
  SocketAddress peer;  // single accept
  socklen_t peer_size = 0;
};

class UringIo final : public Io {
 public:
  UringIo(BufferPool& pool, const UringOptions& options)
      : pool_(pool), options_(options), buffers_(pool) {}
  ~UringIo() override;
  Status set_up();

  const char* name() const override { return "uring"; }

  Result<SocketId> listen(const SocketAddress& address, std::uint64_t user,
                          SocketAddress& bound) override;
  void set_accepting(SocketId listener, bool accepting) override;
  Result<SocketId> connect(const SocketAddress& address, std::uint64_t user,
                           const SocketOptions& options) override;
  Result<SocketId> adopt(NativeSocket socket, std::uint64_t user,
                         const SocketOptions& options) override;
  void discard(NativeSocket socket) override { ::close(socket); }
  void receive_any(SocketId socket, BufferClass size_class) override;
  void receive_into(SocketId socket, MutableByteSpan into) override;
  std::int32_t send(SocketId socket, std::span<const iovec> vectors) override;
  void shutdown_send(SocketId socket) override;
  void close(SocketId socket, bool reset) override;
  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override;
  void wake() override { gate_.wake(); }

 private:
  static constexpr std::size_t kChunk = 256;

  // Addresses stay: the kernel holds pointers into sockets.
  Socket& at(SocketId id) { return chunks_[id / kChunk][id % kChunk]; }
  SocketId add(int fd, Role role, std::uint64_t user);
  int set_up_ring();
  void enable();

  io_uring_sqe* new_sqe();
  io_uring_sqe* new_op(SocketId id, Op op);
  void reconcile(SocketId id);
  bool reconcile_once(SocketId id);
  bool arm_accept(SocketId id);
  bool arm_receive(SocketId id);
  bool arm_send(SocketId id, bool poll_first);
  bool arm_poll(SocketId id, Op op, unsigned events);
  bool cancel(SocketId id, std::uint8_t ops);
  void queue_direct(SocketId id);
  void queue_starved(SocketId id);
  bool uses_direct(const Socket& s) const;

  void revive();
  void enter(std::uint64_t deadline_ns);
  void drain(EventBatch& out);
  void complete(const io_uring_cqe& cqe, EventBatch& out);
  void complete_accept(SocketId id, std::int32_t result, EventBatch& out);
  void complete_receive(SocketId id, const io_uring_cqe& cqe, EventBatch& out);
  void complete_send(SocketId id, std::int32_t result, EventBatch& out);
  void complete_poll_out(SocketId id, EventBatch& out);
  void end_send(SocketId id, std::int32_t result, EventBatch& out);
  void emit_due(EventBatch& out);
  void release_if_gone(SocketId id);
  void run_direct(EventBatch& out);
  void receive_direct(SocketId id, EventBatch& out);
  void finish_close(SocketId id);

  BufferPool& pool_;
  UringOptions options_;
  io_uring ring_{};
  bool has_ring_ = false;
  bool enabled_ = false;
  bool needs_enable_ = false;
  bool wake_armed_ = false;
  std::thread::id thread_;
  WakeGate gate_;
  UringBuffers buffers_;
  std::vector<std::unique_ptr<Socket[]>> chunks_;
  SocketId count_ = 0;
  std::vector<SocketId> free_;
  IdQueue todo_;     // to be reconciled again
  IdQueue starved_;  // receives that found no buffer
  IdQueue direct_;   // receives to be tried by recv(2)
  IdQueue due_;      // connect results and ends that wait for no completion
  std::uint64_t resume_ns_ = kForever;
  std::vector<SocketId> paused_;
};

// ---- making and ending
// -------------------------------------------------------------------------------

int UringIo::set_up_ring() {
  const unsigned defer = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                         IORING_SETUP_R_DISABLED;  // so that the shard's thread becomes the issuer
  const struct {
    unsigned flags;
    bool excluded;
  } attempts[] = {{defer, options_.no_defer_taskrun || options_.no_coop_taskrun},
                  {IORING_SETUP_COOP_TASKRUN, options_.no_coop_taskrun},
                  {0, false}};
  int result = -ENOSYS;
  for (const auto& attempt : attempts) {
    if (attempt.excluded) continue;
    io_uring_params params{};
    params.flags = attempt.flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = options_.tiny_rings ? 8 : kCompletions;
    result = io_uring_queue_init_params(options_.tiny_rings ? 4 : kSubmissions, &ring_, &params);
    if (result == 0) {
      needs_enable_ = (attempt.flags & IORING_SETUP_R_DISABLED) != 0;
      return 0;
    }
    if (result != -EINVAL) break;  // EINVAL: a flag that this kernel does not know
  }
  return result;
}

Status UringIo::set_up() {
  if (const int result = set_up_ring(); result != 0) {
    const char* hint =
        result == -EPERM || result == -EACCES ? " (forbidden by the container or sysctl)" : "";
    return fail(Errc::kUnsupported, "io_uring cannot be set up",
                std::string(std::strerror(-result)) + hint);
  }
  has_ring_ = true;
  // 5.13 brought RSRC_TAGS, and multishot poll, which wake() needs.
  const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;
  if ((ring_.features & needed) != needed)
    return fail(Errc::kUnsupported, "io_uring of this kernel is too old");
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  if (probe == nullptr) return fail(Errc::kUnsupported, "io_uring cannot be probed");
  bool complete = true;
  for (const int op : {IORING_OP_RECV, IORING_OP_SENDMSG, IORING_OP_ACCEPT, IORING_OP_POLL_ADD,
                       IORING_OP_ASYNC_CANCEL}) {
    complete = complete && io_uring_opcode_supported(probe, op) != 0;
  }
  // IORING_OP_SOCKET, multishot accept and POLL_FIRST came with one release, 5.19; only the first
  // shows.
  if (io_uring_opcode_supported(probe, IORING_OP_SOCKET) == 0) {
    options_.no_multishot_accept = options_.no_poll_first = true;
  }
  io_uring_free_probe(probe);
  if (!complete) return fail(Errc::kUnsupported, "io_uring lacks an operation");
  if (!options_.no_provided_buffers && !buffers_.set_up(ring_)) options_.no_provided_buffers = true;
  if (!options_.no_provided_buffers) buffers_.refill();
  return {};
}

UringIo::~UringIo() {
  if (!has_ring_) return;
  // The kernel must let go of buffers and sockets before they are freed. Another thread may not
  // submit to this ring, but then the ring's own thread has ended, and its operations with it.
  if (enabled_ && thread_ == std::this_thread::get_id()) {
    for (SocketId id = 0; id < count_; ++id) {
      if (at(id).fd >= 0 && at(id).role != Role::kClosing) close(id, false);
    }
    const auto busy = [this] {
      for (SocketId id = 0; id < count_; ++id) {
        if (at(id).armed != 0) return true;
      }
      return false;
    };
    const std::uint64_t limit_ns = monotonic_ns() + kNsPerSecond;
    IoEvent events[16];
    while (busy() && monotonic_ns() < limit_ns) {
      const std::size_t n = reap(events, monotonic_ns() + kNsPerMs);
      for (std::size_t i = 0; i < n; ++i) {
        if (events[i].buffer != nullptr) pool_.unref(events[i].buffer);
        if (events[i].kind == IoEventKind::kAccepted) ::close(events[i].result);
      }
    }
  }
  io_uring_queue_exit(&ring_);
  for (SocketId id = 0; id < count_; ++id) {
    if (at(id).fd >= 0) ::close(at(id).fd);
  }
}

// On the first use by the shard's thread.
void UringIo::enable() {
  enabled_ = true;
  thread_ = std::this_thread::get_id();
  if (!needs_enable_) return;
  // By system call: the shared liburing 2.3 does not export io_uring_enable_rings.
  CHECK(syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) ==
        0);
}

SocketId UringIo::add(int fd, Role role, std::uint64_t user) {
  if (free_.empty()) {
    if (count_ % kChunk == 0) chunks_.push_back(std::make_unique<Socket[]>(kChunk));
    const SocketId id = count_++;
    free_.reserve(chunks_.size() * kChunk);
    for (IdQueue* queue : {&todo_, &starved_, &direct_, &due_}) queue->reserve(count_);
    free_.push_back(id);
  }
  const SocketId id = free_.back();
  free_.pop_back();
  Socket& s = at(id);
  s = Socket{};
  s.fd = fd;
  s.role = role;
  s.user = user;
  return id;
}

// ---- verbs
// -------------------------------------------------------------------------------------------

Result<SocketId> UringIo::listen(const SocketAddress& address, std::uint64_t user,
                                 SocketAddress& bound) {
  Result<int> fd = open_listener(address, bound);
  if (!fd) return pass(fd);
  const SocketId id = add(*fd, Role::kListener, user);
  at(id).accepting = true;
  reconcile(id);
  return id;
}

void UringIo::set_accepting(SocketId listener, bool accepting) {
  DCHECK(at(listener).role == Role::kListener);
  at(listener).accepting = accepting;
  reconcile(listener);
}

Result<SocketId> UringIo::connect(const SocketAddress& address, std::uint64_t user,
                                  const SocketOptions& options) {
  std::int32_t progress = 0;
  Result<int> fd = open_connection(address, options, progress);
  if (!fd) return pass(fd);
  const SocketId id = add(*fd, Role::kConnecting, user);
  at(id).connect_result = progress;
  if (progress == -EINPROGRESS) {
    reconcile(id);
  } else {
    due_.push(id);
  }
  return id;
}

Result<SocketId> UringIo::adopt(NativeSocket socket, std::uint64_t user,
                                const SocketOptions& options) {
  apply_options(socket, options);
  return add(socket, Role::kStream, user);
}

void UringIo::receive_any(SocketId socket, BufferClass size_class) {
  Socket& s = at(socket);
  DCHECK(s.role == Role::kStream && !s.receiving);
  s.receiving = true;
  s.size_class = size_class;
  s.into = {};
  if (uses_direct(s) && s.expects_more) {
    queue_direct(socket);
  } else {
    reconcile(socket);
  }
}

void UringIo::receive_into(SocketId socket, MutableByteSpan into) {
  Socket& s = at(socket);
  DCHECK(s.role == Role::kStream && !s.receiving && !into.empty());
  s.receiving = true;
  s.into = into;
  reconcile(socket);
}

std::int32_t UringIo::send(SocketId socket, std::span<const iovec> vectors) {
  Socket& s = at(socket);
  DCHECK(s.role == Role::kStream && !s.sending);
  if (!options_.queued_send) {
    const std::int32_t result = send_now(s.fd, vectors, 0);
    if (result != -EAGAIN) return result;
  }
  s.sending = true;
  s.vectors = vectors;
  s.sent_bytes = 0;
  if (!arm_send(socket, !options_.queued_send)) reconcile(socket);
  return -EINPROGRESS;
}

void UringIo::shutdown_send(SocketId socket) {
  Socket& s = at(socket);
  DCHECK(s.role == Role::kStream);
  if (s.sending) {
    s.shut_after_send = true;
  } else {
    ::shutdown(s.fd, SHUT_WR);
  }
}

void UringIo::close(SocketId socket, bool reset) {
  Socket& s = at(socket);
  DCHECK(s.fd >= 0 && s.role != Role::kClosing);
  if (reset) make_reset_on_close(s.fd);
  s.receiving = s.sending = s.accepting = false;
  // A connect result that is still due makes way for the end; its place in the queue is reused.
  const bool is_due = s.role == Role::kConnecting && s.connect_result != -EINPROGRESS;
  s.role = Role::kClosing;
  if (s.armed != 0) {
    reconcile(socket);
  } else {
    ::close(std::exchange(s.fd, -1));
    if (!is_due) due_.push(socket);
  }
}

// The last completion of a closing socket has come.
void UringIo::finish_close(SocketId id) {
  Socket& s = at(id);
  ::close(std::exchange(s.fd, -1));
  due_.push(id);
}

// ---- from wanted to armed
// ----------------------------------------------------------------------------

io_uring_sqe* UringIo::new_sqe() {
  if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
  if (!enabled_) enable();
  io_uring_submit(&ring_);
  return io_uring_get_sqe(
      &ring_);  // nullptr: the kernel is short of something; the next turn helps
}

// A cleared entry for this operation, which counts as armed; nullptr if the ring is full.
io_uring_sqe* UringIo::new_op(SocketId id, Op op) {
  io_uring_sqe* sqe = new_sqe();
  if (sqe == nullptr) return nullptr;
  at(id).armed = static_cast<std::uint8_t>(at(id).armed | op);
  return sqe;
}

void UringIo::reconcile(SocketId id) {
  if (reconcile_once(id) || at(id).in_todo) return;
  at(id).in_todo = true;
  todo_.push(id);
}

// False if something could not be armed now.
bool UringIo::reconcile_once(SocketId id) {
  Socket& s = at(id);
  switch (s.role) {
    case Role::kListener:
      if (s.accepting && s.armed == 0 && !s.paused) return arm_accept(id);
      if (!s.accepting && s.armed != 0) return cancel(id, kOpAccept);
      return true;
    case Role::kConnecting:
      return s.armed != 0 || s.connect_result != -EINPROGRESS || arm_poll(id, kOpPollOut, POLLOUT);
    case Role::kStream: {
      bool ok = true;
      if (s.receiving && (s.armed & (kOpRecv | kOpPoll)) == 0 && !s.in_starved && !s.in_direct) {
        ok = arm_receive(id);
      }
      if (s.sending && (s.armed & (kOpSend | kOpPollOut)) == 0) {
        ok = (s.sent_bytes > 0 ? arm_poll(id, kOpPollOut, POLLOUT) : arm_send(id, true)) && ok;
      }
      return ok;
    }
    case Role::kClosing:
      return cancel(id, s.armed);
    case Role::kFree:
    case Role::kGone:
      return true;
  }
  return true;
}

bool UringIo::cancel(SocketId id, std::uint8_t ops) {
  Socket& s = at(id);
  for (const Op op : {kOpRecv, kOpSend, kOpPoll, kOpPollOut, kOpAccept}) {
    if ((ops & op) == 0 || (s.cancelling & op) != 0) continue;
    io_uring_sqe* sqe = new_sqe();
    if (sqe == nullptr) return false;
    io_uring_prep_cancel64(sqe, tag(op, id), 0);
    io_uring_sqe_set_data64(sqe, tag(kOpIgnored, 0));
    s.cancelling = static_cast<std::uint8_t>(s.cancelling | op);
  }
  return true;
}

bool UringIo::arm_accept(SocketId id) {
  io_uring_sqe* sqe = new_op(id, kOpAccept);
  if (sqe == nullptr) return false;
  Socket& s = at(id);
  if (options_.no_multishot_accept) {
    s.peer_size = sizeof s.peer;
    io_uring_prep_accept(sqe, s.fd, &s.peer.any, &s.peer_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } else {
    io_uring_prep_multishot_accept(sqe, s.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }
  io_uring_sqe_set_data64(sqe, tag(kOpAccept, id));
  return true;
}

bool UringIo::arm_poll(SocketId id, Op op, unsigned events) {
  io_uring_sqe* sqe = new_op(id, op);
  if (sqe == nullptr) return false;
  io_uring_prep_poll_add(sqe, at(id).fd, events);
  io_uring_sqe_set_data64(sqe, tag(op, id));
  return true;
}

bool UringIo::uses_direct(const Socket& s) const {
  return s.into.data() == nullptr &&
         (options_.no_provided_buffers || !buffers_.has_group(s.size_class));
}

bool UringIo::arm_receive(SocketId id) {
  Socket& s = at(id);
  if (uses_direct(s)) return arm_poll(id, kOpPoll, POLLIN);
  io_uring_sqe* sqe = new_op(id, kOpRecv);
  if (sqe == nullptr) return false;
  if (s.into.data() != nullptr) {
    io_uring_prep_recv(sqe, s.fd, s.into.data(), s.into.size(), 0);
  } else {
    // The kernel may be out of buffers of this class by the time that data comes: see -ENOBUFS.
    s.armed_class = s.size_class;
    while (buffers_.is_empty(s.armed_class) && s.armed_class != BufferClass::kSmall) {
      s.armed_class = static_cast<BufferClass>(static_cast<int>(s.armed_class) - 1);
    }
    if (!buffers_.has_group(s.armed_class)) s.armed_class = s.size_class;
    io_uring_prep_recv(sqe, s.fd, nullptr, kBufferBytes[static_cast<int>(s.armed_class)], 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = UringBuffers::group_id(s.armed_class);
  }
  if (!s.expects_more && !options_.no_poll_first) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  io_uring_sqe_set_data64(sqe, tag(kOpRecv, id));
  return true;
}

bool UringIo::arm_send(SocketId id, bool poll_first) {
  io_uring_sqe* sqe = new_op(id, kOpSend);
  if (sqe == nullptr) return false;
  Socket& s = at(id);
  s.message = {};
  s.message.msg_iov = const_cast<iovec*>(s.vectors.data());  // only read
  s.message.msg_iovlen = std::min(s.vectors.size(), kVectorsMax);
  io_uring_prep_sendmsg(sqe, s.fd, &s.message, MSG_NOSIGNAL);
  if (poll_first && !options_.no_poll_first) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  io_uring_sqe_set_data64(sqe, tag(kOpSend, id));
  return true;
}

void UringIo::queue_direct(SocketId id) {
  if (at(id).in_direct) return;
  at(id).in_direct = true;
  direct_.push(id);
}

void UringIo::queue_starved(SocketId id) {
  if (at(id).in_starved) return;
  at(id).in_starved = true;
  starved_.push(id);
}

// ---- the turn
// ----------------------------------------------------------------------------------------

// Tries again what an obstacle held up that may be gone now.
void UringIo::revive() {
  if (!options_.no_provided_buffers) buffers_.refill();
  for (std::size_t n = starved_.size(); n > 0; --n) {
    const SocketId id = starved_.pop();
    Socket& s = at(id);
    s.in_starved = false;
    release_if_gone(id);
    if (s.role != Role::kStream || !s.receiving) continue;
    bool has_lent = false;
    for (int c = static_cast<int>(s.size_class); c >= 0 && !has_lent && !uses_direct(s); --c) {
      has_lent = !buffers_.is_empty(static_cast<BufferClass>(c));
    }
    if (has_lent) {
      s.expects_more = true;  // it was readable already
      reconcile(id);
    } else if (has_any_free(pool_, s.size_class)) {
      queue_direct(id);
    } else {
      queue_starved(id);
    }
  }
  for (std::size_t n = todo_.size(); n > 0; --n) {
    const SocketId id = todo_.pop();
    at(id).in_todo = false;
    release_if_gone(id);
    reconcile(id);
  }
  if (!paused_.empty() && monotonic_ns() >= resume_ns_) {
    resume_ns_ = kForever;
    for (const SocketId id : std::exchange(paused_, {})) {
      at(id).paused = false;
      reconcile(id);
    }
  }
}

// Submits, and waits for a completion until the deadline (0: takes only what is there).
void UringIo::enter(std::uint64_t deadline_ns) {
  if (!wake_armed_) {
    if (io_uring_sqe* sqe = new_sqe()) {
      io_uring_prep_poll_multishot(sqe, gate_.descriptor(), POLLIN);
      io_uring_sqe_set_data64(sqe, tag(kOpWake, 0));
      wake_armed_ = true;
    } else {
      deadline_ns = 0;
    }
  }
  if (deadline_ns == 0 || !gate_.begin_sleep()) {
    io_uring_submit_and_get_events(&ring_);
    return;
  }
  __kernel_timespec timeout{};
  if (deadline_ns != kForever) {
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    timeout.tv_sec = static_cast<long long>(left / kNsPerSecond);
    timeout.tv_nsec = static_cast<long long>(left % kNsPerSecond);
  }
  // Errors (ETIME, EINTR, EBUSY, EAGAIN) all mean: look at what is there, then come again.
  io_uring_cqe* first = nullptr;
  io_uring_submit_and_wait_timeout(&ring_, &first, 1, deadline_ns == kForever ? nullptr : &timeout,
                                   nullptr);
}

std::size_t UringIo::reap(std::span<IoEvent> events, std::uint64_t deadline_ns) {
  if (!enabled_) enable();
  EventBatch out(events);
  for (;;) {
    revive();
    const bool busy = !due_.empty() || !direct_.empty() || io_uring_cq_ready(&ring_) > 0;
    enter(busy || !todo_.empty() ? 0 : std::min(deadline_ns, resume_ns_));
    const bool woken = gate_.end_sleep();
    drain(out);
    emit_due(out);
    run_direct(out);
    if (!out.empty() || woken || deadline_ns == 0) return out.count();
    if (deadline_ns != kForever && monotonic_ns() >= deadline_ns) return 0;
  }
}

void UringIo::drain(EventBatch& out) {
  io_uring_cqe* batch[64];
  while (!out.full()) {
    // Each completion makes at most one event.
    const std::size_t room = std::min(out.room(), std::size(batch));
    const unsigned n = io_uring_peek_batch_cqe(&ring_, batch, static_cast<unsigned>(room));
    if (n == 0) return;
    for (unsigned i = 0; i < n; ++i) complete(*batch[i], out);
    io_uring_cq_advance(&ring_, n);
  }
}

// Connect results and ends that wait for no completion.
void UringIo::emit_due(EventBatch& out) {
  while (!due_.empty() && !out.full()) {
    const SocketId id = due_.pop();
    Socket& s = at(id);
    if (s.role == Role::kConnecting) {
      s.role = Role::kStream;
      out.add(IoEventKind::kConnected, s.connect_result, s.user);
      continue;
    }
    DCHECK(s.role == Role::kClosing && s.armed == 0);
    out.add(IoEventKind::kClosed, 0, s.user);
    s.role = Role::kGone;
    release_if_gone(id);
  }
}

// An id is free for reuse when its socket has ended and it stands in no queue any more.
void UringIo::release_if_gone(SocketId id) {
  Socket& s = at(id);
  if (s.role != Role::kGone || s.in_todo || s.in_starved || s.in_direct) return;
  s.role = Role::kFree;
  free_.push_back(id);
}

void UringIo::run_direct(EventBatch& out) {
  for (std::size_t n = direct_.size(); n > 0 && !out.full(); --n) {
    const SocketId id = direct_.pop();
    at(id).in_direct = false;
    receive_direct(id, out);
    release_if_gone(id);
  }
}

void UringIo::receive_direct(SocketId id, EventBatch& out) {
  Socket& s = at(id);
  if (s.role != Role::kStream || !s.receiving) return;
  Buffer* buffer = take_or_smaller(pool_, s.size_class);
  if (buffer == nullptr) return queue_starved(id);
  const std::int32_t result = receive_now(s.fd, {buffer->data, buffer->capacity});
  s.expects_more = result == static_cast<std::int32_t>(buffer->capacity);
  if (result <= 0) {
    pool_.unref(buffer);
    buffer = nullptr;
  }
  if (result == -EAGAIN) return reconcile(id);
  s.receiving = false;
  out.add(IoEventKind::kReceived, result, s.user).buffer = buffer;
}

// ---- completions
// -------------------------------------------------------------------------------------

// Makes at most one event.
void UringIo::complete(const io_uring_cqe& cqe, EventBatch& out) {
  const auto op = static_cast<Op>(cqe.user_data >> 56);
  const auto id = static_cast<SocketId>(cqe.user_data);
  const bool is_last = (cqe.flags & IORING_CQE_F_MORE) == 0;
  if (op == kOpIgnored) return;
  if (op == kOpWake) {
    if (is_last) wake_armed_ = false;
    return;
  }
  Socket& s = at(id);
  if (is_last) {
    s.armed = static_cast<std::uint8_t>(s.armed & ~op);
    s.cancelling = static_cast<std::uint8_t>(s.cancelling & ~op);
  }
  switch (op) {
    case kOpRecv:
      complete_receive(id, cqe, out);
      break;
    case kOpSend:
      complete_send(id, cqe.res, out);
      break;
    case kOpPoll:
      if (s.role == Role::kStream && s.receiving) queue_direct(id);
      break;
    case kOpPollOut:
      complete_poll_out(id, out);
      break;
    case kOpAccept:
      complete_accept(id, cqe.res, out);
      break;
    default:
      CHECK(false);
  }
  if (s.role == Role::kClosing && s.armed == 0 && s.fd >= 0) finish_close(id);
}

void UringIo::complete_accept(SocketId id, std::int32_t result, EventBatch& out) {
  Socket& s = at(id);
  if (result >= 0) {
    socklen_t size = sizeof s.peer;
    const bool is_named =
        options_.no_multishot_accept || getpeername(result, &s.peer.any, &size) == 0;
    if (s.role == Role::kClosing || !is_named) {  // unnamed: reset in the backlog
      ::close(result);
    } else {
      out.add(IoEventKind::kAccepted, result, s.user).peer = s.peer;
    }
  } else if (result == -EINVAL && !options_.no_multishot_accept) {
    options_.no_multishot_accept = true;
  } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN &&
             result != -ECONNABORTED) {
    // No descriptors or no memory left, most likely.
    if (!s.paused) paused_.push_back(id);
    s.paused = true;
    resume_ns_ = monotonic_ns() + kAcceptPauseNs;
  }
  if (s.role == Role::kListener) reconcile(id);
}

void UringIo::complete_receive(SocketId id, const io_uring_cqe& cqe, EventBatch& out) {
  Socket& s = at(id);
  Buffer* buffer = nullptr;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    buffer = buffers_.take(s.armed_class,
                           static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT));
    if (cqe.res <= 0 || s.role != Role::kStream) pool_.unref(std::exchange(buffer, nullptr));
  }
  if (s.role != Role::kStream) return;
  if (cqe.res == -ENOBUFS && s.into.data() == nullptr) return queue_starved(id);
  if (cqe.res == -EAGAIN || cqe.res == -EINTR) {
    s.expects_more = false;
    return reconcile(id);
  }
  s.expects_more = (cqe.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  s.receiving = false;
  out.add(IoEventKind::kReceived, cqe.res, s.user).buffer = buffer;
}

void UringIo::complete_send(SocketId id, std::int32_t result, EventBatch& out) {
  Socket& s = at(id);
  if (s.role != Role::kStream) return;
  if (result == -EAGAIN || result == -EINTR) return reconcile(id);
  if (result > 0) s.sent_bytes += static_cast<std::uint32_t>(result);
  // A half-close waits for all of this send; otherwise a part of it is worth reporting.
  if (result > 0 && s.shut_after_send && s.sent_bytes < total_bytes(s.vectors))
    return reconcile(id);
  end_send(id, result, out);
}

void UringIo::complete_poll_out(SocketId id, EventBatch& out) {
  Socket& s = at(id);
  if (s.role == Role::kConnecting) {
    s.connect_result = connect_outcome(s.fd);
    s.role = Role::kStream;
    out.add(IoEventKind::kConnected, s.connect_result, s.user);
    return;
  }
  if (s.role != Role::kStream || !s.sending) return;
  const std::size_t wanted = total_bytes(s.vectors);
  std::int32_t result = 0;
  do {
    result = send_now(s.fd, s.vectors, s.sent_bytes);
    if (result > 0) s.sent_bytes += static_cast<std::uint32_t>(result);
  } while (result > 0 && s.sent_bytes < wanted);
  if (result == -EAGAIN) return reconcile(id);
  end_send(id, result, out);
}

void UringIo::end_send(SocketId id, std::int32_t result, EventBatch& out) {
  Socket& s = at(id);
  s.sending = false;
  out.add(IoEventKind::kSent, result < 0 ? result : static_cast<std::int32_t>(s.sent_bytes),
          s.user);
  if (s.shut_after_send) ::shutdown(s.fd, SHUT_WR);
}

}  // namespace

Result<std::unique_ptr<Io>> make_uring_io(BufferPool& pool, const UringOptions& options) {
  auto io = std::make_unique<UringIo>(pool, options);
  if (Status status = io->set_up(); !status) return pass(status);
  return io;
}

}  // namespace weir

#else

namespace weir {
Result<std::unique_ptr<Io>> make_uring_io(BufferPool&, const UringOptions&) {
  return fail(Errc::kUnsupported, "built without liburing");
}
}  // namespace weir

#endif  // WEIR_HAVE_URING
