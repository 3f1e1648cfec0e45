// Identifier: what an identity is called for ever, SHA-256 of its first change (spec/03 §2.5).
// ChangeHash: the same hash of any change. Both are plain values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

inline constexpr std::size_t kIdentifierBytes = 32;

struct ChangeHash {
  std::array<std::uint8_t, kIdentifierBytes> bytes{};

  // 64 lower-case hex digits, no prefix.
  std::string text() const;
  ByteSpan span() const { return bytes; }
  auto operator<=>(const ChangeHash&) const = default;
};

struct Identifier {
  std::array<std::uint8_t, kIdentifierBytes> bytes{};

  // Surrounding white space is trimmed; then a capital 'I' and 64 hex digits of either case.
  static Result<Identifier> parse(std::string_view text);
  // Exactly 32 bytes.
  static Result<Identifier> from_bytes(ByteSpan raw);
  static Identifier from_first_change(const ChangeHash& hash) { return Identifier{hash.bytes}; }

  // 'I' and 64 lower-case hex digits.
  std::string text() const;
  ByteSpan span() const { return bytes; }
  auto operator<=>(const Identifier&) const = default;
};

}  // namespace weir

// The bytes are a hash already: any eight of them will do.
template <>
struct std::hash<weir::Identifier> {
  std::size_t operator()(const weir::Identifier& id) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
template <>
struct std::hash<weir::ChangeHash> {
  std::size_t operator()(const weir::ChangeHash& change) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, change.bytes.data(), sizeof value);
    return value;
  }
};
