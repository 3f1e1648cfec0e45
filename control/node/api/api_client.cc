#include "control/node/api/api_client.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/rng.h"
#include "control/node/api/internal/unix_path.h"

namespace weir::api {
namespace {

// Larger answers are a mistake at the other end.
constexpr std::size_t kResponseBytesMax = 64 << 20;

class Socket {
 public:
  explicit Socket(std::uint64_t timeout_ms)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
        deadline_ns_(SystemClock().now_ns() +
                     std::min<std::uint64_t>(timeout_ms, kYearMs) * kNsPerMs) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Status connect(const std::string& path) {
    if (fd_ < 0) return failed("cannot make a socket");
    const internal::UnixPath name(path);
    errno = name.error();
    // The kernel does not wait for room in the backlog of a non-blocking connect.
    while (errno != 0 || ::connect(fd_, name.address(), name.size()) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) {
        return fail(Errc::kNotFound, "the node is not running", path);
      }
      if (errno == ECONNREFUSED) return fail(Errc::kRefused, "the node is not running", path);
      if (errno == EACCES) return fail(Errc::kRefused, "the node belongs to another user", path);
      if (errno != EAGAIN && errno != EINTR) return failed("cannot connect to the node");
      if (left_ms() == 0) return timed_out();
      const timespec pause{0, 5'000'000};
      ::nanosleep(&pause, nullptr);  // tidy: allow c-sleep: the command waits, not the node
      errno = 0;
    }
    if (internal::peer_is_trusted(fd_)) return {};
    return fail(Errc::kRefused, "the node belongs to another user", path);
  }

  Status send(ByteSpan bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EPIPE || errno == ECONNRESET) return closed();
      if (errno != EAGAIN && errno != EINTR) return failed("cannot send to the node");
      if (Status ready = wait(POLLOUT); !ready) return ready;
    }
    return {};
  }

  Status receive(MutableByteSpan bytes) {
    while (!bytes.empty()) {
      const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return closed();
      if (got > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(got));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return failed("cannot receive from the node");
      if (Status ready = wait(POLLIN); !ready) return ready;
    }
    return {};
  }

 private:
  static constexpr std::uint64_t kYearMs = 365ull * 24 * 3600 * 1000;

  std::uint64_t left_ms() const {
    const std::uint64_t now_ns = SystemClock().now_ns();
    return now_ns >= deadline_ns_ ? 0 : (deadline_ns_ - now_ns + kNsPerMs - 1) / kNsPerMs;
  }
  Status wait(short events) {
    const std::uint64_t left = left_ms();
    pollfd poll{fd_, events, 0};
    const int ready =
        left == 0 ? 0 : ::poll(&poll, 1, static_cast<int>(std::min<std::uint64_t>(left, 60'000)));
    if (ready == 0 && left_ms() == 0) return timed_out();
    if (ready < 0 && errno != EINTR) return failed("cannot wait for the node");
    return {};
  }
  static Status timed_out() { return fail(Errc::kTimeout, "the node did not answer in time"); }
  static Status closed() { return fail(Errc::kIo, "the node closed the connection"); }
  static Status failed(const char* what) { return fail(Errc::kIo, what, std::strerror(errno)); }

  int fd_;
  std::uint64_t deadline_ns_;
};

std::uint32_t random_id() {
  SystemRng rng;
  const auto id = static_cast<std::uint32_t>(rng.next_u64());
  return id == 0 ? 1 : id;
}

Errc code_of(const std::optional<wire::ApiStatus>& status) {
  switch (status.value_or(wire::ApiStatus::kInternalServerError)) {
    case wire::ApiStatus::kNotFound:
      return Errc::kNotFound;
    case wire::ApiStatus::kBadRequest:
      return Errc::kInvalid;
    case wire::ApiStatus::kTimeout:
      return Errc::kTimeout;
    case wire::ApiStatus::kNotImplemented:
      return Errc::kUnsupported;
    case wire::ApiStatus::kConflict:
      return Errc::kAlreadyExists;
    case wire::ApiStatus::kUnauthorized:
    case wire::ApiStatus::kForbidden:
      return Errc::kRefused;
    default:
      return Errc::kInternal;
  }
}

}  // namespace

Result<wire::Response> request(const std::string& socket_path, wire::Method method,
                               const std::string& path, std::optional<Bytes> body,
                               std::uint64_t timeout_ms) {
  wire::Request question;
  question.id = random_id();
  question.path = path;
  question.method = method;
  question.has_body = body.has_value();
  if (body) question.body = std::move(*body);
  const Bytes envelope = wire::encode_request(question);

  Socket socket(timeout_ms);
  Bytes frame(4);
  store_be32(frame.data(), static_cast<std::uint32_t>(envelope.size()));
  frame.insert(frame.end(), envelope.begin(), envelope.end());
  Status done = socket.connect(socket_path);
  if (done) done = socket.send(frame);
  std::array<std::uint8_t, 4> header;
  if (done) done = socket.receive(header);
  if (!done) return pass(done);
  const std::size_t size = load_be32(header.data());
  if (size == 0 || size > kResponseBytesMax) {
    return fail(Errc::kInvalid, "the node's answer has a wrong size", std::to_string(size));
  }
  Bytes answer(size);
  done = socket.receive(answer);
  if (!done) return pass(done);
  Result<wire::Response> response = wire::decode_response(answer);
  if (response && response->re != 0 && response->re != question.id) {
    return fail(Errc::kInvalid, "the node answered another request");
  }
  return response;
}

Result<Bytes> body_of(const wire::Response& response) {
  if (response.status == wire::ApiStatus::kOk) return response.has_body ? response.body : Bytes();
  const wire::ErrorBody error = wire::response_error(response);
  Error out{code_of(response.status), "the node refused", error.message.value_or(error.text())};
  return std::unexpected(std::move(out));
}

Result<Bytes> call(const std::string& socket_path, wire::Method method, const std::string& path,
                   std::optional<Bytes> body, std::uint64_t timeout_ms) {
  Result<wire::Response> response = request(socket_path, method, path, std::move(body), timeout_ms);
  if (!response) return pass(response);
  return body_of(*response);
}

}  // namespace weir::api
