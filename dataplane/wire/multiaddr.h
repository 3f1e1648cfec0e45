// MultiAddr: how a user and the API name a way to a service (spec/01 10).
//
// Text "/ip4/127.0.0.1/tcp/4000/service/api", binary = code (LEB128) and value for each part, CBOR
// = a byte string of the binary form. Held in binary, which is the canonical form. Control plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "dataplane/wire/cbor.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

enum class Proto : std::uint32_t {
  kIp4 = 4,
  kTcp = 6,
  kIp6 = 41,
  kDnsAddr = 56,
  kUdp = 273,
  kService = 62526,
  kNode = 72526,
  kProject = 82526,
  kSpace = 92526,
  kSecure = 99526,
  kWorker = 102526,
};
std::string_view proto_name(Proto proto);  // "ip4"

struct MultiAddrPart {
  Proto proto = Proto::kService;
  Bytes data;  // ip4: 4, ip6: 16, tcp and udp: 2 big-endian; the others: the text's bytes

  std::string value() const;   // as printed, without "/protocol/"
  std::uint16_t port() const;  // tcp and udp
  friend bool operator==(const MultiAddrPart&, const MultiAddrPart&) = default;
};

// The first transport pair of a MultiAddr: "/ip4/A/tcp/P", "/dnsaddr/H/udp/P", ...
struct TransportHop {
  std::string host;  // as in a route: IPv6 in brackets
  std::uint16_t port = 0;
  bool is_udp = false;
  std::size_t index = 0;  // of its first part
  std::string host_port() const { return host + ":" + std::to_string(port); }
};

class MultiAddr {
 public:
  MultiAddr() = default;
  // Errors are kInvalid with Ockam's text as `detail` (spec/01 10.1, 10.2).
  static Result<MultiAddr> parse(std::string_view text);
  static Result<MultiAddr> from_bytes(ByteSpan bytes);
  static Result<MultiAddr> decode(CborReader& reader);
  // Local addresses become /service/ each; any other type is an error.
  static Result<MultiAddr> from_route(const RouteView& route);

  const std::vector<MultiAddrPart>& parts() const { return parts_; }
  std::size_t size() const { return parts_.size(); }
  bool empty() const { return parts_.empty(); }
  std::string text() const;  // canonical
  Bytes bytes() const;
  void encode(CborWriter& writer) const { writer.bytes(bytes()); }

  void push_back(MultiAddrPart part);  // data of the size that its protocol has
  void push_back(Proto proto, std::string_view text_value);  // text protocols
  void append(const MultiAddr& tail);
  // Parts [from, from + count), cut at the end.
  MultiAddr slice(std::size_t from, std::size_t count = SIZE_MAX) const;
  bool starts_with(const MultiAddr& prefix) const;

  // Only service, worker and secure parts: type 0 addresses.
  Result<Route> to_local_route() const;
  // The same with at most one transport pair, which becomes a type 1 or 2 address (not connected).
  Result<Route> to_transport_route(bool allow_udp = true) const;
  // The transport pair that the MultiAddr starts with, as host and port.
  std::optional<TransportHop> leading_transport() const { return transport_at(0); }
  std::optional<TransportHop> transport_at(std::size_t index) const;
  bool has(Proto proto) const;
  // Value of the first part when it has that protocol.
  std::optional<std::string> leading(Proto proto) const;

  friend bool operator==(const MultiAddr&, const MultiAddr&) = default;

 private:
  std::vector<MultiAddrPart> parts_;
};

// Binary MultiAddr varints are minimal, unlike BARE's.
inline constexpr std::size_t kProtoCodeBytesMax = 5;

}  // namespace weir::wire
