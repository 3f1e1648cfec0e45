// BARE: the encoding of portal messages, API envelopes' outer length, plain strings and the
// transport message of the old transports (spec/01 2.2, 2.6).
//
// Numbers and lengths are LEB128. Reading is total and views the input; a padded number is accepted
// where it fits 64 bits in ten bytes, the tenth being 01.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

inline constexpr std::size_t kUvarintBytesMax = 10;

constexpr std::size_t uvarint_bytes(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}
// Writes at `out` in the shortest form and returns the byte behind.
std::uint8_t* put_uvarint(std::uint8_t* out, std::uint64_t value);
// Takes a number off the front of `input`; on failure `input` is unchanged.
bool read_uvarint(ByteSpan& input, std::uint64_t& value);

// Sticky as CborReader.
class BareReader {
 public:
  explicit BareReader(ByteSpan input) : rest_(input) {}

  bool u8(std::uint8_t& value);
  bool uvarint(std::uint64_t& value);
  bool bytes(ByteSpan& value);         // length, bytes
  bool text(std::string_view& value);  // UTF-8 checked
  bool address(std::uint8_t& type, ByteSpan& value);
  // Count, addresses. Memory grows with the bytes that are there, never with the announced count.
  bool route(Route& value);

  bool ok() const { return !failed_; }
  ByteSpan rest() const { return rest_; }

 private:
  bool fail() {
    failed_ = true;
    return false;
  }

  ByteSpan rest_;
  bool failed_ = false;
};

// Appends to a buffer of the caller's. Control plane: allocates.
class BareWriter {
 public:
  explicit BareWriter(Bytes& out) : out_(out) {}

  BareWriter& u8(std::uint8_t value) {
    out_.push_back(value);
    return *this;
  }
  BareWriter& uvarint(std::uint64_t value);
  BareWriter& bytes(ByteSpan value) { return uvarint(value.size()).raw(value); }
  BareWriter& text(std::string_view value) { return bytes(as_bytes(value)); }
  BareWriter& address(const AddressView& value) { return u8(value.type).bytes(value.value); }
  BareWriter& route(const RouteView& value);
  BareWriter& raw(ByteSpan value);

 private:
  Bytes& out_;
};

// A message body that is one BARE string (service `uppercase`, relay registration). What follows
// the string is ignored.
Bytes encode_bare_string(std::string_view text);
Result<std::string> decode_bare_string(ByteSpan input);

// The transport message of the old transports, versions 1 and 2.
struct BareMessage {
  std::uint8_t version = 2;
  Route onward;
  Route ret;
  Bytes payload;
  std::optional<std::string> tracing;  // version 2 only

  friend bool operator==(const BareMessage&, const BareMessage&) = default;
};
// Version 1 is written with the 00 behind the payload that 0.150.0 appends.
Bytes encode_bare_message(const BareMessage& message);
// kInvalid for an unknown version or a message that is cut short; what follows is ignored.
Result<BareMessage> decode_bare_message(ByteSpan input);

}  // namespace weir::wire
