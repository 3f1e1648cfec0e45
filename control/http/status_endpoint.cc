#include "control/http/status_endpoint.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "control/http/http_request.h"
#include "control/node/ticker.h"

namespace weir {
namespace {

using ConnectionId = std::uint64_t;

struct Connection {
  int fd = -1;
  std::string in;   // at most one head and one chunk
  std::string out;  // at most one answer
  std::size_t out_sent = 0;
  bool close_after = false;
  std::uint64_t progress_tick = 0;
  std::uint64_t order = 0;  // of its last progress, over all connections

  bool sending() const { return out_sent < out.size(); }
};

struct Bound {
  int fd = -1;
  SocketAddress address;
};

// fd -1: errno says why.
Bound listen_on(const SocketAddress& address) {
  Bound out;
  out.fd = ::socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (out.fd < 0) return out;
  const int on = 1;
  ::setsockopt(out.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof out.address;
  if (::bind(out.fd, &address.any, address.size()) != 0 || ::listen(out.fd, 128) != 0 ||
      ::getsockname(out.fd, &out.address.any, &size) != 0) {
    const int error = errno;
    ::close(out.fd);
    out.fd = -1;
    errno = error;
  }
  return out;
}

}  // namespace

class StatusEndpoint::Server {
 public:
  Server(const Bound& bound, Show show, Clock& clock, const StatusEndpointLimits& limits)
      : listener_(bound.fd),
        address_(bound.address),
        show_(std::move(show)),
        clock_(clock),
        limits_(limits) {}

  ~Server() {
    if (loop_ != nullptr) {
      loop_->unwatch(listener_);
      loop_->unwatch(ticker_.fd());
    }
    while (!connections_.empty()) close(connections_.begin()->first);
    ::close(listener_);
  }

  void add_to(EventLoop& loop) {
    CHECK(loop_ == nullptr);
    loop_ = &loop;
    loop.watch(ticker_.fd(), EPOLLIN, [this](std::uint32_t) { on_tick(); });
    watch_listener();
  }
  const SocketAddress& address() const { return address_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  void watch_listener() {
    accepting_ = true;
    loop_->watch(listener_, EPOLLIN, [this](std::uint32_t) { accept_all(); });
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
        accepting_ = false;  // until the next tick
        ticker_.arm(limits_.tick_ms);
        return loop_->unwatch(listener_);
      }
      if (fd < 0 && errno == EAGAIN) return;
      if (fd < 0) continue;
      if (connections_.size() >= limits_.connections_max) make_room();
      const ConnectionId id = next_id_++;
      connections_[id].fd = fd;
      progressed(connections_[id]);
      ticker_.arm(limits_.tick_ms);
      watch(id);
    }
  }

  // Closes the connection that has been without progress longest.
  void make_room() {
    const auto oldest = std::min_element(
        connections_.begin(), connections_.end(),
        [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
    close(oldest->first);
  }

  void progressed(Connection& connection) {
    connection.progress_tick = tick_;
    connection.order = next_order_++;
  }

  void watch(ConnectionId id) {
    const Connection& connection = connections_.at(id);
    loop_->watch(connection.fd, connection.sending() ? EPOLLOUT : EPOLLIN,
                 [this, id](std::uint32_t ready) { on_ready(id, ready); });
  }

  void close(ConnectionId id) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    if (loop_ != nullptr) loop_->unwatch(it->second.fd);
    ::close(it->second.fd);
    connections_.erase(it);
  }

  void on_ready(ConnectionId id, std::uint32_t ready) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    Connection& connection = it->second;
    bool alive = (ready & (EPOLLIN | EPOLLOUT)) != 0;
    if (alive && (ready & EPOLLOUT) != 0) alive = flush(connection);
    if (alive && (ready & EPOLLIN) != 0) alive = fill(connection);
    // One answer at a time: while a client does not take it, its next request waits.
    while (alive && !connection.sending() && answer_next(connection)) alive = flush(connection);
    if (!alive || (connection.close_after && !connection.sending())) return close(id);
    watch(id);
  }

  bool fill(Connection& connection) {
    std::array<char, 4096> chunk;
    const ssize_t got = ::read(connection.fd, chunk.data(), chunk.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    connection.in.append(chunk.data(), static_cast<std::size_t>(got));
    // A head that trickles in is no progress.
    return true;
  }

  bool flush(Connection& connection) {
    while (connection.sending()) {
      const ssize_t sent =
          ::send(connection.fd, connection.out.data() + connection.out_sent,
                 connection.out.size() - connection.out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      connection.out_sent += static_cast<std::size_t>(sent);
      progressed(connection);
    }
    connection.out = std::string();
    connection.out_sent = 0;
    return true;
  }

  // Puts the answer to the next whole request into `out`; false when there is none.
  bool answer_next(Connection& connection) {
    if (connection.close_after) return false;
    const std::size_t size = http_head_bytes(connection.in);
    const std::size_t head_bytes = size == 0 ? connection.in.size() : size;
    if (head_bytes > limits_.head_bytes_max) {
      refuse(connection, 431);
    } else if (size == 0) {
      return false;
    } else {
      answer(connection, std::string_view(connection.in).substr(0, size));
      connection.in.erase(0, size);
    }
    return true;
  }

  void refuse(Connection& connection, int status) {
    connection.close_after = true;
    connection.out = http_response(status, "", false, false, clock_.unix_seconds());
  }

  void answer(Connection& connection, std::string_view head) {
    const Result<HttpRequest> request = parse_http_head(head);
    if (!request) return refuse(connection, 400);
    const bool keep_alive = request->keep_alive && !request->has_body;
    const auto& path = request->segments;
    int status = 404;
    std::string body;
    if (request->method == "HEAD" && path.empty()) {
      status = 200;
    } else if (request->method == "GET" && path.size() == 1 && path[0] == "show") {
      status = 200;
      body = show_();
    }
    connection.close_after = !keep_alive;
    connection.out =
        http_response(status, body, request->method == "HEAD", keep_alive, clock_.unix_seconds());
  }

  void on_tick() {
    tick_ += ticker_.take();
    const std::uint64_t patience =
        std::max<std::uint64_t>(1, std::uint64_t{limits_.idle_s} * 1000 / limits_.tick_ms);
    std::vector<ConnectionId> over;
    for (const auto& [id, connection] : connections_) {
      if (tick_ - connection.progress_tick > patience) over.push_back(id);
    }
    for (const ConnectionId id : over) close(id);
    if (!accepting_) watch_listener();
    if (connections_.empty()) ticker_.disarm();
  }

  int listener_;
  SocketAddress address_;
  Show show_;
  Clock& clock_;
  StatusEndpointLimits limits_;
  EventLoop* loop_ = nullptr;
  bool accepting_ = false;
  Ticker ticker_;
  std::uint64_t tick_ = 0;
  std::uint64_t next_order_ = 1;
  ConnectionId next_id_ = 1;
  std::unordered_map<ConnectionId, Connection> connections_;
};

StatusEndpoint::StatusEndpoint(std::unique_ptr<Server> server) : server_(std::move(server)) {}
StatusEndpoint::~StatusEndpoint() = default;

Result<std::unique_ptr<StatusEndpoint>> StatusEndpoint::open(const SocketAddress& address,
                                                             bool other_port_if_taken, Show show,
                                                             Clock& clock,
                                                             const StatusEndpointLimits& limits) {
  Bound bound = listen_on(address);
  if (bound.fd < 0 && errno == EADDRINUSE) {
    if (!other_port_if_taken) {
      return fail(Errc::kAlreadyExists, "the address is in use", address.text());
    }
    SocketAddress other = address;
    other.set_port(0);
    bound = listen_on(other);
  }
  if (bound.fd < 0) {
    return fail(Errc::kIo, "cannot listen", address.text() + ": " + std::strerror(errno));
  }
  return std::unique_ptr<StatusEndpoint>(
      new StatusEndpoint(std::make_unique<Server>(bound, std::move(show), clock, limits)));
}

const SocketAddress& StatusEndpoint::address() const { return server_->address(); }
void StatusEndpoint::add_to(EventLoop& loop) { server_->add_to(loop); }
std::size_t StatusEndpoint::connections() const { return server_->connections(); }

}  // namespace weir
