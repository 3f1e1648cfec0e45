// The node manager API on a Unix socket, for the commands of this user (spec/04 12.2: Ockam serves
// it to whoever reaches the node's TCP port).
//
// A frame in both directions: u32 big-endian length, then an envelope of spec/04 section 1. Answers
// come in the order of the requests of a connection; connections do not wait for each other. The
// socket file has mode 0600, and a peer of another user (except root) is closed at once.
//
// Runs on the control thread, never blocks. A client that stops inside a frame, does not read its
// answer, sends a frame of a wrong size or something that is no envelope is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "control/node/event_loop.h"

namespace weir::api {

struct ApiSocketLimits {
  std::size_t connections_max = 256;           // more wait in the kernel's backlog
  std::size_t request_bytes_max = 20 << 20;    // a message of the largest size, and its header
  std::size_t response_bytes_max = 64 << 20;   // a list of 65536 relays is 14 MB
  std::size_t buffered_bytes_max = 128 << 20;  // over all connections; the one above it is closed
  std::uint32_t stall_s = 30;                  // without progress inside a frame
  std::uint32_t idle_s = 120;                  // between requests
  std::uint32_t tick_ms = 1000;                // how often the two above are looked at
};

class ApiSocket {
 public:
  // An empty answer is silence: the connection is closed.
  using Answer = std::function<void(Bytes response)>;
  using Handler = std::function<void(Bytes request, Answer answer)>;

  // Replaces a socket file that nobody listens on. kAlreadyExists: a process serves it, or the path
  // is something else; kIo: with the reason.
  static Result<std::unique_ptr<ApiSocket>> open(const std::string& path, Handler handler,
                                                 const ApiSocketLimits& limits = {});
  // Closes everything and removes the file; answers that come later go nowhere.
  ~ApiSocket();
  ApiSocket(const ApiSocket&) = delete;
  ApiSocket& operator=(const ApiSocket&) = delete;

  // Once. The loop must outlive this object.
  void add_to(EventLoop& loop);
  std::size_t connections() const;

 private:
  class Server;
  explicit ApiSocket(std::shared_ptr<Server> server) : server_(std::move(server)) {}
  std::shared_ptr<Server> server_;
};

}  // namespace weir::api
