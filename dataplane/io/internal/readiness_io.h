// The completion-shaped Io over something that tells readiness, edge-triggered: epoll, or the
// network of the simulator (so that what runs in virtual time is the code that runs in production).
// `Net` supplies the system calls; this file holds the socket table and decides what is tried when.
//
// Each socket is watched once, for both directions; its readiness is kept as two bits here. An
// operation is tried at once when its bit is set and waits for an edge only after EAGAIN, so that
// the steady state is one receive and one send per turn and socket, and one wait per turn.
//
// Readiness rules. `readable` falls on EAGAIN, and on a receive that did not fill its memory (that
// spares the EAGAIN), but for two cases where no further edge comes: an end of stream or error that
// was already reported, and urgent data, at whose mark a receive stops short. `writable` falls on
// EAGAIN and on a short send, both of which arm the next edge.
//
// Queues: `ready_` sockets that may make progress now, `starved_` receives that found the pool
// empty, `paused_` listeners that met a limit of the system, `closed_` sockets whose kClosed is
// due. Everything runs on the shard's thread but wake().
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "dataplane/io/internal/event_batch.h"
#include "dataplane/io/internal/id_queue.h"
#include "dataplane/io/internal/kernel_socket.h"
#include "dataplane/io/io.h"

namespace weir::io_internal {

// What an edge may say; several at once.
enum Readiness : unsigned {
  kReadableEdge = 1,
  kWritableEdge = 2,
  kEndEdge = 4,     // end of stream or error: reading and writing make progress, for good
  kUrgentEdge = 8,  // a short receive no longer means "drained"
};

enum class Role : std::uint8_t { kFree, kListener, kConnecting, kStream, kClosing, kGone };

struct ReadinessSocket {
  int fd = -1;
  Role role = Role::kFree;
  BufferClass size_class = BufferClass::kSmall;
  bool readable : 1 = false;
  bool writable : 1 = false;
  bool stay_readable : 1 = false;  // a short receive does not mean "drained"
  bool receiving : 1 = false;
  bool sending : 1 = false;
  bool shut_after_send : 1 = false;
  bool accepting : 1 = false;
  bool queued : 1 = false;  // stands in ready_, starved_ or paused_
  std::int32_t connect_result = 0;
  std::uint32_t sent_bytes = 0;  // of the pending send
  std::uint64_t user = 0;
  MutableByteSpan into;  // data() == nullptr: receive_any
  std::span<const iovec> vectors;
};

template <typename Net>
class ReadinessIo : public Io {
 public:
  template <typename... Args>
  explicit ReadinessIo(BufferPool& pool, Args&&... args)
      : pool_(pool), net_(std::forward<Args>(args)...) {}
  ~ReadinessIo() override {
    for (const Socket& s : sockets_) {
      if (s.fd >= 0) net_.close(s.fd, false);
    }
  }

  const char* name() const override { return Net::kName; }

  Result<SocketId> listen(const SocketAddress& address, std::uint64_t user,
                          SocketAddress& bound) override;
  void set_accepting(SocketId listener, bool accepting) override;
  Result<SocketId> connect(const SocketAddress& address, std::uint64_t user,
                           const SocketOptions& options) override;
  Result<SocketId> adopt(NativeSocket socket, std::uint64_t user,
                         const SocketOptions& options) override;
  void discard(NativeSocket socket) override { net_.close(socket, false); }
  void receive_any(SocketId socket, BufferClass size_class) override;
  void receive_into(SocketId socket, MutableByteSpan into) override;
  std::int32_t send(SocketId socket, std::span<const iovec> vectors, std::size_t keep) override;
  void limit_unsent(SocketId socket, std::uint32_t bytes) override {
    net_.limit_unsent(sockets_[socket].fd, bytes);
  }
  void shutdown_send(SocketId socket) override;
  void close(SocketId socket, bool reset) override;
  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override;
  void wake() override { net_.wake(); }

 protected:
  Net& net() { return net_; }
  const Net& net() const { return net_; }
  // Work that waits for no edge.
  bool has_due() const { return !ready_.empty() || !closed_.empty(); }
  // When a paused listener tries again.
  std::uint64_t resume_ns() const { return paused_.empty() ? kForever : resume_ns_; }

 private:
  using Socket = ReadinessSocket;

  Result<SocketId> add(int fd, Role role, std::uint64_t user);
  void enqueue(SocketId id);
  void note(SocketId id, unsigned edges);
  void revive();
  void emit_closed(EventBatch& out);
  void run_ready(EventBatch& out);
  void progress(SocketId id, EventBatch& out);
  void accept_some(SocketId id, EventBatch& out);
  void finish_connect(SocketId id, EventBatch& out);
  void finish_send(SocketId id, EventBatch& out);
  void finish_receive(SocketId id, EventBatch& out);
  static void note_short_send(Socket& s, std::span<const iovec> vectors, std::size_t sent);
  std::int32_t receive_once(Socket& s, Buffer*& buffer);

  BufferPool& pool_;
  Net net_;
  std::vector<Socket> sockets_;
  std::vector<SocketId> free_;
  IdQueue ready_;
  IdQueue starved_;
  IdQueue paused_;
  IdQueue closed_;
  std::uint64_t resume_ns_ = 0;
};

template <typename Net>
Result<SocketId> ReadinessIo<Net>::add(int fd, Role role, std::uint64_t user) {
  if (free_.empty()) {
    const std::size_t count = sockets_.size() + 1;
    sockets_.emplace_back();
    free_.reserve(sockets_.capacity());
    for (IdQueue* queue : {&ready_, &starved_, &paused_, &closed_}) queue->reserve(count);
    free_.push_back(static_cast<SocketId>(count - 1));
  }
  const SocketId id = free_.back();
  if (!net_.watch(fd, id, role == Role::kListener)) return fail(Errc::kIo, "cannot watch a socket");
  free_.pop_back();
  sockets_[id] = Socket{};
  sockets_[id].fd = fd;
  sockets_[id].role = role;
  sockets_[id].user = user;
  return id;
}

template <typename Net>
Result<SocketId> ReadinessIo<Net>::listen(const SocketAddress& address, std::uint64_t user,
                                          SocketAddress& bound) {
  Result<int> fd = net_.listen(address, bound);
  if (!fd) return pass(fd);
  Result<SocketId> id = add(*fd, Role::kListener, user);
  if (!id) {
    net_.close(*fd, false);
  } else {
    sockets_[*id].accepting = true;
  }
  return id;
}

template <typename Net>
void ReadinessIo<Net>::set_accepting(SocketId listener, bool accepting) {
  Socket& s = sockets_[listener];
  DCHECK(s.role == Role::kListener);
  s.accepting = accepting;
  if (accepting && s.readable) enqueue(listener);
}

template <typename Net>
Result<SocketId> ReadinessIo<Net>::connect(const SocketAddress& address, std::uint64_t user,
                                           const SocketOptions& options) {
  std::int32_t result = 0;
  Result<int> fd = net_.connect(address, options, result);
  if (!fd) return pass(fd);
  Result<SocketId> id = add(*fd, Role::kConnecting, user);
  if (!id) {
    net_.close(*fd, false);
    return id;
  }
  sockets_[*id].connect_result = result;
  if (result != -EINPROGRESS) enqueue(*id);
  return id;
}

template <typename Net>
Result<SocketId> ReadinessIo<Net>::adopt(NativeSocket socket, std::uint64_t user,
                                         const SocketOptions& options) {
  net_.apply(socket, options);
  Result<SocketId> id = add(socket, Role::kStream, user);
  // A new connection can nearly always be written to; whether it can be read the first edge tells.
  if (id) sockets_[*id].writable = true;
  return id;
}

template <typename Net>
void ReadinessIo<Net>::enqueue(SocketId id) {
  Socket& s = sockets_[id];
  if (s.queued) return;
  s.queued = true;
  ready_.push(id);
}

template <typename Net>
void ReadinessIo<Net>::receive_any(SocketId socket, BufferClass size_class) {
  Socket& s = sockets_[socket];
  DCHECK(s.role == Role::kStream && !s.receiving);
  s.receiving = true;
  s.size_class = size_class;
  s.into = {};
  if (s.readable) enqueue(socket);
}

template <typename Net>
void ReadinessIo<Net>::receive_into(SocketId socket, MutableByteSpan into) {
  Socket& s = sockets_[socket];
  DCHECK(s.role == Role::kStream && !s.receiving && !into.empty());
  s.receiving = true;
  s.into = into;
  if (s.readable) enqueue(socket);
}

// A short send filled the kernel's buffer, unless it was cut at the limit of vectors.
template <typename Net>
void ReadinessIo<Net>::note_short_send(Socket& s, std::span<const iovec> vectors,
                                       std::size_t sent) {
  if (vectors.size() <= kVectorsMax && sent < total_bytes(vectors)) s.writable = false;
}

template <typename Net>
std::int32_t ReadinessIo<Net>::send(SocketId socket, std::span<const iovec> vectors,
                                    std::size_t keep) {
  Socket& s = sockets_[socket];
  DCHECK(s.role == Role::kStream && !s.sending);
  if (s.writable) {
    const std::int32_t result = net_.send(s.fd, vectors, 0);
    if (result != -EAGAIN) {
      if (result >= 0) note_short_send(s, vectors, static_cast<std::size_t>(result));
      return result;
    }
    s.writable = false;
  }
  s.sending = true;
  s.vectors = bytes_kept(vectors, keep).first;
  s.sent_bytes = 0;
  return -EINPROGRESS;
}

template <typename Net>
void ReadinessIo<Net>::shutdown_send(SocketId socket) {
  Socket& s = sockets_[socket];
  DCHECK(s.role == Role::kStream);
  if (s.sending) {
    s.shut_after_send = true;
  } else {
    net_.shutdown_send(s.fd);
  }
}

template <typename Net>
void ReadinessIo<Net>::close(SocketId socket, bool reset) {
  Socket& s = sockets_[socket];
  DCHECK(s.fd >= 0);
  net_.close(s.fd, reset);
  s.fd = -1;
  s.role = Role::kClosing;
  s.receiving = s.sending = s.accepting = false;
  closed_.push(socket);
}

// Takes in what the net said about a socket.
template <typename Net>
void ReadinessIo<Net>::note(SocketId id, unsigned edges) {
  Socket& s = sockets_[id];
  if (s.fd < 0) return;
  if ((edges & (kEndEdge | kUrgentEdge)) != 0) s.stay_readable = true;
  if ((edges & (kReadableEdge | kEndEdge)) != 0) s.readable = true;
  if ((edges & (kWritableEdge | kEndEdge)) != 0) s.writable = true;
  const bool due = s.role == Role::kListener ? s.readable && s.accepting
                   : s.role == Role::kConnecting
                       ? s.writable
                       : (s.receiving && s.readable) || (s.sending && s.writable);
  if (due) enqueue(id);
}

// Puts those back into the ready queue whose obstacle may be gone.
template <typename Net>
void ReadinessIo<Net>::revive() {
  for (std::size_t n = starved_.size(); n > 0; --n) {
    const SocketId id = starved_.pop();
    const Socket& s = sockets_[id];
    const bool still = s.role == Role::kStream && !has_any_free(pool_, s.size_class);
    (still ? starved_ : ready_).push(id);
    if (still && n > 1 && !has_any_free(pool_, BufferClass::kFrame)) break;
  }
  if (!paused_.empty() && net_.now_ns() >= resume_ns_) {
    while (!paused_.empty()) ready_.push(paused_.pop());
  }
}

template <typename Net>
void ReadinessIo<Net>::emit_closed(EventBatch& out) {
  while (!closed_.empty() && !out.full()) {
    const SocketId id = closed_.pop();
    Socket& s = sockets_[id];
    out.add(IoEventKind::kClosed, 0, s.user);
    s.role = Role::kGone;
    if (s.queued) continue;  // its id must not be reused before it has left the queue
    s.role = Role::kFree;
    free_.push_back(id);
  }
}

template <typename Net>
void ReadinessIo<Net>::run_ready(EventBatch& out) {
  for (std::size_t n = ready_.size(); n > 0 && !out.full(); --n) {
    const SocketId id = ready_.pop();
    sockets_[id].queued = false;
    progress(id, out);
  }
}

template <typename Net>
void ReadinessIo<Net>::progress(SocketId id, EventBatch& out) {
  switch (sockets_[id].role) {
    case Role::kListener:
      return accept_some(id, out);
    case Role::kConnecting:
      return finish_connect(id, out);
    case Role::kStream:
      finish_send(id, out);
      return finish_receive(id, out);
    case Role::kGone:
      sockets_[id].role = Role::kFree;
      free_.push_back(id);
      return;
    case Role::kClosing:
    case Role::kFree:
      return;
  }
}

template <typename Net>
void ReadinessIo<Net>::accept_some(SocketId id, EventBatch& out) {
  Socket& s = sockets_[id];
  for (int i = 0; i < kAcceptsPerTurn && s.accepting && !out.full(); ++i) {
    SocketAddress peer;
    const int result = net_.accept(s.fd, peer);
    if (result >= 0) {
      out.add(IoEventKind::kAccepted, result, s.user).peer = peer;
      continue;
    }
    if (result == -EAGAIN) {
      s.readable = false;
      return;
    }
    if (is_accept_exhausted(-result)) {
      resume_ns_ = net_.now_ns() + kAcceptPauseNs;
      s.queued = true;
      paused_.push(id);
      return;
    }
    // Anything else belongs to the one connection that was lost in the backlog.
  }
  if (s.accepting) enqueue(id);
}

template <typename Net>
void ReadinessIo<Net>::finish_connect(SocketId id, EventBatch& out) {
  Socket& s = sockets_[id];
  if (s.connect_result == -EINPROGRESS) s.connect_result = net_.connect_outcome(s.fd);
  out.add(IoEventKind::kConnected, s.connect_result, s.user);
  s.role = Role::kStream;
  s.writable = true;
}

template <typename Net>
void ReadinessIo<Net>::finish_send(SocketId id, EventBatch& out) {
  Socket& s = sockets_[id];
  if (!s.sending || !s.writable) return;
  if (out.full()) return enqueue(id);
  const std::size_t wanted = total_bytes(s.vectors);
  std::int32_t result = 0;
  do {
    result = net_.send(s.fd, s.vectors, s.sent_bytes);
    if (result > 0) s.sent_bytes += static_cast<std::uint32_t>(result);
    // A half-close waits for all of this send; otherwise a part of it is worth reporting.
  } while (result > 0 && s.shut_after_send && s.sent_bytes < wanted);
  if (result == -EAGAIN) {
    s.writable = false;
    return;
  }
  if (result >= 0) note_short_send(s, s.vectors, s.sent_bytes);
  s.sending = false;
  out.add(IoEventKind::kSent, result < 0 ? result : static_cast<std::int32_t>(s.sent_bytes),
          s.user);
  if (s.shut_after_send) net_.shutdown_send(s.fd);
}

// One receive into the given memory or a fresh buffer. -ENOBUFS: the pool is empty.
template <typename Net>
std::int32_t ReadinessIo<Net>::receive_once(Socket& s, Buffer*& buffer) {
  MutableByteSpan into = s.into;
  if (into.data() == nullptr) {
    buffer = take_or_smaller(pool_, s.size_class);
    if (buffer == nullptr) return -ENOBUFS;
    into = {buffer->data, buffer->capacity};
  }
  const std::int32_t result = net_.receive(s.fd, into);
  if (result <= 0 && buffer != nullptr) {
    pool_.unref(buffer);
    buffer = nullptr;
  }
  const bool filled = result > 0 && static_cast<std::size_t>(result) == into.size();
  if (result == -EAGAIN || (!filled && !s.stay_readable)) s.readable = false;
  if (result <= 0 && result != -EAGAIN) s.readable = true;  // the end stays the end
  return result;
}

template <typename Net>
void ReadinessIo<Net>::finish_receive(SocketId id, EventBatch& out) {
  Socket& s = sockets_[id];
  if (!s.receiving || !s.readable) return;
  if (out.full()) return enqueue(id);
  Buffer* buffer = nullptr;
  const std::int32_t result = receive_once(s, buffer);
  if (result == -EAGAIN) return;
  if (result == -ENOBUFS && s.into.data() == nullptr) {
    s.queued = true;
    starved_.push(id);
    return;
  }
  s.receiving = false;
  out.add(IoEventKind::kReceived, result, s.user).buffer = buffer;
}

template <typename Net>
std::size_t ReadinessIo<Net>::reap(std::span<IoEvent> events, std::uint64_t deadline_ns) {
  EventBatch out(events);
  for (;;) {
    revive();
    const bool busy = !ready_.empty() || !closed_.empty();
    const std::uint64_t until = busy ? 0 : std::min(deadline_ns, resume_ns());
    const bool woken = net_.wait(until, [this](SocketId id, unsigned edges) { note(id, edges); });
    emit_closed(out);
    run_ready(out);
    if (!out.empty() || woken || deadline_ns == 0 || !Net::kBlocks) return out.count();
    if (deadline_ns != kForever && net_.now_ns() >= deadline_ns) return 0;
  }
}

}  // namespace weir::io_internal
