// Values that recur in the bodies of the node manager API (spec/04 1.1, table "Types that recur").
//
// How bodies are written down here: a struct holds the fields and one `visit` that gives each its
// key, so that key and field stand side by side. std::optional fields may be absent; all others are
// required. Encoding is canonical, decoding is total (any bytes), both on the control thread.
//   Bytes encode() const;                      exactly the bytes of the body
//   static Result<T> decode(ByteSpan body);    kInvalid; bytes behind the item are ignored
// Keys from 100 on are weir's own: a real node skips them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identifier.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/hostname_port.h"
#include "dataplane/wire/multiaddr.h"
#include "dataplane/wire/route.h"

namespace weir::api {

// {1: tstr}, 32 hex digits.
struct FlowControlId {
  std::string text;
  friend bool operator==(const FlowControlId&, const FlowControlId&) = default;
};

// [seconds, nanoseconds]
struct Duration {
  std::uint64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  static Duration from_ms(std::uint64_t ms) {
    return {ms / 1000, static_cast<std::uint32_t>(ms % 1000) * 1'000'000};
  }
  // Rounded up; the largest value where it does not fit.
  std::uint64_t ms() const;
  friend bool operator==(const Duration&, const Duration&) = default;
};

// A host or an IP address with a port.
struct InternetAddress {
  enum class Kind : std::uint8_t { kDns = 0, kIp4 = 1, kIp6 = 2 };
  Kind kind = Kind::kDns;
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 0;

  // "127.0.0.1:4000", "[::1]:4000", "host:4000"
  static InternetAddress parse(const std::string& host_port);
  std::string text() const;
  friend bool operator==(const InternetAddress&, const InternetAddress&) = default;
};

enum class ConnectionStatus : std::uint8_t { kDown = 0, kUp = 1 };
const char* connection_status_text(ConnectionStatus status);  // "Up"

// One CBOR item as received, for what this node does not interpret (credentials).
struct RawItem {
  Bytes bytes;
  friend bool operator==(const RawItem&, const RawItem&) = default;
};

// A list longer than this is refused: what it would take in memory is a multiple of its bytes.
inline constexpr std::size_t kListItemsMax = 1'000'000;

}  // namespace weir::api
