#include "control/authority/attributes.h"

namespace weir {
namespace {

bool read_numbers(wire::CborReader& reader, Bytes& out) {
  wire::ArrayHead items;
  reader.array(items);
  while (reader.next(items)) {
    std::uint8_t value = 0;
    if (!reader.u8(value) || out.size() == kAttributeBytesMax) return reader.fail();
    out.push_back(value);
  }
  return reader.ok();
}

void write_numbers(wire::CborWriter& writer, ByteSpan bytes) {
  writer.array(bytes.size());
  for (const std::uint8_t byte : bytes) writer.u64(byte);
}

// A map whose items `read` reads; the last of equal keys counts.
template <typename Read>
bool read_map(wire::CborReader& reader, AttributeMap& out, Read read) {
  wire::MapHead items;
  reader.map(items);
  std::size_t bytes = 0;
  while (reader.next(items)) {
    Bytes key;
    Bytes value;
    if (!read(key) || !read(value)) return false;
    bytes += key.size() + value.size();
    if (bytes > 2 * kAttributeBytesMax) return reader.fail();
    out.insert_or_assign(std::move(key), std::move(value));
  }
  return reader.ok();
}

std::string text_of(ByteSpan bytes) {
  if (wire::valid_utf8(bytes)) return std::string(as_text(bytes));
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t size = 1;
    while (size <= 4 && at + size <= bytes.size() && !wire::valid_utf8(bytes.subspan(at, size))) {
      ++size;
    }
    if (size <= 4 && at + size <= bytes.size()) {
      out.append(as_text(bytes.subspan(at, size)));
      at += size;
    } else {
      out += "\xef\xbf\xbd";
      ++at;
    }
  }
  return out;
}

}  // namespace

Bytes encode_attributes(const AttributeMap& attributes) {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(attributes.size());
  for (const auto& [key, value] : attributes) writer.bytes(key).bytes(value);
  return out;
}

Result<AttributeMap> decode_attributes(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  AttributeMap out;
  const bool good = read_map(reader, out, [&reader](Bytes& item) {
    ByteSpan bytes;
    if (!reader.bytes(bytes)) return false;
    item = to_bytes(bytes);
    return true;
  });
  if (!good) return fail(Errc::kInvalid, "malformed attributes");
  return out;
}

bool read_text_attributes(wire::CborReader& reader, AttributeMap& out) {
  return read_map(reader, out, [&reader](Bytes& item) {
    std::string_view text;
    if (!reader.text(text)) return false;
    item = to_bytes(as_bytes(text));
    return true;
  });
}

void write_text_attributes(wire::CborWriter& writer, const AttributeMap& attributes) {
  writer.map(attributes.size());
  for (const auto& [key, value] : attributes) writer.text(as_text(key)).text(as_text(value));
}

bool read_number_attributes(wire::CborReader& reader, AttributeMap& out) {
  return read_map(reader, out, [&reader](Bytes& item) { return read_numbers(reader, item); });
}

void write_number_attributes(wire::CborWriter& writer, const AttributeMap& attributes) {
  writer.map(attributes.size());
  for (const auto& [key, value] : attributes) {
    write_numbers(writer, key);
    write_numbers(writer, value);
  }
}

Status check_attributes(const AttributeMap& attributes) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : attributes) bytes += key.size() + value.size();
  if (attributes.size() > kAttributesMax || bytes > kAttributeBytesMax) {
    return fail(Errc::kExhausted, "too many attributes");
  }
  return {};
}

std::string attribute_text(const AttributeMap& attributes, std::string_view key) {
  const auto found = attributes.find(to_bytes(as_bytes(key)));
  return found == attributes.end() ? std::string() : std::string(as_text(found->second));
}

std::map<std::string, std::string> attribute_texts(const AttributeMap& attributes) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : attributes) texts[text_of(key)] = text_of(value);
  return texts;
}

AttributeMap attributes_of(const std::map<std::string, std::string>& texts) {
  AttributeMap attributes;
  for (const auto& [key, value] : texts) {
    attributes[to_bytes(as_bytes(key))] = to_bytes(as_bytes(value));
  }
  return attributes;
}

}  // namespace weir
