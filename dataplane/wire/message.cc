#include "dataplane/wire/message.h"

#include <algorithm>

#include "base/check.h"
#include "dataplane/wire/cbor.h"
#include "dataplane/wire/internal/route_parser.h"

namespace weir::wire {
namespace {

MutableByteSpan same_bytes(MutableByteSpan whole, const std::uint8_t* from, std::size_t size) {
  return whole.subspan(static_cast<std::size_t>(from - whole.data()), size);
}

// What real peers send: a definite array of 3 or 4, canonical routes, tracing as text or null.
// False for everything else, legal or not. Surplus bytes behind the item are ignored, as
// everywhere.
bool parse_usual(MutableByteSpan body, MessageView& out) {
  const std::uint8_t* p = body.data();
  const std::uint8_t* const end = p + body.size();
  if (body.empty() || (*p != 0x84 && *p != 0x83)) return false;
  const bool has_tracing = *p++ == 0x84;
  p = view_canonical_route(p, end, out.onward);
  if (p == nullptr) return false;
  p = view_canonical_route(p, end, out.ret);
  if (p == nullptr) return false;
  std::uint64_t size = 0;
  p = read_cbor_head(p, end, 0x40, size);
  if (p == nullptr || size > static_cast<std::uint64_t>(end - p)) return false;
  out.payload = same_bytes(body, p, size);
  out.tracing = {};
  p += size;
  if (!has_tracing) return true;
  if (p == end) return false;
  if (*p == 0xf6) return true;
  p = read_cbor_head(p, end, 0x60, size);
  if (p == nullptr || size > static_cast<std::uint64_t>(end - p)) return false;
  out.tracing = {p, size};
  return valid_utf8(out.tracing);
}

// Everything that minicbor accepts.
ParseResult parse_general(MutableByteSpan body, MutableByteSpan scratch, MessageView& out) {
  CborReader reader(body);
  RouteParser routes(scratch);
  ByteSpan payload;
  std::string_view tracing;
  ArrayHead fields;
  reader.array(fields);
  int count = 0;
  for (; reader.next(fields); count = std::min(count + 1, 4)) {
    if (count == 0) routes.parse(reader, out.onward);
    if (count == 1) routes.parse(reader, out.ret);
    if (count == 2) reader.bytes(payload);
    if (count == 3 && !reader.skip_null()) reader.text(tracing);
    if (count > 3) reader.skip();
  }
  if (!reader.ok() || count < 3) return ParseResult::kMalformed;
  if (routes.needs_scratch()) return ParseResult::kNeedsScratch;
  out.payload = same_bytes(body, payload.data(), payload.size());
  out.tracing = as_bytes(tracing);
  return ParseResult::kOk;
}

}  // namespace

ParseResult parse_message(MutableByteSpan body, MutableByteSpan scratch, MessageView& out) {
  if (parse_usual(body, out)) [[likely]]
    return ParseResult::kOk;
  return parse_general(body, scratch, out);
}

Bytes encode_message(const RouteView& onward, const RouteView& ret, ByteSpan payload) {
  Bytes out;
  CborWriter writer(out);
  writer.array(4).array(onward.count).raw(onward.items).array(ret.count).raw(ret.items);
  writer.bytes(payload).raw(kTracingTrailer);
  return out;
}

std::size_t transport_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes) {
  return kFramePrefixBytes + 1 + routes_head_bytes(onward, ret, payload_bytes);
}

std::size_t transport_body_bytes(const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes) {
  return 1 + routes_head_bytes(onward, ret, payload_bytes) + payload_bytes + kTracingTrailer.size();
}

std::uint8_t* put_transport_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                                 std::size_t payload_bytes) {
  std::uint8_t* p = put_routes_head(end, onward, ret, payload_bytes);
  *--p = 0x84;
  const std::size_t body_bytes =
      static_cast<std::size_t>(end - p) + payload_bytes + kTracingTrailer.size();
  DCHECK(body_bytes <= kMaxFrameBytes);
  p -= kFramePrefixBytes;
  store_be32(p, static_cast<std::uint32_t>(body_bytes));
  return p;
}

}  // namespace weir::wire
