// Decimal numbers in text, with Rust's rules and words, because users and scripts see them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace weir::wire {

// One optional '+', digits. The error's `what` is Rust's text. `max` < 2^32.
inline Result<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t max) {
  constexpr const char* kInvalidDigit = "invalid digit found in string";
  if (text.empty()) return fail(Errc::kInvalid, "cannot parse integer from empty string");
  if (text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return fail(Errc::kInvalid, kInvalidDigit);
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(Errc::kInvalid, kInvalidDigit);
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > max) return fail(Errc::kInvalid, "number too large to fit in target type");
  }
  return static_cast<std::uint32_t>(value);
}

}  // namespace weir::wire
