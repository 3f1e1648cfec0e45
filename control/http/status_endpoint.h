// The status endpoint (spec/08 2.6): HTTP/1.1 for health checks and monitoring.
//
//   HEAD /      200, no body
//   GET /show   200, the node as JSON (extra slashes allowed), no content-type
//   else        404, empty
//
// Unlike Ockam's it serves its connections in parallel, and no idle client can keep a health check
// waiting: when all places are taken the connection that has been idle longest makes room. What is
// no HTTP/1.x request, or has a body, is answered and closed. Control thread only, never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/node/event_loop.h"
#include "dataplane/io/socket_address.h"

namespace weir {

inline constexpr std::uint16_t kStatusEndpointPortDefault = 23345;

struct StatusEndpointLimits {
  std::size_t connections_max = 64;
  std::size_t head_bytes_max = 8 << 10;  // of one request
  std::uint32_t idle_s = 10;             // without progress, inside a request or between two
  std::uint32_t tick_ms = 1000;
};

class StatusEndpoint {
 public:
  using Show = std::function<std::string()>;  // the JSON document

  // Listens on `address`. If its port is taken: another, free one when `other_port_if_taken`, else
  // kAlreadyExists. kIo: with the reason.
  static Result<std::unique_ptr<StatusEndpoint>> open(const SocketAddress& address,
                                                      bool other_port_if_taken, Show show,
                                                      Clock& clock,
                                                      const StatusEndpointLimits& limits = {});
  ~StatusEndpoint();
  StatusEndpoint(const StatusEndpoint&) = delete;
  StatusEndpoint& operator=(const StatusEndpoint&) = delete;

  const SocketAddress& address() const;  // with the real port
  // Once. The loop must outlive this object.
  void add_to(EventLoop& loop);
  std::size_t connections() const;

 private:
  class Server;
  explicit StatusEndpoint(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace weir
