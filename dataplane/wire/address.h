// Addresses: a transport type and a value of any bytes (spec/01 2.3).
//
// AddressView looks into someone else's buffer and is what the data plane uses; Address owns its
// bytes and is the control plane's. `encoded` is always the canonical CBOR of the address, 82 TYPE
// BSTR, so equal addresses have equal `encoded` bytes and a table can be keyed by them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "base/result.h"

namespace weir::wire {

inline constexpr std::uint8_t kTypeLocal = 0;
inline constexpr std::uint8_t kTypeTcp = 1;
inline constexpr std::uint8_t kTypeUdp = 2;

// A random worker address of Ockam or of ours: 32 lower-case hex digits of type 0, in CBOR 36
// bytes.
inline constexpr std::size_t kRandomAddressBytes = 36;

struct AddressView {
  std::uint8_t type = 0;
  ByteSpan value;
  ByteSpan encoded;
};

// Sizes and bytes of CBOR heads in their shortest form. The put_ functions return the byte behind.
constexpr std::size_t cbor_head_bytes(std::uint64_t value) {
  return value < 24 ? 1 : value < 0x100 ? 2 : value < 0x10000 ? 3 : value < 0x100000000 ? 5 : 9;
}
std::uint8_t* put_long_cbor_head(std::uint8_t* out, std::uint8_t major, std::uint64_t value);
inline std::uint8_t* put_cbor_head(std::uint8_t* out, std::uint8_t major, std::uint64_t value) {
  if (value >= 24) return put_long_cbor_head(out, major, value);
  *out = major | static_cast<std::uint8_t>(value);
  return out + 1;
}

constexpr std::size_t array_header_bytes(std::uint64_t count) { return cbor_head_bytes(count); }
inline std::uint8_t* put_array_header(std::uint8_t* out, std::uint64_t count) {
  return put_cbor_head(out, 0x80, count);
}
constexpr std::size_t bytes_header_bytes(std::uint64_t size) { return cbor_head_bytes(size); }
inline std::uint8_t* put_bytes_header(std::uint8_t* out, std::uint64_t size) {
  return put_cbor_head(out, 0x40, size);
}

constexpr std::size_t address_bytes(std::uint8_t type, std::size_t value_size) {
  return 1 + cbor_head_bytes(type) + bytes_header_bytes(value_size) + value_size;
}
std::uint8_t* put_address(std::uint8_t* out, std::uint8_t type, ByteSpan value);

constexpr std::size_t local_address_bytes(std::size_t value_size) {
  return address_bytes(kTypeLocal, value_size);
}
inline std::uint8_t* put_local_address(std::uint8_t* out, ByteSpan value) {
  return put_address(out, kTypeLocal, value);
}

// The canonical address at the start of `bytes`; false when there is none.
bool view_canonical_address(ByteSpan bytes, AddressView& out);

// Bytes of the canonical address at `p` if it is of type 0 and its value has 1 to 255 bytes: nearly
// every hop of a real route. 0: something else, perhaps legal.
inline std::size_t usual_address_bytes(const std::uint8_t* p, std::size_t left) {
  if (left < 4 || p[0] != 0x82 || p[1] != kTypeLocal) return 0;
  const std::size_t bytes = p[2] == 0x58 ? std::size_t{4} + p[3] : std::size_t{3} + p[2] - 0x40;
  const bool shortest = p[2] == 0x58 ? p[3] >= 24 : p[2] > 0x40 && p[2] < 0x58;
  return shortest && bytes <= left ? bytes : 0;
}

// The same for bytes that a parser of this folder has accepted or an encoder has made: anything
// else is our own mistake.
inline AddressView canonical_address(ByteSpan items) {
  if (const std::size_t bytes = usual_address_bytes(items.data(), items.size()); bytes != 0) {
    const std::size_t value_at = items[2] == 0x58 ? 4 : 3;
    return {kTypeLocal, items.subspan(value_at, bytes - value_at), items.first(bytes)};
  }
  AddressView address;
  CHECK(view_canonical_address(items, address));
  return address;
}

// Text of any address, "0#echo". A value that is not UTF-8 is replaced by a fixed text.
std::string address_text(std::uint8_t type, ByteSpan value);

class Address {
 public:
  Address() = default;
  Address(std::uint8_t type_in, std::string value_in) : type(type_in), value(std::move(value_in)) {}
  explicit Address(const AddressView& view) : type(view.type), value(as_text(view.value)) {}
  static Address local(std::string_view name) { return {kTypeLocal, std::string(name)}; }
  // "TYPE#VALUE" or "VALUE" (type 0). Fails as spec/01 2.3 says, with Ockam's texts.
  static Result<Address> parse(std::string_view text);

  std::string text() const { return address_text(type, as_bytes(value)); }
  ByteSpan value_bytes() const { return as_bytes(value); }
  std::size_t encoded_bytes() const { return address_bytes(type, value.size()); }
  void append_to(Bytes& out) const;
  Bytes encode() const;

  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;

  std::uint8_t type = kTypeLocal;
  std::string value;
};

}  // namespace weir::wire

template <>
struct std::hash<weir::wire::Address> {
  std::size_t operator()(const weir::wire::Address& address) const noexcept {
    return std::hash<std::string>{}(address.value) * 31 + address.type;
  }
};
