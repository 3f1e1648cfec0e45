// The verbs of the io_uring back end, and how what is wanted becomes armed.
#include "dataplane/io/uring_io.h"

#include "dataplane/io/internal/uring_core.h"

#ifdef WEIR_HAVE_URING

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/clock.h"

namespace weir::io_internal {

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

std::int32_t UringIo::send(SocketId socket, std::span<const iovec> vectors, std::size_t keep) {
  Socket& s = at(socket);
  DCHECK(s.role == Role::kStream && !s.sending);
  if (!options_.queued_send) {
    const std::int32_t result = send_now(s.fd, vectors, 0);
    if (result != -EAGAIN) return result;
  }
  s.sending = true;
  s.vectors = bytes_kept(vectors, keep).first;
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
    io_uring_prep_recv(sqe, s.fd, nullptr, kBufferBytes[static_cast<int>(s.size_class)], 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = UringBuffers::group_id(s.size_class);
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

}  // namespace weir::io_internal

namespace weir {

Result<std::unique_ptr<Io>> make_uring_io(BufferPool& pool, const UringOptions& options) {
  auto io = std::make_unique<io_internal::UringIo>(pool, options);
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
