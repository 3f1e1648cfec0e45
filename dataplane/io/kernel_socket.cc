#include "dataplane/io/internal/kernel_socket.h"

#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

#include "base/clock.h"

namespace weir::io_internal {

static_assert(kVectorsMax == IOV_MAX);

namespace {

void set_int(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

std::unexpected<Error> io_failure(const char* what, int error) {
  return fail(Errc::kIo, what, std::strerror(error));
}

}  // namespace

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::size_t total_bytes(std::span<const iovec> vectors) {
  std::size_t total = 0;
  for (const iovec& vector : vectors) total += vector.iov_len;
  return total;
}

Result<int> open_listener(const SocketAddress& address, SocketAddress& bound) {
  const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return io_failure("cannot make a socket", errno);
  set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.is_v6()) set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  socklen_t size = sizeof(SocketAddress);
  const char* step = "cannot bind";
  bool ok = bind(fd, &address.any, address.size()) == 0;
  if (ok) {
    step = "cannot listen";
    ok = ::listen(fd, kListenBacklog) == 0 && getsockname(fd, &bound.any, &size) == 0;
  }
  if (ok) return fd;
  const int error = errno;
  ::close(fd);
  if (error == EADDRINUSE) return fail(Errc::kAlreadyExists, "address in use", address.text());
  return fail(Errc::kIo, step, address.text() + ": " + std::strerror(error));
}

Result<int> open_connection(const SocketAddress& address, const SocketOptions& options,
                            std::int32_t& progress) {
  const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return io_failure("cannot make a socket", errno);
  apply_options(fd, options);
  progress = ::connect(fd, &address.any, address.size()) == 0 ? 0 : -errno;
  return fd;
}

void apply_options(int fd, const SocketOptions& options) {
  // Failures are not errors: a socket without them still carries every byte.
  if (options.no_delay) set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!options.keep_alive) return;
  set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 300);
  set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 75);
  set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
}

void limit_unsent(int fd, std::uint32_t bytes) {
  set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(bytes));
}

std::int32_t connect_outcome(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  return -error;
}

void make_reset_on_close(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool is_accept_exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::int32_t send_now(int fd, std::span<const iovec> vectors, std::size_t skip) {
  iovec rest[64];
  msghdr message{};
  if (skip == 0) {
    message.msg_iov = const_cast<iovec*>(vectors.data());  // sendmsg does not write to it
    message.msg_iovlen = std::min(vectors.size(), kVectorsMax);
  } else {
    std::size_t first = 0;
    while (first < vectors.size() && skip >= vectors[first].iov_len)
      skip -= vectors[first++].iov_len;
    const std::size_t count = std::min(vectors.size() - first, std::size(rest));
    std::copy_n(vectors.begin() + static_cast<std::ptrdiff_t>(first), count, rest);
    if (count > 0) {
      rest[0].iov_base = static_cast<std::uint8_t*>(rest[0].iov_base) + skip;
      rest[0].iov_len -= skip;
    }
    message.msg_iov = rest;
    message.msg_iovlen = count;
  }
  ssize_t n;
  do {
    n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : static_cast<std::int32_t>(n);
}

std::int32_t receive_now(int fd, MutableByteSpan into) {
  ssize_t n;
  do {
    n = recv(fd, into.data(), into.size(), MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : static_cast<std::int32_t>(n);
}

Buffer* take_or_smaller(BufferPool& pool, BufferClass size_class) {
  for (int c = static_cast<int>(size_class); c >= 0; --c) {
    if (Buffer* buffer = pool.take(static_cast<BufferClass>(c))) return buffer;
  }
  return nullptr;
}

bool has_any_free(const BufferPool& pool, BufferClass size_class) {
  for (int c = static_cast<int>(size_class); c >= 0; --c) {
    const auto each = static_cast<BufferClass>(c);
    if (pool.in_use(each) < pool.limit(each)) return true;
  }
  return false;
}

}  // namespace weir::io_internal
