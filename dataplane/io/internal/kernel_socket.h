// What both kernel back ends do in the same way: making, tuning, sending on and ending TCP sockets.
// Every socket is non-blocking and close-on-exec, so that a descriptor may move between back ends.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/result.h"
#include "dataplane/io/io.h"

namespace weir::io_internal {

inline constexpr int kListenBacklog = 1024;
// A listener that met the limit of descriptors or memory tries again after this time: the backlog
// keeps the peers, and a spinning shard would keep the descriptors from being freed.
inline constexpr std::uint64_t kAcceptPauseNs = 100'000'000;
// Accepted at most per listener and turn, so that a connect flood leaves room for established
// flows.
inline constexpr int kAcceptsPerTurn = 64;

// Vectors that one system call takes (IOV_MAX); more make a short send.
inline constexpr std::size_t kVectorsMax = 1024;

std::uint64_t monotonic_ns();
std::size_t total_bytes(std::span<const iovec> vectors);

Result<int> open_listener(const SocketAddress& address, SocketAddress& bound);
// `progress`: 0 connected, -EINPROGRESS, or why it failed. An error result only if no socket could
// be made.
Result<int> open_connection(const SocketAddress& address, const SocketOptions& options,
                            std::int32_t& progress);
void limit_unsent(int fd, std::uint32_t bytes);
void apply_options(int fd, const SocketOptions& options);
// The connect's outcome after the socket became writable: 0 or -errno.
std::int32_t connect_outcome(int fd);
// Arranges that close() sends RST and drops what is unsent.
void make_reset_on_close(int fd);
// EMFILE and its kin: waiting helps, trying again at once does not.
bool is_accept_exhausted(int error);

// Bytes sent or -errno (-EAGAIN: nothing went). `skip` bytes of the vectors are gone already.
std::int32_t send_now(int fd, std::span<const iovec> vectors, std::size_t skip);
// Bytes, 0 or -errno.
std::int32_t receive_now(int fd, MutableByteSpan into);

// A buffer of the class or of the largest smaller one that has any; nullptr if all are empty.
Buffer* take_or_smaller(BufferPool& pool, BufferClass size_class);
bool has_any_free(const BufferPool& pool, BufferClass size_class);

}  // namespace weir::io_internal
