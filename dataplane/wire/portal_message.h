// Portal messages (spec/05 3) and the extensions between two weir ends (spec/09 1.1, 1.2).
//
//   00 Ping   01 Pong   02 Disconnect   03 uvarint(n) n bytes [01 u16 LE]   Payload
//   10 uvarint Credit   11 uvarint Eof   12 u8 uvarint Reset
//   Ping and Pong may carry Cap: "weir" uvarint(version) uvarint(flags) uvarint(initial credit)
//
// Everything here views and writes in place; nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "dataplane/wire/bare.h"
#include "dataplane/wire/message.h"

namespace weir::wire {

enum class PortalKind : std::uint8_t {
  kPing = 0x00,
  kPong = 0x01,
  kDisconnect = 0x02,
  kPayload = 0x03,
  kCredit = 0x10,
  kEof = 0x11,
  kReset = 0x12,
};

enum class ResetReason : std::uint8_t {
  kUnknown = 0,
  kTargetRefused = 1,
  kTargetTimedOut = 2,
  kTargetUnreachable = 3,
  kResetByApplication = 4,
  kNotAllowed = 5,
  kOverload = 6,
  kDataLost = 7,
  kProtocolError = 8,
  kShuttingDown = 9,
  kSessionLost = 10,
};
// "target refused", ...; numbers from a newer peer are "unknown".
const char* reset_reason_text(ResetReason reason);

inline constexpr std::uint64_t kCapVersion = 1;
inline constexpr std::uint64_t kCapHalfClose = 1;
inline constexpr std::uint64_t kCapReset = 2;
inline constexpr std::uint64_t kCapCredit = 4;

struct PortalCap {
  std::uint64_t version = kCapVersion;
  std::uint64_t flags = 0;
  std::uint64_t credit = 0;  // bytes that the sender of the Cap accepts before its first Credit
  friend bool operator==(const PortalCap&, const PortalCap&) = default;
};

struct PortalMessage {
  PortalKind kind = PortalKind::kPing;
  MutableByteSpan payload;    // Payload
  bool has_counter = false;   // Payload
  std::uint16_t counter = 0;  // Payload
  bool has_cap = false;       // Ping, Pong; a Cap that does not parse is no Cap
  PortalCap cap;              // Ping, Pong
  std::uint64_t offset = 0;   // Credit: limit; Eof, Reset: offset
  ResetReason reason =
      ResetReason::kUnknown;  // Reset; numbers from a newer peer are kept as they are
};

// kOk or kMalformed (which includes an unknown first byte: dropped and counted, the stream stays).
ParseResult parse_portal_message(MutableByteSpan message, PortalMessage& out);

// Encoders: each writes at `out` and returns the number of bytes written.
inline constexpr std::size_t kPayloadHeadBytesMax = 1 + kUvarintBytesMax;
inline constexpr std::size_t kPortalControlBytesMax =
    1 + 4 + 3 * kUvarintBytesMax;  // all but Payload

constexpr std::size_t payload_head_bytes(std::size_t n) { return 1 + uvarint_bytes(n); }
// The bytes in front of `n` bytes of data. No counter is ever written: 0.150.0 writes none.
std::size_t put_payload_head(std::uint8_t* out, std::size_t n);
// Ping, Pong or Disconnect without anything behind.
std::size_t put_portal_simple(std::uint8_t* out, PortalKind kind);
// Ping or Pong with Cap.
std::size_t put_portal_cap(std::uint8_t* out, PortalKind kind, const PortalCap& cap);
std::size_t put_credit(std::uint8_t* out, std::uint64_t limit);
std::size_t put_eof(std::uint8_t* out, std::uint64_t offset);
std::size_t put_reset(std::uint8_t* out, ResetReason reason, std::uint64_t offset);

}  // namespace weir::wire
