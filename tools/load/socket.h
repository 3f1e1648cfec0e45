// Where connections go, and the sockets that go there.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "base/unique_fd.h"

namespace weir::load {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
  bool is_loopback4() const;
};

// A non-blocking socket for `endpoint` without Nagle's delay; empty on failure. `source`: bound to
// the loopback address 127.0.0.(1 + source) if not 0 and the endpoint is one, because one source
// address has only about 28,000 ports.
UniqueFd make_client_socket(const Endpoint& endpoint, std::uint32_t source);

}  // namespace weir::load
