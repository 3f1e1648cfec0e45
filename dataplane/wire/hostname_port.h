// Host and port arguments of the command line and the API (spec/01 6.2, spec/07 1.3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::wire {

// True for a numeric IPv4 or IPv6 address in the text forms that Rust's standard library reads:
// no leading zeros, no brackets, no zone.
bool parse_ip4(std::string_view text, std::uint8_t (&out)[4]);
bool parse_ip6(std::string_view text, std::uint8_t (&out)[16]);
std::string ip4_text(const std::uint8_t* bytes);
std::string ip6_text(const std::uint8_t* bytes);  // RFC 5952; IPv4-mapped as ::ffff:1.2.3.4

// Decimal, optional '+', 0..65535; errors in Rust's words.
Result<std::uint16_t> parse_port(std::string_view text);

struct HostnamePort {
  std::string hostname;  // IPv6 in brackets
  std::uint16_t port = 0;

  // "PORT" and ":PORT" mean 127.0.0.1. Errors are kInvalid with Ockam's text as `detail`.
  static Result<HostnamePort> parse(std::string_view text);
  std::string text() const { return hostname + ":" + std::to_string(port); }
  bool is_numeric() const;  // an IP address, not a name
  friend bool operator==(const HostnamePort&, const HostnamePort&) = default;
};

struct SchemeHostnamePort {
  enum class Scheme : std::uint8_t { kTcp, kUdp, kTls };
  Scheme scheme = Scheme::kTcp;
  HostnamePort hostname_port;

  // "[tcp://|udp://|tls://](host:port|:port|port)".
  static Result<SchemeHostnamePort> parse(std::string_view text);
  bool is_udp() const { return scheme == Scheme::kUdp; }
  bool is_tls() const { return scheme == Scheme::kTls; }
  std::string text() const;
  friend bool operator==(const SchemeHostnamePort&, const SchemeHostnamePort&) = default;
};

// "a.b.c.d:PORT" or "[v6]:PORT" and nothing else, as numbers.
struct SocketAddress {
  bool is_ip6 = false;
  std::uint8_t ip[16] = {};  // IPv4 in the first 4
  std::uint16_t port = 0;

  static Result<SocketAddress> parse(std::string_view text);
  std::string text() const;
};

}  // namespace weir::wire
