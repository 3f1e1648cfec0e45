// One request of a connection is handled at a time: while it waits for its answer, or the answer
// for the client, nothing more is read from it. So a connection holds at most one request and one
// answer, and the kernel's buffer pushes back.
#include "control/node/api/api_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "control/node/api/internal/unix_path.h"
#include "control/node/ticker.h"

namespace weir::api {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kReadChunkBytes = 64 << 10;

using ConnectionId = std::uint64_t;

struct Connection {
  int fd = -1;
  Bytes in;
  Bytes out;
  std::size_t out_sent = 0;
  bool waiting = false;  // for the answer to a request
  bool serving = false;  // serve() runs
  std::uint64_t progress_tick = 0;

  bool sending() const { return out_sent < out.size(); }
};

Result<int> bind_socket(const std::string& path) {
  const internal::UnixPath name(path);
  if (name.error() != 0) return fail(Errc::kIo, "cannot use the path", std::strerror(name.error()));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  const auto failed = [fd, &path](Errc code, const char* what, int error) {
    ::close(fd);
    return fail(code, what, path + ": " + std::strerror(error));
  };
  struct stat file{};
  if (::lstat(path.c_str(), &file) == 0) {
    if (!S_ISSOCK(file.st_mode)) return failed(Errc::kAlreadyExists, "not a socket", EEXIST);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(probe >= 0);
    const bool served =
        ::connect(probe, name.address(), name.size()) == 0 || errno == EAGAIN || errno == EACCES;
    ::close(probe);
    if (served) return failed(Errc::kAlreadyExists, "another process serves it", EADDRINUSE);
    ::unlink(path.c_str());
  }
  // On Linux the mode of the socket before bind is the mode of the file, so that there is no moment
  // at which others can connect.
  if (::fchmod(fd, 0600) != 0 || ::bind(fd, name.address(), name.size()) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd, 128) != 0) {
    return failed(Errc::kIo, "cannot serve the socket", errno);
  }
  return fd;
}

}  // namespace

class ApiSocket::Server : public std::enable_shared_from_this<Server> {
 public:
  Server(int listener, std::string path, Handler handler, const ApiSocketLimits& limits)
      : listener_(listener), path_(std::move(path)), handler_(std::move(handler)), limits_(limits) {
    struct stat file{};
    if (::lstat(path_.c_str(), &file) == 0) inode_ = file.st_ino;
  }

  ~Server() {
    while (!connections_.empty()) close(connections_.begin()->first);
    if (loop_ != nullptr) {
      loop_->unwatch(listener_);
      loop_->unwatch(ticker_.fd());
    }
    // Nobody else's: a successor may have replaced the file.
    struct stat file{};
    if (::lstat(path_.c_str(), &file) == 0 && file.st_ino == inode_) ::unlink(path_.c_str());
    ::close(listener_);
  }

  void add_to(EventLoop& loop) {
    CHECK(loop_ == nullptr);
    loop_ = &loop;
    watch_listener();
    loop_->watch(ticker_.fd(), EPOLLIN, [this](std::uint32_t) { on_tick(); });
  }

  std::size_t connections() const { return connections_.size(); }

 private:
  void watch_listener() {
    accepting_ = true;
    loop_->watch(listener_, EPOLLIN, [this](std::uint32_t) { accept_all(); });
  }
  void pause_listener() {
    accepting_ = false;
    loop_->unwatch(listener_);
  }

  void accept_all() {
    for (;;) {
      if (connections_.size() >= limits_.connections_max) return pause_listener();
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
        ticker_.arm(limits_.tick_ms);  // tried again then
        return pause_listener();
      }
      if (fd < 0 && errno == EAGAIN) return;
      if (fd < 0) continue;
      if (!internal::peer_is_trusted(fd)) {
        ::close(fd);
        continue;
      }
      const ConnectionId id = next_id_++;
      Connection& connection = connections_[id];
      connection.fd = fd;
      connection.progress_tick = tick_;
      ticker_.arm(limits_.tick_ms);
      watch(id);
    }
  }

  void watch(ConnectionId id) {
    const Connection& connection = connections_.at(id);
    std::uint32_t events = EPOLLIN;
    if (connection.waiting) events = 0;
    if (connection.sending()) events = EPOLLOUT;
    loop_->watch(connection.fd, events, [this, id](std::uint32_t ready) { on_ready(id, ready); });
  }

  void close(ConnectionId id) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    if (loop_ != nullptr) loop_->unwatch(it->second.fd);
    ::close(it->second.fd);
    connections_.erase(it);
    if (!accepting_ && loop_ != nullptr) watch_listener();
  }

  Connection* find(ConnectionId id) {
    const auto it = connections_.find(id);
    return it == connections_.end() ? nullptr : &it->second;
  }

  void on_ready(ConnectionId id, std::uint32_t ready) {
    const std::shared_ptr<Server> alive = shared_from_this();
    Connection* connection = find(id);
    if (connection == nullptr) return;
    if ((ready & EPOLLOUT) != 0 && !flush(*connection)) return close(id);
    if ((ready & EPOLLIN) != 0) {
      if (!fill(*connection)) return close(id);
    } else if ((ready & (EPOLLHUP | EPOLLERR)) != 0) {
      return close(id);
    }
    serve(id);
  }

  // What all connections hold.
  std::size_t buffered_bytes() const {
    std::size_t sum = 0;
    for (const auto& [id, connection] : connections_) {
      sum += connection.in.capacity() + connection.out.capacity();
    }
    return sum;
  }

  // Reads one chunk; false when the connection is over.
  bool fill(Connection& connection) {
    std::array<std::uint8_t, kReadChunkBytes> chunk;
    const ssize_t got = ::read(connection.fd, chunk.data(), chunk.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    const auto size = static_cast<std::size_t>(got);
    const bool grows = connection.in.capacity() < connection.in.size() + size;
    if (grows && buffered_bytes() + connection.in.size() + size > limits_.buffered_bytes_max) {
      return false;
    }
    connection.in.insert(connection.in.end(), chunk.begin(), chunk.begin() + got);
    connection.progress_tick = tick_;
    return true;
  }

  // The next whole request; false when the client sent a length that cannot be.
  bool take_request(Connection& connection, std::optional<Bytes>& request) {
    Bytes& in = connection.in;
    if (in.size() < kHeaderBytes) return true;
    const std::size_t size = load_be32(in.data());
    if (size == 0 || size > limits_.request_bytes_max) return false;
    if (in.size() < kHeaderBytes + size) return true;
    const auto begin = in.begin() + kHeaderBytes;
    request.emplace(begin, begin + static_cast<std::ptrdiff_t>(size));
    in.erase(in.begin(), begin + static_cast<std::ptrdiff_t>(size));
    if (in.empty()) in = Bytes();  // an idle connection holds no buffer
    return true;
  }

  // Handles what is complete, one request after the other.
  void serve(ConnectionId id) {
    for (;;) {
      Connection* connection = find(id);
      if (connection == nullptr || connection->serving) return;
      if (connection->waiting || connection->sending()) break;
      std::optional<Bytes> request;
      if (!take_request(*connection, request)) return close(id);
      if (!request) break;
      connection->waiting = true;
      connection->serving = true;
      handler_(std::move(*request), [weak = weak_from_this(), id](Bytes response) {
        if (const std::shared_ptr<Server> server = weak.lock()) server->answer(id, response);
      });
      connection = find(id);
      if (connection != nullptr) connection->serving = false;
    }
    watch(id);
  }

  void answer(ConnectionId id, const Bytes& response) {
    Connection* connection = find(id);
    if (connection == nullptr || !connection->waiting) return;
    if (response.empty() || response.size() > limits_.response_bytes_max) return close(id);
    connection->waiting = false;
    connection->out.resize(kHeaderBytes);
    store_be32(connection->out.data(), static_cast<std::uint32_t>(response.size()));
    connection->out.insert(connection->out.end(), response.begin(), response.end());
    connection->out_sent = 0;
    connection->progress_tick = tick_;
    if (!flush(*connection)) return close(id);
    serve(id);
  }

  // Sends what the client takes; false when the connection is over.
  bool flush(Connection& connection) {
    while (connection.sending()) {
      const ssize_t sent =
          ::send(connection.fd, connection.out.data() + connection.out_sent,
                 connection.out.size() - connection.out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      connection.out_sent += static_cast<std::size_t>(sent);
      connection.progress_tick = tick_;
    }
    connection.out = Bytes();
    connection.out_sent = 0;
    return true;
  }

  std::uint64_t patience_ticks(const Connection& connection) const {
    const bool inside = connection.sending() || !connection.in.empty();
    const std::uint64_t seconds = inside ? limits_.stall_s : limits_.idle_s;
    return std::max<std::uint64_t>(1, seconds * 1000 / limits_.tick_ms);
  }

  void on_tick() {
    tick_ += ticker_.take();
    std::vector<ConnectionId> over;
    for (const auto& [id, connection] : connections_) {
      if (connection.waiting) continue;  // our turn, not the client's
      if (tick_ - connection.progress_tick > patience_ticks(connection)) over.push_back(id);
    }
    for (const ConnectionId id : over) close(id);
    if (!accepting_ && connections_.size() < limits_.connections_max) watch_listener();
    if (connections_.empty()) ticker_.disarm();
  }

  int listener_;
  std::string path_;
  ino_t inode_ = 0;
  Handler handler_;
  ApiSocketLimits limits_;
  EventLoop* loop_ = nullptr;
  bool accepting_ = false;
  Ticker ticker_;
  std::uint64_t tick_ = 0;
  ConnectionId next_id_ = 1;
  std::unordered_map<ConnectionId, Connection> connections_;
};

Result<std::unique_ptr<ApiSocket>> ApiSocket::open(const std::string& path, Handler handler,
                                                   const ApiSocketLimits& limits) {
  Result<int> fd = bind_socket(path);
  if (!fd) return pass(fd);
  return std::unique_ptr<ApiSocket>(
      new ApiSocket(std::make_shared<Server>(*fd, path, std::move(handler), limits)));
}

ApiSocket::~ApiSocket() = default;
void ApiSocket::add_to(EventLoop& loop) { server_->add_to(loop); }
std::size_t ApiSocket::connections() const { return server_->connections(); }

}  // namespace weir::api
