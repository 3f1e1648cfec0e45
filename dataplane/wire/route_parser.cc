#include "dataplane/wire/internal/route_parser.h"

#include <functional>
#include <limits>

namespace weir::wire {
namespace {

void move_bytes(std::uint8_t* to, ByteSpan from) {
  if (!from.empty()) std::memmove(to, from.data(), from.size());
}

}  // namespace

const std::uint8_t* read_long_cbor_head(const std::uint8_t* p, const std::uint8_t* end,
                                        std::uint8_t major, std::uint64_t& value) {
  if (p == end || (*p & 0xe0) != major) return nullptr;
  const std::uint8_t info = *p++ & 0x1f;
  if (info < 24) {
    value = info;
    return p;
  }
  const std::size_t width = std::size_t{1} << (info & 3);
  if (info > 27 || static_cast<std::size_t>(end - p) < width) return nullptr;
  value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | *p++;
  return p;
}

const std::uint8_t* view_canonical_route(const std::uint8_t* p, const std::uint8_t* end,
                                         RouteView& out) {
  std::uint64_t count = 0;
  p = read_cbor_head(p, end, 0x80, count);
  // An address has at least 3 bytes, so a count beyond that is refused before anything is read.
  if (p == nullptr || count > static_cast<std::uint64_t>(end - p) / 3 ||
      count > std::numeric_limits<std::uint32_t>::max()) {
    return nullptr;
  }
  const std::uint8_t* const start = p;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto left = static_cast<std::size_t>(end - p);
    if (const std::size_t usual = usual_address_bytes(p, left); usual != 0) {
      p += usual;
      continue;
    }
    AddressView address;
    if (!view_canonical_address({p, left}, address)) return nullptr;
    p += address.encoded.size();
  }
  out = {{start, p}, static_cast<std::uint32_t>(count)};
  return p;
}

void RouteParser::copy(ByteSpan bytes) {
  if (bytes.size() > room_.size() - used_) needs_scratch_ = true;
  if (needs_scratch_) return;
  move_bytes(room_.data() + used_, bytes);
  used_ += bytes.size();
}

void RouteParser::copy_address(std::uint8_t type, ByteSpan value) {
  const std::size_t size = address_bytes(type, value.size());
  if (size > room_.size() - used_) needs_scratch_ = true;
  if (needs_scratch_) return;
  put_address(room_.data() + used_, type, value);
  used_ += size;
}

bool RouteParser::parse(CborReader& reader, RouteView& out) {
  ArrayHead route;
  if (!reader.array(route)) return false;
  const std::size_t start = reader.position();
  const std::size_t copied_from = used_;
  std::size_t end = start;  // of the last address
  bool in_place = true;
  std::uint64_t count = 0;
  while (reader.next(route)) {
    const std::size_t item = reader.position();
    ArrayHead fields;
    std::uint8_t type = 0;
    ByteSpan value;
    if (!reader.array(fields) || !reader.next(fields) || !reader.u8(type) || !reader.next(fields) ||
        !reader.bytes(value) || !reader.skip_rest(fields)) {
      return reader.fail();
    }
    // The shortest encoding is unique: an address of canonical length is canonical.
    if (in_place && reader.position() - item != address_bytes(type, value.size())) {
      in_place = false;
      copy(reader.since(start).first(item - start));
    }
    if (!in_place) copy_address(type, value);
    end = reader.position();
    ++count;
  }
  if (!reader.ok() || count > std::numeric_limits<std::uint32_t>::max()) return reader.fail();
  out.count = static_cast<std::uint32_t>(count);
  if (in_place) {
    out.items = reader.since(start).first(end - start);
  } else {
    out.items = ByteSpan(room_).subspan(copied_from, used_ - copied_from);
  }
  return true;
}

std::size_t routes_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                              std::size_t payload_bytes) {
  return onward.encoded_bytes() + ret.encoded_bytes() + bytes_header_bytes(payload_bytes);
}

std::uint8_t* put_routes_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                              std::size_t payload_bytes) {
  std::uint8_t* const payload_head = end - bytes_header_bytes(payload_bytes);
  std::uint8_t* const ret_second = payload_head - ret.second.size();
  std::uint8_t* const ret_first = ret_second - ret.first.size();
  std::uint8_t* const ret_head = ret_first - array_header_bytes(ret.count);
  std::uint8_t* const onward_second = ret_head - onward.second.size();
  std::uint8_t* const onward_first = onward_second - onward.first.size();
  std::uint8_t* const start = onward_first - array_header_bytes(onward.count);
  // Both second pieces may lie in the room, onward's before the return's. The one that could run
  // into the other's source goes last, and what comes from elsewhere is written when both have
  // moved.
  if (std::less_equal<>()(static_cast<const std::uint8_t*>(onward_second), onward.second.data())) {
    move_bytes(onward_second, onward.second);
    move_bytes(ret_second, ret.second);
  } else {
    move_bytes(ret_second, ret.second);
    move_bytes(onward_second, onward.second);
  }
  put_array_header(start, onward.count);
  move_bytes(onward_first, onward.first);
  put_array_header(ret_head, ret.count);
  move_bytes(ret_first, ret.first);
  put_bytes_header(payload_head, payload_bytes);
  return start;
}

}  // namespace weir::wire
