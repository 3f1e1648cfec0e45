// CBOR as minicbor reads and writes it (spec/01 2.1, spec/03 1.2).
//
// Reading is total: any bytes, no allocation, no recursion, no exception. Views point into the
// input, which must outlive them. The first failure sticks: every later call returns false, so a
// caller may read a whole struct and look at ok() once.
//
// Accepted: non-shortest integers and lengths that fit the wanted type; arrays and maps of definite
// or indefinite length; strings of definite length only; surplus elements, which the caller skips.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace weir::wire {

// True for well-formed UTF-8: no surrogates, no overlong forms, at most U+10FFFF.
bool valid_utf8(ByteSpan bytes);

// What is left of an array or a map that was opened. One item of a map is a key and its value.
struct CborItems {
  std::uint64_t left = 0;  // meaningless while indefinite
  bool indefinite = false;
  bool pairs = false;
  bool done = false;
};
using ArrayHead = CborItems;
using MapHead = CborItems;

class CborReader {
 public:
  explicit CborReader(ByteSpan input) : input_(input) {}

  // Unsigned integers. A value too large for the type is a failure, a negative one too.
  bool u8(std::uint8_t& value);
  bool u16(std::uint16_t& value);
  bool u32(std::uint32_t& value);
  bool u64(std::uint64_t& value);
  bool i64(std::int64_t& value);  // also takes negative integers
  bool boolean(bool& value);
  bool bytes(ByteSpan& value);
  bool text(std::string_view& value);  // UTF-8 checked

  // Opens an array or a map: `for (...; reader.next(items);)`, then ok() tells end from failure.
  bool array(ArrayHead& items);
  bool map(MapHead& items);
  // True when another item (of a map: pair) follows; consumes the break of an indefinite one.
  bool next(CborItems& items);
  // Skips what is left of an opened array or map, with its break.
  bool skip_rest(CborItems& items);
  // Opens an enum: a definite array of exactly 2, then the variant number. The variant's second
  // element follows and is the caller's to read or to skip.
  bool enum_variant(std::uint64_t& variant);

  // True when the next item is null; consumes nothing.
  bool is_null() const {
    return !failed_ && position_ < input_.size() && input_[position_] == 0xf6;
  }
  // Consumes a null if there is one.
  bool skip_null();
  // Skips one item of any kind, however deep. Mixed nesting of indefinite items inside definite
  // ones deeper than kSkipDepthMax is a failure (minicbor allocates for it without a bound).
  bool skip();

  bool ok() const { return !failed_; }
  bool fail() {
    failed_ = true;
    return false;
  }
  bool at_end() const { return position_ >= input_.size(); }
  std::size_t position() const { return position_; }
  // What was not read yet.
  ByteSpan rest() const { return input_.subspan(position_); }
  // The bytes between an earlier position() and this one: an item as received, for what is signed.
  ByteSpan since(std::size_t from) const { return input_.subspan(from, position_ - from); }

  static constexpr int kSkipDepthMax = 64;

 private:
  bool argument(std::uint8_t info, std::uint64_t& value);
  bool head(std::uint8_t major, std::uint64_t& value);
  bool open(std::uint8_t major, bool pairs, CborItems& items);
  bool take(std::uint64_t size, ByteSpan& value);
  bool skip_string(std::uint8_t major);

  ByteSpan input_;
  std::size_t position_ = 0;
  bool failed_ = false;
};

// Appends canonical CBOR (shortest, definite) to a buffer of the caller's. Control plane:
// allocates.
class CborWriter {
 public:
  explicit CborWriter(Bytes& out) : out_(out) {}

  CborWriter& u64(std::uint64_t value) { return head(0x00, value); }
  CborWriter& i64(std::int64_t value);
  CborWriter& boolean(bool value) { return byte(value ? 0xf5 : 0xf4); }
  CborWriter& null() { return byte(0xf6); }
  CborWriter& bytes(ByteSpan value) { return head(0x40, value.size()).raw(value); }
  CborWriter& text(std::string_view value) { return head(0x60, value.size()).raw(as_bytes(value)); }
  CborWriter& array(std::uint64_t count) { return head(0x80, count); }
  CborWriter& map(std::uint64_t count) { return head(0xa0, count); }
  // 82 <variant>; the variant's array of fields follows (80 when it has none).
  CborWriter& enum_variant(std::uint64_t variant) { return array(2).u64(variant); }
  // Bytes that are CBOR already.
  CborWriter& raw(ByteSpan value);

 private:
  CborWriter& head(std::uint8_t major, std::uint64_t value);
  CborWriter& byte(std::uint8_t value) {
    out_.push_back(value);
    return *this;
  }

  Bytes& out_;
};

}  // namespace weir::wire
