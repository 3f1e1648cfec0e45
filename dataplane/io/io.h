// The four verbs by which a shard touches the world: submit (listen, connect, adopt, receive, send,
// close), reap, wait and wake. Back ends: uring, epoll, sim. One Io belongs to one shard thread;
// only wake() may be called from another. Nothing here blocks but reap().
//
// Completion-shaped: an operation is handed over, its IoEvent comes back from a later reap().
// Memory given to an operation stays the Io's until that event (or until kClosed of its socket).
#pragma once

#include <sys/uio.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "dataplane/io/socket_address.h"
#include "dataplane/shard/buffer_pool.h"

namespace weir {

// Index into the Io's socket table; reused only after kClosed.
using SocketId = std::uint32_t;
inline constexpr SocketId kNoSocket = 0xffffffff;
// A socket on its way between two shards: a descriptor, or the simulator's number.
using NativeSocket = std::int32_t;

enum class IoEventKind : std::uint8_t {
  kAccepted,   // result = NativeSocket, nobody's until adopted or discarded; peer filled in
  kConnected,  // result = 0 or -errno (the socket must then be closed)
  kReceived,   // result = bytes, 0 = end of stream, -errno; buffer as described at receive()
  kSent,       // result = bytes of the pending send() that are gone, or -errno
  kClosed,     // the last event of a socket: all memory given to it is free again
};

struct IoEvent {
  IoEventKind kind;
  std::int32_t result;
  std::uint64_t user;  // as given at listen/connect/adopt
  // kReceived with receive_any: one reference, now the shard's (nullptr if result <= 0).
  Buffer* buffer;
  SocketAddress peer;  // kAccepted
};

struct SocketOptions {
  bool no_delay = true;
  bool keep_alive = false;  // idle 300 s, interval 75 s, 2 probes (docs/spec/01 section 6.2)
};

class Io {
 public:
  virtual ~Io() = default;
  virtual const char* name() const = 0;

  // Backlog 1024, SO_REUSEADDR, no SO_REUSEPORT. Accepted sockets come as kAccepted with `user`
  // until close(). `bound` is the real address (port 0 picks one).
  virtual Result<SocketId> listen(const SocketAddress& address, std::uint64_t user,
                                  SocketAddress& bound) = 0;
  // Stops (false) or resumes (true) accepting; used when a limit is reached.
  virtual void set_accepting(SocketId listener, bool accepting) = 0;
  virtual Result<SocketId> connect(const SocketAddress& address, std::uint64_t user,
                                   const SocketOptions& options) = 0;
  // Takes an accepted socket in, possibly one that another shard's Io accepted. If that fails, it
  // is still the caller's to discard.
  virtual Result<SocketId> adopt(NativeSocket socket, std::uint64_t user,
                                 const SocketOptions& options) = 0;
  virtual void discard(NativeSocket socket) = 0;

  // One receive may be outstanding per socket. receive_any takes a buffer of the class from the
  // pool only when data is there, so that an idle socket holds none; if the pool has none left, the
  // event comes when it has. receive_into fills the given memory; event.buffer is nullptr.
  virtual void receive_any(SocketId socket, BufferClass size_class) = 0;
  virtual void receive_into(SocketId socket, MutableByteSpan into) = 0;

  // One send may be outstanding per socket. Returns the bytes sent at once (>= 0, may be short) or
  // -errno; -EINPROGRESS means that kSent will follow, until when vectors and data must stay. What
  // is then sent is a beginning only, the fewest vectors with `keep` bytes or more: see
  // bytes_kept().
  virtual std::int32_t send(SocketId socket, std::span<const iovec> vectors,
                            std::size_t keep = ~std::size_t{0}) = 0;

  // From now on the kernel takes little more than what it can send: what waits, waits where its
  // order can still change.
  virtual void limit_unsent(SocketId socket, std::uint32_t bytes) = 0;
  // Half-close of the sending direction, after everything sent so far.
  virtual void shutdown_send(SocketId socket) = 0;
  // Ends the socket (reset: RST instead of FIN). Outstanding operations give no event of their own;
  // kClosed is the last word. kAccepted events of a listener stop.
  virtual void close(SocketId socket, bool reset) = 0;

  // Hands over what is pending and waits until there is an event, a wake() or `deadline_ns`
  // (monotonic; 0 = do not wait). Returns the number of events.
  virtual std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) = 0;
  // From any thread: makes the current or next reap() return.
  virtual void wake() = 0;
};

// The vectors that a send keeps, and their bytes.
inline std::pair<std::span<const iovec>, std::size_t> bytes_kept(std::span<const iovec> vectors,
                                                                 std::size_t keep) {
  std::size_t count = 0;
  std::size_t bytes = 0;
  while (count < vectors.size() && bytes < keep) bytes += vectors[count++].iov_len;
  return {vectors.first(count), bytes};
}

// What a listen() that just failed means as an errno.
inline std::int32_t listen_errno(const Error& error) {
  if (error.code == Errc::kAlreadyExists) return EADDRINUSE;
  return errno != 0 ? errno : EIO;
}

// `epoll`; never fails on a kernel that weir supports.
Result<std::unique_ptr<Io>> make_epoll_io(BufferPool& pool);
// `uring`, or the reason why this machine cannot have it.
Result<std::unique_ptr<Io>> make_uring_io(BufferPool& pool);

}  // namespace weir
