// Printing an Expr the way Ockam stores it: strings and floats look like Rust's debug output.
#include <unictype.h>
#include <unistr.h>

#include <charconv>
#include <cmath>

#include "control/policy/expression.h"

namespace weir {
namespace {

bool must_escape(ucs4_t c) {
  if (c == ' ') return false;
  return uc_is_property(c, UC_PROPERTY_GRAPHEME_EXTEND) ||
         uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
                                                 UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Co |
                                                 UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Z);
}

void append_escaped(ucs4_t c, std::string& out) {
  char digits[8];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), c, 16).ptr;
  out.append("\\u{").append(std::begin(digits), end).append("}");
}

void append_char(ucs4_t c, std::string_view bytes, std::string& out) {
  switch (c) {
    case '\t':
      out += "\\t";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\n':
      out += "\\n";
      break;
    case '"':
    case '\\':
      out.append("\\").append(bytes);
      break;
    default:
      // Ockam prints a zero as \0, which its own reader refuses; this form reads back.
      if (must_escape(c)) {
        append_escaped(c, out);
      } else {
        out.append(bytes);
      }
  }
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  const ByteSpan bytes = as_bytes(text);
  for (std::size_t at = 0; at < bytes.size();) {
    ucs4_t c = 0;
    const auto size = static_cast<std::size_t>(u8_mbtouc(&c, bytes.data() + at, bytes.size() - at));
    append_char(c, text.substr(at, size), out);
    at += size;
  }
  out += '"';
}

// `mantissa`: "1.25" or "1"; its point moved `exponent` places.
std::string fixed_point(std::string_view mantissa, int exponent) {
  std::string digits(1, mantissa[0]);
  if (mantissa.size() > 2) digits += mantissa.substr(2);
  if (exponent < 0)
    return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return digits.append(whole - digits.size(), '0') + ".0";
  return digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "+inf";
  const std::string sign = std::signbit(value) ? "-" : "";
  const double size = std::fabs(value);
  if (size == 0) return sign + "0.0";
  char buffer[32];
  const auto end =
      std::to_chars(std::begin(buffer), std::end(buffer), size, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = shortest.find('e');
  const std::string_view mantissa = shortest.substr(0, mark);
  int exponent = 0;
  const char* digits = buffer + mark + (shortest[mark + 1] == '+' ? 2 : 1);
  std::from_chars(digits, end, exponent);
  if (size >= 1e-4 && size < 1e16) return sign + fixed_point(mantissa, exponent);
  return sign + std::string(mantissa) + "e" + std::to_string(exponent);
}

void append(const Expr& expr, std::string& out) {
  switch (expr.kind) {
    case Expr::Kind::kStr:
      append_quoted(expr.text, out);
      return;
    case Expr::Kind::kInt:
      out += std::to_string(expr.integer);
      return;
    case Expr::Kind::kFloat:
      out += float_text(expr.number);
      return;
    case Expr::Kind::kBool:
      out += expr.boolean ? "true" : "false";
      return;
    case Expr::Kind::kIdent:
      out += expr.text;
      return;
    case Expr::Kind::kSeq:
    case Expr::Kind::kList:
      break;
  }
  const bool list = expr.kind == Expr::Kind::kList;
  out += list ? '(' : '[';
  for (std::size_t i = 0; i < expr.items.size(); ++i) {
    if (i > 0) out += ' ';
    append(expr.items[i], out);
  }
  out += list ? ')' : ']';
}

}  // namespace

std::string Expr::to_text() const {
  std::string out;
  append(*this, out);
  return out;
}

}  // namespace weir
