#include "dataplane/wire/cbor.h"

#include <algorithm>
#include <array>
#include <limits>

namespace weir::wire {
namespace {

constexpr std::uint8_t kBytes = 0x40;
constexpr std::uint8_t kText = 0x60;
constexpr std::uint8_t kArray = 0x80;
constexpr std::uint8_t kMap = 0xa0;
constexpr std::uint8_t kBreak = 0xff;

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

// Length of the well-formed sequence that starts with a non-ASCII byte, 0 when there is none.
std::size_t utf8_sequence_bytes(const std::uint8_t* p, std::size_t left) {
  const auto continues = [&](std::size_t i) { return (p[i] & 0xc0) == 0x80; };
  if (p[0] >= 0xc2 && p[0] <= 0xdf) return left >= 2 && continues(1) ? 2 : 0;
  if ((p[0] & 0xf0) == 0xe0) {
    if (left < 3 || !continues(1) || !continues(2)) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;  // overlong
    if (p[0] == 0xed && p[1] > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (p[0] >= 0xf0 && p[0] <= 0xf4) {
    if (left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;  // overlong
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

// Where skip() is inside definite items that hold indefinite ones: the items still to come at a
// level, or kOpen for a level that ends with a break.
class SkipStack {
 public:
  static constexpr std::uint64_t kOpen = std::numeric_limits<std::uint64_t>::max();

  bool push(std::uint64_t level) {
    if (size_ == levels_.size()) return false;
    levels_[size_++] = level;
    return true;
  }
  bool empty() const { return size_ == 0; }
  void pop_if_open() {
    if (size_ > 0 && levels_[size_ - 1] == kOpen) --size_;
  }
  // Ends the current item; false when there is no level left.
  bool finish_item() {
    while (size_ > 0 && levels_[size_ - 1] == 0) --size_;
    if (size_ == 0) return false;
    if (levels_[size_ - 1] != kOpen) --levels_[size_ - 1];
    return true;
  }

 private:
  std::array<std::uint64_t, CborReader::kSkipDepthMax> levels_;
  std::size_t size_ = 0;
};

}  // namespace

bool valid_utf8(ByteSpan bytes) {
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  while (left > 0) {
    std::uint64_t word = 0;
    if (left >= 8) std::memcpy(&word, p, 8);
    if (left >= 8 && (word & 0x8080808080808080) == 0) {
      p += 8;
      left -= 8;
      continue;
    }
    const std::size_t size = p[0] < 0x80 ? 1 : utf8_sequence_bytes(p, left);
    if (size == 0) return false;
    p += size;
    left -= size;
  }
  return true;
}

bool CborReader::take(std::uint64_t size, ByteSpan& value) {
  if (failed_ || size > input_.size() - position_) return fail();
  value = input_.subspan(position_, size);
  position_ += size;
  return true;
}

// The number that follows a head byte with these low five bits; the head byte itself is consumed.
bool CborReader::argument(std::uint8_t info, std::uint64_t& value) {
  if (info < 24) {
    value = info;
    return true;
  }
  if (info > 27) return fail();
  ByteSpan raw;
  if (!take(std::uint64_t{1} << (info - 24), raw)) return false;
  value = 0;
  for (const std::uint8_t byte : raw) value = value << 8 | byte;
  return true;
}

bool CborReader::head(std::uint8_t major, std::uint64_t& value) {
  if (failed_ || position_ >= input_.size() || (input_[position_] & 0xe0) != major) return fail();
  return argument(input_[position_++] & 0x1f, value);
}

bool CborReader::u64(std::uint64_t& value) { return head(0x00, value); }

bool CborReader::u32(std::uint32_t& value) {
  std::uint64_t wide = 0;
  if (!u64(wide) || wide > std::numeric_limits<std::uint32_t>::max()) return fail();
  value = static_cast<std::uint32_t>(wide);
  return true;
}

bool CborReader::u16(std::uint16_t& value) {
  std::uint64_t wide = 0;
  if (!u64(wide) || wide > std::numeric_limits<std::uint16_t>::max()) return fail();
  value = static_cast<std::uint16_t>(wide);
  return true;
}

bool CborReader::u8(std::uint8_t& value) {
  std::uint64_t wide = 0;
  if (!u64(wide) || wide > std::numeric_limits<std::uint8_t>::max()) return fail();
  value = static_cast<std::uint8_t>(wide);
  return true;
}

bool CborReader::i64(std::int64_t& value) {
  if (failed_ || at_end()) return fail();
  const bool negative = (input_[position_] & 0xe0) == 0x20;
  std::uint64_t wide = 0;
  if (!head(negative ? 0x20 : 0x00, wide)) return false;
  if (wide > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return fail();
  value = negative ? -1 - static_cast<std::int64_t>(wide) : static_cast<std::int64_t>(wide);
  return true;
}

bool CborReader::boolean(bool& value) {
  if (failed_ || at_end() || (input_[position_] != 0xf4 && input_[position_] != 0xf5))
    return fail();
  value = input_[position_++] == 0xf5;
  return true;
}

bool CborReader::bytes(ByteSpan& value) {
  std::uint64_t size = 0;
  return head(kBytes, size) && take(size, value);
}

bool CborReader::text(std::string_view& value) {
  std::uint64_t size = 0;
  ByteSpan raw;
  if (!head(kText, size) || !take(size, raw) || !valid_utf8(raw)) return fail();
  value = as_text(raw);
  return true;
}

bool CborReader::open(std::uint8_t major, bool pairs, CborItems& items) {
  items = {.left = 0, .indefinite = false, .pairs = pairs, .done = false};
  if (!failed_ && !at_end() && input_[position_] == (major | 0x1f)) {
    ++position_;
    items.indefinite = true;
    return true;
  }
  return head(major, items.left);
}

bool CborReader::array(ArrayHead& items) { return open(kArray, false, items); }
bool CborReader::map(MapHead& items) { return open(kMap, true, items); }

bool CborReader::next(CborItems& items) {
  if (failed_ || items.done) return false;
  if (!items.indefinite) {
    items.done = items.left == 0;
    if (items.done) return false;
    --items.left;
    return true;
  }
  if (at_end()) return fail();
  if (input_[position_] != kBreak) return true;
  ++position_;
  items.done = true;
  return false;
}

bool CborReader::skip_rest(CborItems& items) {
  while (next(items)) {
    if (!skip() || (items.pairs && !skip())) return false;
  }
  return ok();
}

bool CborReader::enum_variant(std::uint64_t& variant) {
  ArrayHead items;
  std::uint32_t number = 0;
  if (!array(items) || items.indefinite || items.left != 2 || !u32(number)) return fail();
  variant = number;
  return true;
}

bool CborReader::skip_null() {
  if (!is_null()) return false;
  ++position_;
  return true;
}

// A string of definite length, or chunks of definite length up to a break.
bool CborReader::skip_string(std::uint8_t major) {
  const auto skip_chunk = [&] {
    ByteSpan raw;
    std::string_view chars;
    return major == kBytes ? bytes(raw) : text(chars);
  };
  if (input_[position_] != (major | 0x1f)) return skip_chunk();
  ++position_;
  while (!at_end() && input_[position_] != kBreak) {
    if (!skip_chunk()) return false;
  }
  if (at_end()) return fail();
  ++position_;
  return true;
}

// Counts instead of recursing, in the way minicbor does, so that the same odd inputs are accepted
// (a stray break counts as an item): `items` still to come and `breaks` still to come, and a stack
// of such counts once an indefinite item lies inside a definite one that has more items behind it.
bool CborReader::skip() {
  std::uint64_t items = 1;
  std::uint64_t breaks = 0;
  SkipStack stack;
  while (items > 0 || breaks > 0 || !stack.empty()) {
    if (failed_ || at_end()) return fail();
    const bool counting = items > 0 || breaks > 0;
    const std::uint8_t byte = input_[position_];
    const std::uint8_t major = byte & 0xe0;
    std::uint64_t value = 0;
    if (major == kBytes || major == kText) {
      if (!skip_string(major)) return false;
    } else if (byte == (kArray | 0x1f) || byte == (kMap | 0x1f)) {
      ++position_;
      if (!counting) {
        if (!stack.push(SkipStack::kOpen)) return fail();
      } else if (items < 2) {
        breaks = saturating_add(breaks, 1);
      } else {
        for (; breaks > 0; --breaks) {
          if (!stack.push(SkipStack::kOpen)) return fail();
        }
        if (!stack.push(items - 1) || !stack.push(SkipStack::kOpen)) return fail();
        items = 0;
      }
    } else if (byte == kBreak) {
      ++position_;
      if (!counting) {
        stack.pop_if_open();
      } else if (breaks > 0) {
        --breaks;
      }
    } else {
      if (!head(major, value)) return false;
      if (major == 0xc0) continue;  // a tag belongs to the item behind it
      if (major == kMap) value = saturating_add(value, value);
      if (major == kArray || major == kMap) {
        if (counting) {
          items = saturating_add(items, value);
        } else if (value > 0 && !stack.push(std::min(value, SkipStack::kOpen - 1))) {
          return fail();
        }
      }
    }
    if (items == 0 && breaks == 0) {
      if (!stack.finish_item()) break;
    } else if (items > 0) {
      --items;
    }
  }
  return ok();
}

CborWriter& CborWriter::head(std::uint8_t major, std::uint64_t value) {
  int width = value < 24            ? 0
              : value < 0x100       ? 1
              : value < 0x10000     ? 2
              : value < 0x100000000 ? 4
                                    : 8;
  const std::uint8_t info = width == 0   ? static_cast<std::uint8_t>(value)
                            : width == 1 ? 24
                            : width == 2 ? 25
                            : width == 4 ? 26
                                         : 27;
  byte(major | info);
  while (width-- > 0) byte(static_cast<std::uint8_t>(value >> (8 * width)));
  return *this;
}

CborWriter& CborWriter::i64(std::int64_t value) {
  return value < 0 ? head(0x20, static_cast<std::uint64_t>(-1 - value))
                   : head(0x00, static_cast<std::uint64_t>(value));
}

CborWriter& CborWriter::raw(ByteSpan value) {
  out_.insert(out_.end(), value.begin(), value.end());
  return *this;
}

}  // namespace weir::wire
