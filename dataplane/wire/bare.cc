#include "dataplane/wire/bare.h"

#include "dataplane/wire/cbor.h"

namespace weir::wire {

std::uint8_t* put_uvarint(std::uint8_t* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<std::uint8_t>(value) | 0x80;
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

bool read_uvarint(ByteSpan& input, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < kUvarintBytesMax && i < input.size(); ++i) {
    const std::uint8_t byte = input[i];
    if (i == kUvarintBytesMax - 1 && byte != 0x01) return false;
    result |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) == 0) {
      input = input.subspan(i + 1);
      value = result;
      return true;
    }
  }
  return false;
}

bool BareReader::u8(std::uint8_t& value) {
  if (failed_ || rest_.empty()) return fail();
  value = rest_[0];
  rest_ = rest_.subspan(1);
  return true;
}

bool BareReader::uvarint(std::uint64_t& value) {
  if (failed_ || !read_uvarint(rest_, value)) return fail();
  return true;
}

bool BareReader::bytes(ByteSpan& value) {
  std::uint64_t size = 0;
  if (!uvarint(size) || size > rest_.size()) return fail();
  value = rest_.first(size);
  rest_ = rest_.subspan(size);
  return true;
}

bool BareReader::text(std::string_view& value) {
  ByteSpan raw;
  if (!bytes(raw) || !valid_utf8(raw)) return fail();
  value = as_text(raw);
  return true;
}

bool BareReader::address(std::uint8_t& type, ByteSpan& value) { return u8(type) && bytes(value); }

bool BareReader::route(Route& value) {
  std::uint64_t count = 0;
  if (!uvarint(count) || count > rest_.size() / 2) return fail();  // an address has 2 bytes or more
  for (; count > 0; --count) {
    std::uint8_t type = 0;
    ByteSpan raw;
    if (!address(type, raw)) return false;
    value.push_back(Address(type, std::string(as_text(raw))));
  }
  return true;
}

BareWriter& BareWriter::uvarint(std::uint64_t value) {
  std::uint8_t raw[kUvarintBytesMax];
  return this->raw({raw, put_uvarint(raw, value)});
}

BareWriter& BareWriter::route(const RouteView& value) {
  uvarint(value.count);
  for (const AddressView one : value) address(one);
  return *this;
}

BareWriter& BareWriter::raw(ByteSpan value) {
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

Bytes encode_bare_string(std::string_view text) {
  Bytes out;
  BareWriter(out).text(text);
  return out;
}

Result<std::string> decode_bare_string(ByteSpan input) {
  std::string_view text;
  if (!BareReader(input).text(text)) return fail(Errc::kInvalid, "malformed string");
  return std::string(text);
}

Bytes encode_bare_message(const BareMessage& message) {
  Bytes out;
  BareWriter writer(out);
  writer.u8(message.version).route(message.onward.view()).route(message.ret.view());
  writer.bytes(message.payload);
  if (message.version != 1 && message.tracing) {
    writer.u8(1).text(*message.tracing);
  } else {
    writer.u8(0);
  }
  return out;
}

Result<BareMessage> decode_bare_message(ByteSpan input) {
  BareReader reader(input);
  BareMessage message;
  ByteSpan payload;
  if (!reader.u8(message.version)) {
    return fail(Errc::kInvalid, "empty buffer, no transport message received");
  }
  if (message.version != 1 && message.version != 2) {
    return fail(Errc::kInvalid, "Unsupported version", std::to_string(message.version));
  }
  reader.route(message.onward);
  reader.route(message.ret);
  if (!reader.bytes(payload)) return fail(Errc::kInvalid, "malformed transport message");
  message.payload = to_bytes(payload);
  if (message.version == 1) return message;
  // A tracing option that is absent, cut short or not UTF-8 is none; no error comes from behind the
  // payload.
  std::uint8_t present = 0;
  std::string_view tracing;
  if (reader.u8(present) && present == 1 && reader.text(tracing)) message.tracing = tracing;
  return message;
}

}  // namespace weir::wire
