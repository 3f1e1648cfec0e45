// The class behind make_uring_io(): its verbs are in uring_io.cc, its turn in uring_turn.cc.
//
// One io_uring_enter per turn submits everything that the turn asked for, runs the kernel's
// deferred work and brings the completions.
//
// Each socket has at most one operation of each kind in the kernel; what is wanted and what is
// armed are kept apart, and reconcile() brings the second in line with the first. An operation that
// could not be armed (full ring) is simply reconciled again at the next turn.
//
//   receive_any   small: RECV with a buffer group; -ENOBUFS waits in `starved_` for the pool.
//                 Larger, or without groups: POLL_ADD, then recv(2) into the pool's hottest buffer
//                 ("direct"); no poll while receives come back full.
//   receive_into  RECV into the memory
//   send          tried at once by sendmsg(2): the bytes are gone when send() returns, so the shard
//                 need not keep buffers across a turn. What the socket refuses waits as SENDMSG.
//   accept        multishot, or one by one
//   connect       connect(2) without blocking, then POLL_ADD
//   close         cancels what is in the kernel; kClosed follows the last completion
//
// Completions are matched by socket id alone: an id is not reused before all of them have come.
#pragma once

#ifdef WEIR_HAVE_URING

#include <liburing.h>
#include <sys/socket.h>

#include <memory>
#include <thread>
#include <vector>

#include "dataplane/io/internal/event_batch.h"
#include "dataplane/io/internal/id_queue.h"
#include "dataplane/io/internal/kernel_socket.h"
#include "dataplane/io/internal/uring_buffers.h"
#include "dataplane/io/internal/wake_gate.h"
#include "dataplane/io/io.h"
#include "dataplane/io/uring_io.h"

namespace weir::io_internal {

inline constexpr unsigned kSubmissions = 512;
inline constexpr unsigned kCompletions = 4096;

// The top byte of user_data; a socket's `armed` and `cancelling` are sets of these.
enum UringOp : std::uint8_t {
  kOpIgnored = 0,  // cancellations
  kOpRecv = 1,
  kOpSend = 2,
  kOpPoll = 4,     // the poll before a direct receive
  kOpPollOut = 8,  // connect, and the rest of a send before a half-close
  kOpAccept = 16,
  kOpWake = 32,
};

constexpr std::uint64_t tag(UringOp op, SocketId id) { return std::uint64_t{op} << 56 | id; }

enum class UringRole : std::uint8_t { kFree, kListener, kConnecting, kStream, kClosing, kGone };

struct UringSocket {
  int fd = -1;
  UringRole role = UringRole::kFree;
  std::uint8_t armed = 0;       // Ops in the kernel
  std::uint8_t cancelling = 0;  // of those, told to end
  BufferClass size_class = BufferClass::kSmall;
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
  std::int32_t send(SocketId socket, std::span<const iovec> vectors, std::size_t keep) override;
  void limit_unsent(SocketId socket, std::uint32_t bytes) override {
    io_internal::limit_unsent(at(socket).fd, bytes);
  }
  void shutdown_send(SocketId socket) override;
  void close(SocketId socket, bool reset) override;
  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override;
  void wake() override { gate_.wake(); }

 private:
  using Socket = UringSocket;
  using Role = UringRole;
  using Op = UringOp;
  static constexpr std::size_t kChunk = 256;

  // Addresses stay: the kernel holds pointers into sockets.
  Socket& at(SocketId id) { return chunks_[id / kChunk][id % kChunk]; }
  SocketId add(int fd, UringRole role, std::uint64_t user);
  int set_up_ring();
  void enable();

  io_uring_sqe* new_sqe();
  io_uring_sqe* new_op(SocketId id, UringOp op);
  void reconcile(SocketId id);
  bool reconcile_once(SocketId id);
  bool arm_accept(SocketId id);
  bool arm_receive(SocketId id);
  bool arm_send(SocketId id, bool poll_first);
  bool arm_poll(SocketId id, UringOp op, unsigned events);
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

}  // namespace weir::io_internal

#endif  // WEIR_HAVE_URING
