// Names to addresses, without blocking the control thread.
//
// `done` is always called on the control thread: from poll(), or at once by a resolver that knows
// the answer. Addresses come in the order in which they should be tried; never an empty success.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/io/socket_address.h"

namespace weir {

class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<SocketAddress>>)>;
  virtual ~Resolver() = default;
  // `host` is a name, an IPv4 address or an IPv6 address with or without brackets.
  virtual void resolve(const std::string& host, std::uint16_t port, Answer done) = 0;
  // Delivers answers that have come since the last call. Node::step calls it.
  virtual void poll() {}
};

}  // namespace weir
