// The routed message: the body of a TCP frame (spec/01 2.5).
//
//   84 ONWARD RETURN PAYLOAD:bstr TRACING:tstr     behind a u32 big-endian length
//
// Parsing is one pass over routes and heads and never touches the payload's bytes. What real peers
// send is canonical and is viewed in place. Legal but not canonical addresses (longer heads,
// surplus elements, indefinite arrays) are rewritten into scratch, so that everything behind the
// parser sees one form only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

inline constexpr std::size_t kMaxFrameBytes =
    16777216;  // spec/01 6.1: inclusive, prefix not counted
inline constexpr std::size_t kFramePrefixBytes = 4;
inline constexpr std::uint8_t kTcpVersion = 0x01;  // first byte of a connection, both ways
inline constexpr std::array<std::uint8_t, 3> kTracingTrailer = {0x62, 0x7b, 0x7d};  // tstr "{}"
// Scratch that parse_message and parse_channel_plaintext may need for an input of `input_bytes`.
constexpr std::size_t scratch_bytes(std::size_t input_bytes) { return input_bytes + 16; }

enum class ParseResult : std::uint8_t { kOk, kMalformed, kNeedsScratch };

struct MessageView {
  RouteView onward;
  RouteView ret;
  MutableByteSpan payload;  // always inside the parsed body
  ByteSpan tracing;         // text behind its head; empty when absent or null
};

// Parses a frame's body. Input that is legal but not canonical needs scratch of
// scratch_bytes(body.size()); with less, kNeedsScratch is returned and `out` is unspecified
// (malformed input is kMalformed either way). Views point into body or scratch and live as long as
// those.
ParseResult parse_message(MutableByteSpan body, MutableByteSpan scratch, MessageView& out);

// A frame body with tracing "{}". Control plane and tests: allocates.
Bytes encode_message(const RouteView& onward, const RouteView& ret, ByteSpan payload);

// A route in two encoded pieces, e.g. an own address in front of a RouteView's items.
struct HeadRoute {
  ByteSpan first;
  ByteSpan second;
  std::uint32_t count = 0;  // addresses in both pieces together

  static HeadRoute of(const RouteView& route) { return {{}, route.items, route.count}; }
  std::size_t encoded_bytes() const {
    return array_header_bytes(count) + first.size() + second.size();
  }
};

// Bytes in front of the payload: length prefix, array head, routes, payload head.
std::size_t transport_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes);
// What the length prefix will say: everything behind it, tracing trailer included. The caller
// compares it with kMaxFrameBytes before it writes: a longer frame makes the peer close the
// connection.
std::size_t transport_body_bytes(const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes);
// Writes the head backwards so that it ends at `end` (exclusive), where the payload starts, and
// returns its first byte. Room of transport_head_bytes() before `end` is the caller's promise; so
// is writing kTracingTrailer behind the payload, which the length counts. The `second` pieces may
// lie in the room, as the routes of a message that is rewritten in place do, in the order onward,
// return; they are moved. The `first` pieces must lie elsewhere.
std::uint8_t* put_transport_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes);

}  // namespace weir::wire
