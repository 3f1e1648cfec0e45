#include "dataplane/wire/address.h"

#include <algorithm>
#include <limits>

#include "dataplane/wire/cbor.h"
#include "dataplane/wire/internal/decimal.h"
#include "dataplane/wire/internal/route_parser.h"

namespace weir::wire {

std::uint8_t* put_long_cbor_head(std::uint8_t* out, std::uint8_t major, std::uint64_t value) {
  switch (cbor_head_bytes(value)) {
    case 2:
      *out++ = major | 24;
      *out++ = static_cast<std::uint8_t>(value);
      return out;
    case 3:
      *out++ = major | 25;
      *out++ = static_cast<std::uint8_t>(value >> 8);
      *out++ = static_cast<std::uint8_t>(value);
      return out;
    case 5:
      *out++ = major | 26;
      store_be32(out, static_cast<std::uint32_t>(value));
      return out + 4;
    default:
      *out++ = major | 27;
      store_be64(out, value);
      return out + 8;
  }
}

std::uint8_t* put_address(std::uint8_t* out, std::uint8_t type, ByteSpan value) {
  *out++ = 0x82;
  out = put_cbor_head(out, 0x00, type);
  out = put_bytes_header(out, value.size());
  return std::copy(value.begin(), value.end(), out);
}

bool view_canonical_address(ByteSpan bytes, AddressView& out) {
  const std::uint8_t* const start = bytes.data();
  const std::uint8_t* const end = start + bytes.size();
  std::uint64_t type = 0;
  std::uint64_t size = 0;
  if (bytes.empty() || *start != 0x82) return false;
  const std::uint8_t* const size_head = read_cbor_head(start + 1, end, 0x00, type);
  if (size_head == nullptr || type > std::numeric_limits<std::uint8_t>::max()) return false;
  const std::uint8_t* const value = read_cbor_head(size_head, end, 0x40, size);
  if (value == nullptr || size > static_cast<std::uint64_t>(end - value)) return false;
  const auto value_at = static_cast<std::size_t>(value - start);
  if (value_at != 1 + cbor_head_bytes(type) + cbor_head_bytes(size)) return false;
  out = {static_cast<std::uint8_t>(type), bytes.subspan(value_at, size),
         bytes.first(value_at + size)};
  return true;
}

std::string address_text(std::uint8_t type, ByteSpan value) {
  return std::to_string(type) + "#" +
         (valid_utf8(value) ? std::string(as_text(value)) : "Invalid UTF-8");
}

Result<Address> Address::parse(std::string_view text) {
  const std::size_t hash = text.find('#');
  if (hash == std::string_view::npos) return Address(kTypeLocal, std::string(text));
  if (text.find('#', hash + 1) != std::string_view::npos) {
    return fail(Errc::kInvalid, "invalid address",
                "Invalid address string: more than one '#' separator found");
  }
  const Result<std::uint32_t> number =
      parse_decimal(text.substr(0, hash), std::numeric_limits<std::uint8_t>::max());
  if (!number) {
    return fail(Errc::kInvalid, "invalid address",
                std::string("Failed to parse address type: '") + number.error().what + "'");
  }
  return Address(static_cast<std::uint8_t>(*number), std::string(text.substr(hash + 1)));
}

void Address::append_to(Bytes& out) const {
  const std::size_t at = out.size();
  out.resize(at + encoded_bytes());
  put_address(out.data() + at, type, value_bytes());
}

Bytes Address::encode() const {
  Bytes out;
  append_to(out);
  return out;
}

}  // namespace weir::wire
