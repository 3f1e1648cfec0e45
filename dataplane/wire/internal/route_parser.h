// Routes inside messages: viewed where they lie when canonical, rewritten into scratch otherwise.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dataplane/wire/cbor.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

// Reads the head of a CBOR item of `major` at [p, end) and returns the byte behind it; nullptr when
// there is none of that kind. Any width.
const std::uint8_t* read_long_cbor_head(const std::uint8_t* p, const std::uint8_t* end,
                                        std::uint8_t major, std::uint64_t& value);
inline const std::uint8_t* read_cbor_head(const std::uint8_t* p, const std::uint8_t* end,
                                          std::uint8_t major, std::uint64_t& value) {
  if (p == end || static_cast<std::uint8_t>(*p - major) >= 24)
    return read_long_cbor_head(p, end, major, value);
  value = static_cast<std::uint8_t>(*p - major);
  return p + 1;
}

// The fast way: a definite route of canonical addresses at [p, end). Returns the byte behind it, or
// nullptr when the route is anything else: then RouteParser decides whether it is legal.
const std::uint8_t* view_canonical_route(const std::uint8_t* p, const std::uint8_t* end,
                                         RouteView& out);

// The general way. One parser serves the routes of one message, which share its scratch.
class RouteParser {
 public:
  explicit RouteParser(MutableByteSpan scratch) : room_(scratch) {}

  // False when malformed.
  bool parse(CborReader& reader, RouteView& out);
  // A route had to be rewritten and scratch was too small for it.
  bool needs_scratch() const { return needs_scratch_; }

 private:
  void copy(ByteSpan bytes);
  void copy_address(std::uint8_t type, ByteSpan value);

  MutableByteSpan room_;
  std::size_t used_ = 0;
  bool needs_scratch_ = false;
};

// Sizes and bytes of [ONWARD, RETURN, PAYLOAD head] in front of a payload, for every kind of
// message.
std::size_t routes_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                              std::size_t payload_bytes);
// Ends at `end`, returns the first byte. Rules for pieces that lie in the room: put_transport_head.
std::uint8_t* put_routes_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                              std::size_t payload_bytes);

}  // namespace weir::wire
