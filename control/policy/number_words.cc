// Numbers of the S-expression form: `-5`, `0x10`, `1_000`, `1.5e3`, `inf`, `nan:0x1` (spec/04
// §9.4).
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "control/policy/internal/lexer.h"

namespace weir::policy {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Takes digits with single underscores between them from the front; false: there are none, or an
// underscore stands at their end.
bool take_digits(std::string_view& text, bool (*good)(char)) {
  if (text.empty() || !good(text[0])) return false;
  bool underscore = false;
  std::size_t size = 1;
  for (; size < text.size(); ++size) {
    if (text[size] == '_' && !underscore) {
      underscore = true;
      continue;
    }
    if (!good(text[size])) break;
    underscore = false;
  }
  text.remove_prefix(size);
  return !underscore;
}

// What follows the integral part of a float; false: not a number.
bool take_fraction(std::string_view& rest, bool hex, bool (*good)(char)) {
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (!rest.empty() && good(rest[0]) && !take_digits(rest, good)) return false;
  }
  if (rest.empty()) return true;
  const char mark = rest[0];
  rest.remove_prefix(1);
  if (hex ? mark != 'p' && mark != 'P' : mark != 'e' && mark != 'E') return false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  return take_digits(rest, is_digit) && rest.empty();
}

Parsed<Expr> integer_of(std::string_view digits, bool negative, bool hex) {
  std::string plain(negative ? "-" : "");
  std::copy_if(digits.begin(), digits.end(), std::back_inserter(plain),
               [](char c) { return c != '_'; });
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(plain.data(), plain.data() + plain.size(), value, hex ? 16 : 10);
  if (error != std::errc()) {
    return std::unexpected(std::string("number too ") + (negative ? "small" : "large") +
                           " to fit in target type");
  }
  return Expr::of(value);
}

// Only what Rust reads as a float: no underscores, not hexadecimal.
Parsed<Expr> float_of(std::string_view word, bool hex) {
  if (hex || word.find('_') != std::string_view::npos) {
    return std::unexpected("invalid float literal");
  }
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  // Too large is infinite, too small is zero.
  if (error == std::errc::result_out_of_range)
    value = std::strtod(std::string(word).c_str(), nullptr);
  return Expr::of(value);
}

}  // namespace

std::optional<Parsed<Expr>> number_of(std::string_view word) {
  const bool negative = word.starts_with('-');
  std::string_view rest = word;
  if (negative || word.starts_with('+')) rest.remove_prefix(1);
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (rest == "inf") return Expr::of(negative ? -kInfinite : kInfinite);
  if (rest == "nan") return Expr::of(std::numeric_limits<double>::quiet_NaN());
  if (rest.starts_with("nan:0x")) {
    rest.remove_prefix(6);
    if (!take_digits(rest, is_hex_digit) || !rest.empty()) return std::nullopt;
    return Expr::of(std::numeric_limits<double>::quiet_NaN());
  }
  const bool hex = rest.starts_with("0x");
  if (hex) rest.remove_prefix(2);
  const auto good = hex ? is_hex_digit : is_digit;
  const std::string_view digits = rest;
  if (!take_digits(rest, good)) return std::nullopt;
  if (rest.empty()) return integer_of(digits, negative, hex);
  if (!take_fraction(rest, hex, good)) return std::nullopt;
  return float_of(word, hex);
}

}  // namespace weir::policy
