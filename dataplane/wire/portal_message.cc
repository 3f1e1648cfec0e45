#include "dataplane/wire/portal_message.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace weir::wire {
namespace {

constexpr std::array<std::uint8_t, 4> kCapMagic = {'w', 'e', 'i', 'r'};

// A Ping or Pong of a real peer may have anything behind it, so a Cap that does not parse is no
// Cap.
bool parse_cap(ByteSpan rest, PortalCap& cap) {
  if (rest.size() < kCapMagic.size() || !equal(rest.first(kCapMagic.size()), kCapMagic))
    return false;
  rest = rest.subspan(kCapMagic.size());
  return read_uvarint(rest, cap.version) && cap.version > 0 && read_uvarint(rest, cap.flags) &&
         read_uvarint(rest, cap.credit);
}

bool parse_payload(MutableByteSpan rest, PortalMessage& out) {
  ByteSpan input = rest;
  std::uint64_t size = 0;
  if (!read_uvarint(input, size) || size > input.size()) return false;
  out.payload = rest.subspan(rest.size() - input.size(), size);
  const ByteSpan tail = input.subspan(size);
  if (tail.size() >= 3 && tail[0] == 0x01) {
    out.has_counter = true;
    out.counter = static_cast<std::uint16_t>(tail[1] | tail[2] << 8);
  }
  return true;
}

bool parse_reset(ByteSpan rest, PortalMessage& out) {
  if (rest.empty()) return false;
  out.reason = static_cast<ResetReason>(rest[0]);
  rest = rest.subspan(1);
  return read_uvarint(rest, out.offset);
}

}  // namespace

const char* reset_reason_text(ResetReason reason) {
  switch (reason) {
    case ResetReason::kUnknown:
      break;
    case ResetReason::kTargetRefused:
      return "target refused";
    case ResetReason::kTargetTimedOut:
      return "target timed out";
    case ResetReason::kTargetUnreachable:
      return "target unreachable";
    case ResetReason::kResetByApplication:
      return "reset by the application";
    case ResetReason::kNotAllowed:
      return "not allowed";
    case ResetReason::kOverload:
      return "overload";
    case ResetReason::kDataLost:
      return "data lost";
    case ResetReason::kProtocolError:
      return "protocol error";
    case ResetReason::kShuttingDown:
      return "shutting down";
    case ResetReason::kSessionLost:
      return "session lost";
  }
  return "unknown";
}

ParseResult parse_portal_message(MutableByteSpan message, PortalMessage& out) {
  out = {};
  if (message.empty()) return ParseResult::kMalformed;
  out.kind = static_cast<PortalKind>(message[0]);
  const MutableByteSpan rest = message.subspan(1);
  ByteSpan input = rest;
  bool ok = true;
  switch (out.kind) {
    case PortalKind::kPing:
    case PortalKind::kPong:
      out.has_cap = parse_cap(input, out.cap);
      if (!out.has_cap) out.cap = {};
      break;
    case PortalKind::kDisconnect:
      break;
    case PortalKind::kPayload:
      ok = parse_payload(rest, out);
      break;
    case PortalKind::kCredit:
    case PortalKind::kEof:
      ok = read_uvarint(input, out.offset);
      break;
    case PortalKind::kReset:
      ok = parse_reset(input, out);
      break;
    default:
      ok = false;
  }
  return ok ? ParseResult::kOk : ParseResult::kMalformed;
}

std::size_t put_payload_head(std::uint8_t* out, std::size_t n) {
  *out = static_cast<std::uint8_t>(PortalKind::kPayload);
  return static_cast<std::size_t>(put_uvarint(out + 1, n) - out);
}

std::size_t put_portal_simple(std::uint8_t* out, PortalKind kind) {
  DCHECK(kind == PortalKind::kPing || kind == PortalKind::kPong || kind == PortalKind::kDisconnect);
  *out = static_cast<std::uint8_t>(kind);
  return 1;
}

std::size_t put_portal_cap(std::uint8_t* out, PortalKind kind, const PortalCap& cap) {
  DCHECK(kind == PortalKind::kPing || kind == PortalKind::kPong);
  std::uint8_t* p = out;
  *p++ = static_cast<std::uint8_t>(kind);
  p = std::copy(kCapMagic.begin(), kCapMagic.end(), p);
  p = put_uvarint(p, cap.version);
  p = put_uvarint(p, cap.flags);
  p = put_uvarint(p, cap.credit);
  return static_cast<std::size_t>(p - out);
}

std::size_t put_credit(std::uint8_t* out, std::uint64_t limit) {
  *out = static_cast<std::uint8_t>(PortalKind::kCredit);
  return static_cast<std::size_t>(put_uvarint(out + 1, limit) - out);
}

std::size_t put_eof(std::uint8_t* out, std::uint64_t offset) {
  *out = static_cast<std::uint8_t>(PortalKind::kEof);
  return static_cast<std::size_t>(put_uvarint(out + 1, offset) - out);
}

std::size_t put_reset(std::uint8_t* out, ResetReason reason, std::uint64_t offset) {
  out[0] = static_cast<std::uint8_t>(PortalKind::kReset);
  out[1] = static_cast<std::uint8_t>(reason);
  return static_cast<std::size_t>(put_uvarint(out + 2, offset) - out);
}

}  // namespace weir::wire
