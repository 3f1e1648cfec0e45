// An IPv4 or IPv6 address with a port, as the kernel wants it. Plain, copyable, 32 bytes.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir {

struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };

  SocketAddress() : v6{} {}
  bool is_v6() const { return any.sa_family == AF_INET6; }
  socklen_t size() const { return is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }
  std::uint16_t port() const { return ntohs(is_v6() ? v6.sin6_port : v4.sin_port); }
  void set_port(std::uint16_t port) { (is_v6() ? v6.sin6_port : v4.sin_port) = htons(port); }
  bool is_unspecified() const;
  bool is_loopback() const;

  // "127.0.0.1:4000", "[::1]:4000".
  std::string text() const;
  // Numeric only: "ip:port" or "[ip6]:port". Names are the resolver's business (control plane).
  static Result<SocketAddress> parse(std::string_view text);
  static SocketAddress v4_loopback(std::uint16_t port);
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);
};

}  // namespace weir
