// One turn of the io_uring back end: reap() and what becomes of each completion.
#include "dataplane/io/internal/uring_core.h"

#ifdef WEIR_HAVE_URING

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace weir::io_internal {

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
    if (!uses_direct(s) && !buffers_.is_empty(s.size_class)) {
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
    buffer = buffers_.take(s.size_class,
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

}  // namespace weir::io_internal

#endif  // WEIR_HAVE_URING
