#include "tools/load/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>

namespace weir::load {

bool Endpoint::is_loopback4() const {
  sockaddr_in ip4{};
  std::memcpy(&ip4, &address, sizeof ip4);
  return ip4.sin_family == AF_INET && ntohl(ip4.sin_addr.s_addr) >> 24 == 127;
}

UniqueFd make_client_socket(const Endpoint& endpoint, std::uint32_t source) {
  UniqueFd fd(::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int one = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (source != 0 && endpoint.is_loopback4()) {
    (void)::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
    (void)::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from);
  }
  return fd;
}

}  // namespace weir::load
