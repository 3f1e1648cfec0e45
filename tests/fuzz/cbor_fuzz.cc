// The CBOR reader: skipping any item ends inside the input, and a walk that opens everything
// consumes what skipping consumes.
#include "base/check.h"
#include "dataplane/wire/cbor.h"
#include "dataplane/wire/route.h"

using namespace weir;
using namespace weir::wire;

namespace {

// Opens one item, to a depth; false when it is malformed or of a kind that is only skipped.
bool walk(CborReader& reader, int depth) {
  if (reader.at_end()) return false;
  const std::uint8_t major = reader.rest()[0] >> 5;
  ByteSpan bytes;
  std::string_view text;
  std::uint64_t number = 0;
  CborItems items;
  switch (major) {
    case 0:
      return reader.u64(number);
    case 2:
      return reader.bytes(bytes);
    case 3:
      return reader.text(text);
    case 4:
    case 5:
      if (depth == 0 || !(major == 4 ? reader.array(items) : reader.map(items))) return false;
      while (reader.next(items)) {
        if (!walk(reader, depth - 1) || (items.pairs && !walk(reader, depth - 1))) return false;
      }
      return reader.ok();
    default:
      return reader.skip_null();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  CborReader skipped(input);
  const bool skips = skipped.skip();
  CHECK(skipped.position() <= size && skips == skipped.ok());
  CborReader walked(input);
  if (walk(walked, 16)) CHECK(skips && skipped.position() == walked.position());

  CborReader reader(input);
  std::uint64_t number = 0;
  if (CborReader(input).u64(number)) {
    Bytes out;
    CborWriter(out).u64(number);
    std::uint64_t again = 0;
    CHECK(CborReader(out).u64(again) && again == number);
  }
  std::int64_t whole = 0;
  if (CborReader(input).i64(whole)) {
    Bytes out;
    CborWriter(out).i64(whole);
    std::int64_t again = 0;
    CHECK(CborReader(out).i64(again) && again == whole);
  }
  if (const auto route = Route::decode(reader)) {
    Bytes out;
    CborWriter writer(out);
    route->encode(writer);
    CborReader back(out);
    CHECK(Route::decode(back).value() == *route && out.size() <= reader.position());
  }
  return 0;
}
