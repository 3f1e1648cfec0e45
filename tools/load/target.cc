#include "tools/load/target.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/wire/hostname_port.h"
#include "dataplane/wire/multiaddr.h"

namespace weir::load {
namespace {

Status resolve(Target& target) {
  std::string host = target.host;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(target.port);
  const int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (rc != 0 || found == nullptr) {
    return fail(Errc::kNotFound, "cannot resolve the target", ::gai_strerror(rc));
  }
  ::memcpy(&target.endpoint.address, found->ai_addr, found->ai_addrlen);
  target.endpoint.address_bytes = found->ai_addrlen;
  ::freeaddrinfo(found);
  return {};
}

Status read_parts(const wire::MultiAddr& address, std::size_t from, Target& target) {
  wire::Route route;
  for (std::size_t i = from; i < address.size(); ++i) {
    const wire::MultiAddrPart& part = address.parts()[i];
    switch (part.proto) {
      case wire::Proto::kSecure:
        route.push_back(wire::Address::local(part.value()));
        target.listeners.push_back(std::move(route));
        route = {};
        break;
      case wire::Proto::kService:
      case wire::Proto::kWorker:
        route.push_back(wire::Address::local(part.value()));
        break;
      default:
        return fail(Errc::kInvalid, "after the TCP address only service, worker and secure parts",
                    std::string(wire::proto_name(part.proto)));
    }
  }
  target.onward = std::move(route);
  return {};
}

}  // namespace

Result<Target> Target::parse(std::string_view text) {
  Target target;
  target.text = text;
  if (!text.empty() && text.front() == '/') {
    Result<wire::MultiAddr> address = wire::MultiAddr::parse(text);
    if (!address) return pass(address);
    const std::optional<wire::TransportHop> hop = address->leading_transport();
    if (!hop || hop->is_udp) {
      return fail(Errc::kInvalid,
                  "a target starts with a TCP address, as in /ip4/1.2.3.4/tcp/4000");
    }
    target.host = hop->host;
    target.port = hop->port;
    if (Status status = read_parts(*address, 2, target); !status) return pass(status);
  } else {
    Result<wire::HostnamePort> parsed = wire::HostnamePort::parse(text);
    if (!parsed) return pass(parsed);
    target.host = parsed->hostname;
    target.port = parsed->port;
  }
  if (Status status = resolve(target); !status) return pass(status);
  return target;
}

void Target::make_secure() {
  if (listeners.empty()) listeners.push_back(wire::Route{wire::Address::local("api")});
}

}  // namespace weir::load
