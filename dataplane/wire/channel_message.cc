#include "dataplane/wire/channel_message.h"

#include <algorithm>

#include "dataplane/wire/cbor.h"
#include "dataplane/wire/internal/route_parser.h"

namespace weir::wire {
namespace {

constexpr std::array<std::uint8_t, 5> kPayloadHead = {0x82, 0x82, 0x00, 0x81, 0x83};

MutableByteSpan same_bytes(MutableByteSpan whole, const std::uint8_t* from, std::size_t size) {
  return whole.subspan(static_cast<std::size_t>(from - whole.data()), size);
}

// A Payload as real peers send it, any padding. False for everything else, legal or not.
bool parse_usual(MutableByteSpan plaintext, ChannelPlaintext& out) {
  if (plaintext.size() < kPayloadHead.size() ||
      std::memcmp(plaintext.data(), kPayloadHead.data(), kPayloadHead.size()) != 0) {
    return false;
  }
  const std::uint8_t* p = plaintext.data() + kPayloadHead.size();
  const std::uint8_t* const end = plaintext.data() + plaintext.size();
  p = view_canonical_route(p, end, out.onward);
  if (p == nullptr) return false;
  p = view_canonical_route(p, end, out.ret);
  if (p == nullptr) return false;
  std::uint64_t size = 0;
  p = read_cbor_head(p, end, 0x40, size);
  if (p == nullptr || size > static_cast<std::uint64_t>(end - p)) return false;
  out.payload = same_bytes(plaintext, p, size);
  p = read_cbor_head(p + size, end, 0x40, size);
  if (p == nullptr || size > static_cast<std::uint64_t>(end - p)) return false;
  out.variant = ChannelVariant::kPayload;
  out.body = {};
  return true;
}

// [ONWARD, RETURN, PAYLOAD]
bool parse_routed(CborReader& reader, RouteParser& routes, ChannelPlaintext& out,
                  ByteSpan& payload) {
  ArrayHead fields;
  reader.array(fields);
  int count = 0;
  for (; reader.next(fields); count = std::min(count + 1, 3)) {
    if (count == 0) routes.parse(reader, out.onward);
    if (count == 1) routes.parse(reader, out.ret);
    if (count == 2) reader.bytes(payload);
    if (count > 2) reader.skip();
  }
  return reader.ok() && count == 3;
}

// [variant, fields]
bool parse_variant(CborReader& reader, RouteParser& routes, ChannelPlaintext& out,
                   ByteSpan& payload) {
  std::uint64_t variant = 0;
  if (!reader.enum_variant(variant)) return false;
  const std::size_t start = reader.position();
  switch (variant) {
    case 0: {
      out.variant = ChannelVariant::kPayload;
      ArrayHead fields;
      return reader.array(fields) && reader.next(fields) &&
             parse_routed(reader, routes, out, payload) && reader.skip_rest(fields);
    }
    case 1:
      out.variant = ChannelVariant::kRefresh;
      if (!reader.skip()) return false;
      out.body = reader.since(start);
      return true;
    case 2:
      out.variant = ChannelVariant::kClose;
      return reader.skip();
    default:
      return reader.fail();
  }
}

ParseResult parse_general(MutableByteSpan plaintext, MutableByteSpan scratch,
                          ChannelPlaintext& out) {
  out = {};
  CborReader reader(plaintext);
  RouteParser routes(scratch);
  ByteSpan payload;
  ByteSpan padding;
  ArrayHead fields;
  if (!reader.array(fields) || !reader.next(fields) ||
      !parse_variant(reader, routes, out, payload) || !reader.next(fields) ||
      !reader.bytes(padding) || !reader.skip_rest(fields)) {
    return ParseResult::kMalformed;
  }
  if (routes.needs_scratch()) return ParseResult::kNeedsScratch;
  if (out.variant == ChannelVariant::kPayload) {
    out.payload = same_bytes(plaintext, payload.data(), payload.size());
  }
  return ParseResult::kOk;
}

}  // namespace

ParseResult parse_channel_plaintext(MutableByteSpan plaintext, MutableByteSpan scratch,
                                    ChannelPlaintext& out) {
  if (parse_usual(plaintext, out)) [[likely]]
    return ParseResult::kOk;
  return parse_general(plaintext, scratch, out);
}

std::size_t channel_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                               std::size_t payload_bytes) {
  return kPayloadHead.size() + routes_head_bytes(onward, ret, payload_bytes);
}

std::uint8_t* put_channel_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                               std::size_t payload_bytes) {
  std::uint8_t* const routes = put_routes_head(end, onward, ret, payload_bytes);
  std::uint8_t* const start = routes - kPayloadHead.size();
  std::copy(kPayloadHead.begin(), kPayloadHead.end(), start);
  return start;
}

Bytes encode_channel_payload(const RouteView& onward, const RouteView& ret, ByteSpan payload) {
  Bytes out;
  CborWriter writer(out);
  writer.raw(kPayloadHead).array(onward.count).raw(onward.items).array(ret.count).raw(ret.items);
  writer.bytes(payload).bytes({});
  return out;
}

Bytes encode_channel_refresh(ByteSpan fields) {
  Bytes out;
  CborWriter(out).array(2).enum_variant(1).raw(fields).bytes({});
  return out;
}

}  // namespace weir::wire
