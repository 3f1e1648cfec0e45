#include "dataplane/io/socket_address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weir {

bool SocketAddress::is_unspecified() const {
  return is_v6() ? IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) != 0 : v4.sin_addr.s_addr == INADDR_ANY;
}

bool SocketAddress::is_loopback() const {
  if (!is_v6()) return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return v6.sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

std::string SocketAddress::text() const {
  char host[INET6_ADDRSTRLEN] = {};
  if (is_v6()) {
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(port());
  }
  inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
  return std::string(host) + ":" + std::to_string(port());
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::kInvalid, "address without a port");
  std::uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return fail(Errc::kInvalid, "port is not a number from 0 to 65535");
  }
  std::string host(text.substr(0, colon));
  SocketAddress address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    address.v6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) != 1) {
      return fail(Errc::kInvalid, "not an IPv6 address");
    }
  } else {
    address.v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) != 1) {
      return fail(Errc::kInvalid, "not an IP address");
    }
  }
  address.set_port(port);
  return address;
}

SocketAddress SocketAddress::v4_loopback(std::uint16_t port) {
  SocketAddress address;
  address.v4.sin_family = AF_INET;
  address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.set_port(port);
  return address;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  if (a.any.sa_family != b.any.sa_family || a.port() != b.port()) return false;
  if (!a.is_v6()) return a.v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
  return std::memcmp(&a.v6.sin6_addr, &b.v6.sin6_addr, sizeof a.v6.sin6_addr) == 0;
}

}  // namespace weir
