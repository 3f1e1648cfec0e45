// BARE numbers, strings, routes and the old transport message.
#include "base/check.h"
#include "dataplane/wire/bare.h"

using namespace weir;
using namespace weir::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  ByteSpan rest = input;
  std::uint64_t value = 0;
  if (read_uvarint(rest, value)) {
    std::uint8_t raw[kUvarintBytesMax];
    const std::size_t written = static_cast<std::size_t>(put_uvarint(raw, value) - raw);
    CHECK(written == uvarint_bytes(value) && written <= size - rest.size());
    ByteSpan again(raw, written);
    std::uint64_t same = 0;
    CHECK(read_uvarint(again, same) && same == value && again.empty());
  }
  if (const auto text = decode_bare_string(input)) {
    CHECK(decode_bare_string(encode_bare_string(*text)).value() == *text);
  }
  if (const auto message = decode_bare_message(input)) {
    CHECK(decode_bare_message(encode_bare_message(*message)).value() == *message);
  }
  return 0;
}
