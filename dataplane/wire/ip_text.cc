// The text forms of IP addresses that Rust's standard library reads and prints.
#include <array>
#include <optional>

#include "dataplane/wire/hostname_port.h"

namespace weir::wire {
namespace {

// Reads from the front of a text; every function leaves it unchanged when it fails.
struct Cursor {
  std::string_view rest;

  bool take(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  std::optional<std::uint32_t> number(std::uint32_t radix, std::size_t digits_max,
                                      std::uint32_t max, bool zero_prefix) {
    std::uint32_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest.size(); ++digits) {
      const char c = rest[digits];
      std::uint32_t digit = 99;
      if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
      if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
      if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
      if (digit >= radix) break;
      value = value * radix + digit;
      if (digits == digits_max || value > max) return std::nullopt;
    }
    if (digits == 0 || (!zero_prefix && digits > 1 && rest[0] == '0')) return std::nullopt;
    rest.remove_prefix(digits);
    return value;
  }
  bool ip4(std::uint8_t* out) {
    Cursor at = *this;
    for (int i = 0; i < 4; ++i) {
      if (i > 0 && !at.take('.')) return false;
      const auto octet = at.number(10, 3, 255, false);
      if (!octet) return false;
      out[i] = static_cast<std::uint8_t>(*octet);
    }
    *this = at;
    return true;
  }
  // Up to `limit` groups of 16 bits; the last two may be an IPv4 address, which ends the list.
  std::size_t ip6_groups(std::uint8_t* out, std::size_t limit, bool& ended_by_ip4) {
    ended_by_ip4 = false;
    for (std::size_t i = 0; i < limit; ++i) {
      Cursor at = *this;
      if (i > 0 && !at.take(':')) return i;
      if (i + 1 < limit && at.ip4(out + 2 * i)) {
        *this = at;
        ended_by_ip4 = true;
        return i + 2;
      }
      const auto group = at.number(16, 4, 0xffff, true);
      if (!group) return i;
      out[2 * i] = static_cast<std::uint8_t>(*group >> 8);
      out[2 * i + 1] = static_cast<std::uint8_t>(*group);
      *this = at;
    }
    return limit;
  }
};

}  // namespace

bool parse_ip4(std::string_view text, std::uint8_t (&out)[4]) {
  Cursor cursor{text};
  return cursor.ip4(out) && cursor.rest.empty();
}

bool parse_ip6(std::string_view text, std::uint8_t (&out)[16]) {
  Cursor cursor{text};
  std::array<std::uint8_t, 16> head{};
  std::array<std::uint8_t, 16> tail{};
  bool ended_by_ip4 = false;
  const std::size_t before = cursor.ip6_groups(head.data(), 8, ended_by_ip4);
  std::size_t after = 0;
  if (before < 8) {
    if (ended_by_ip4 || !cursor.take(':') || !cursor.take(':')) return false;
    after = cursor.ip6_groups(tail.data(), 7 - before, ended_by_ip4);
  }
  if (!cursor.rest.empty()) return false;
  std::memset(out, 0, 16);
  std::memcpy(out, head.data(), 2 * before);
  std::memcpy(out + 16 - 2 * after, tail.data(), 2 * after);
  return true;
}

std::string ip4_text(const std::uint8_t* bytes) {
  std::string out = std::to_string(bytes[0]);
  for (int i = 1; i < 4; ++i) out += "." + std::to_string(bytes[i]);
  return out;
}

std::string ip6_text(const std::uint8_t* bytes) {
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, 12) == 0) return "::ffff:" + ip4_text(bytes + 12);
  const auto group = [bytes](int i) {
    return static_cast<unsigned>(bytes[2 * i]) << 8 | bytes[2 * i + 1];
  };
  int zeros_at = 8;  // the first of the longest runs of two or more zero groups
  int zeros = 1;
  for (int i = 0; i < 8; ++i) {
    int run = 0;
    while (i + run < 8 && group(i + run) == 0) ++run;
    if (run > zeros) {
      zeros = run;
      zeros_at = i;
    }
  }
  std::string out;
  for (int i = 0; i < 8; ++i) {
    if (i == zeros_at) {
      out += "::";
      i += zeros - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    constexpr char kDigits[] = "0123456789abcdef";
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = group(i) >> shift & 0xf;
      started = started || digit != 0 || shift == 0;
      if (started) out += kDigits[digit];
    }
  }
  return out;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  SocketAddress out;
  Cursor cursor{text};
  bool ok = false;
  if (cursor.ip4(out.ip)) {
    ok = true;
  } else if (const std::size_t close = text.find(']');
             close != std::string_view::npos && text.starts_with('[')) {
    out.is_ip6 = true;
    ok = parse_ip6(text.substr(1, close - 1), out.ip);
    cursor.rest = text.substr(close + 1);
  }
  std::optional<std::uint32_t> port;
  if (ok && cursor.take(':')) port = cursor.number(10, SIZE_MAX, 65535, true);
  if (!port || !cursor.rest.empty()) {
    return fail(Errc::kInvalid, "failed to parse the socket address", std::string(text));
  }
  out.port = static_cast<std::uint16_t>(*port);
  return out;
}

std::string SocketAddress::text() const {
  return (is_ip6 ? "[" + ip6_text(ip) + "]" : ip4_text(ip)) + ":" + std::to_string(port);
}

}  // namespace weir::wire
