#include "control/policy/internal/lexer.h"

#include <unistr.h>

#include <cctype>

namespace weir::policy {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool is_word_char(char c) { return is_alnum(c) || is_one_of(c, "!#$%&'*+-./:<=>?@\\^_`|~"); }

bool is_identifier(std::string_view word) {
  constexpr std::string_view kSigns = "!$%&*/<=>?~_^";
  constexpr std::string_view kMore = "+,-.:;@";  // the rest of the range from + to @
  if (word.empty() || !(is_alnum(word[0]) || is_one_of(word[0], kSigns))) return false;
  if (word[0] >= '0' && word[0] <= '9') return false;
  for (const char c : word.substr(1)) {
    if (!is_alnum(c) && !is_one_of(c, kSigns) && !is_one_of(c, kMore)) return false;
  }
  return true;
}

// Characters that make people read another text than the parser does.
bool is_confusing(char32_t c) {
  return c == 0x202a || c == 0x202b || c == 0x202d || c == 0x202e || (c >= 0x2066 && c <= 0x2069) ||
         c == 0x206c;
}
bool has_confusing(std::string_view text) {
  for (std::size_t at = text.find('\xe2'); at != std::string_view::npos;
       at = text.find('\xe2', at + 1)) {
    ucs4_t c = 0;
    const ByteSpan rest = as_bytes(text.substr(at));
    u8_mbtouc(&c, rest.data(), rest.size());
    if (is_confusing(c)) return true;
  }
  return false;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(char32_t c, std::string& out) {
  std::uint8_t bytes[4];
  const int size = u8_uctomb(bytes, c, sizeof bytes);
  if (size > 0) out += as_text({bytes, static_cast<std::size_t>(size)});
}

std::unexpected<std::string> invalid(const char* kind, std::string_view word) {
  return std::unexpected(std::string("invalid ") + kind + " token '" + std::string(word) + "'");
}

constexpr char kConfusing[] = "a character that changes the direction of the text";

}  // namespace

std::unexpected<std::string> Lexer::bad(const std::string& what) const {
  return std::unexpected(what + " at byte " + std::to_string(std::min(at_, text_.size())));
}

Parsed<bool> Lexer::skip_block_comment() {
  const std::size_t from = at_;
  at_ += 2;
  for (std::size_t level = 1; level > 0;) {
    if (at_ + 2 > text_.size()) return bad("unterminated block comment");
    const std::string_view two = text_.substr(at_, 2);
    at_ += two == "(;" || two == ";)" ? 2 : 1;
    if (two == "(;") ++level;
    if (two == ";)") --level;
  }
  if (has_confusing(text_.substr(from, at_ - from))) return bad(kConfusing);
  return true;
}

Parsed<bool> Lexer::skip_space() {
  if (at_ >= text_.size()) return false;
  if (is_one_of(text_[at_], " \t\r\n")) {
    ++at_;
    return true;
  }
  const std::string_view two = text_.substr(at_, 2);
  if (two == "(;") return skip_block_comment();
  if (two != ";;") return false;
  const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
  if (has_confusing(text_.substr(at_, end - at_))) return bad(kConfusing);
  at_ = end;
  return true;
}

Parsed<Token> Lexer::next() {
  for (;;) {
    const Parsed<bool> skipped = skip_space();
    if (!skipped) return std::unexpected(skipped.error());
    if (!*skipped) break;
  }
  if (at_ >= text_.size()) return Token{};
  const char c = text_[at_];
  if (is_word_char(c) || c == '"') return word();
  constexpr std::string_view kBrackets = "()[]";
  if (const std::size_t found = kBrackets.find(c); found != std::string_view::npos) {
    constexpr Token::Kind kKinds[] = {Token::Kind::kOpenList, Token::Kind::kCloseList,
                                      Token::Kind::kOpenSeq, Token::Kind::kCloseSeq};
    ++at_;
    return Token{kKinds[found]};
  }
  if (is_one_of(c, ",{};")) return invalid("reserved", text_.substr(at_, 1));
  return bad("unexpected character");
}

// A run of word characters and strings: a string, a number, an identifier.
Parsed<Token> Lexer::word() {
  const std::size_t from = at_;
  std::size_t strings = 0;
  std::size_t chars = 0;
  std::string content;
  while (at_ < text_.size()) {
    if (is_word_char(text_[at_])) {
      ++chars;
      ++at_;
    } else if (text_[at_] == '"') {
      ++strings;
      ++at_;
      Parsed<std::string> body = string_body();
      if (!body) return std::unexpected(body.error());
      content = std::move(*body);
    } else {
      break;
    }
  }
  const std::string_view source = text_.substr(from, at_ - from);
  const auto value = [](Expr expr) { return Token{Token::Kind::kValue, std::move(expr)}; };
  const bool utf8 = wire::valid_utf8(as_bytes(content));
  if (strings > 0 && !utf8) return bad("invalid utf-8 sequence in a string");
  if (strings == 1 && chars == 0) return value(Expr::str(std::move(content)));

  const char sign = source[0];
  const bool named = (sign == '$' || sign == '@') &&
                     (strings == 0 || (strings == 1 && chars == 1 && source[1] == '"'));
  if (named && !number_of(source)) {
    std::string name = strings == 1 ? std::move(content) : std::string(source.substr(1));
    if (name.empty()) return bad(sign == '$' ? "empty identifier" : "empty annotation id");
    if (sign == '@' && !is_identifier(name)) return invalid("annotation", name);
    return value(Expr::ident(std::move(name)));
  }
  if (strings > 0) return invalid("reserved", source);
  if (auto number = number_of(source)) {
    if (!*number) return std::unexpected(number->error());
    return value(std::move(**number));
  }
  if (source == "true" || source == "false") return value(Expr::of(source == "true"));
  if (is_identifier(source)) return value(Expr::ident(std::string(source)));
  return invalid(sign >= 'a' && sign <= 'z' ? "keyword" : "reserved", source);
}

Parsed<std::string> Lexer::string_body() {
  constexpr char kEnd[] = "unexpected end of the text in a string";
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c == '\\') {
      ++at_;
      if (at_ >= text_.size()) return bad(kEnd);
      const auto done = escaped(out);
      if (!done) return std::unexpected(done.error());
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return bad("control character in a string");
    if (has_confusing(text_.substr(at_, 3))) return bad(kConfusing);
    out += c;
    ++at_;
  }
  return bad(kEnd);
}

// At the character behind the backslash.
Parsed<bool> Lexer::escaped(std::string& out) {
  constexpr std::string_view kSimple = "\"'\\tnr";
  constexpr std::string_view kMeaning = "\"'\\\t\n\r";
  const char c = text_[at_++];
  if (const std::size_t found = kSimple.find(c); found != std::string_view::npos) {
    out += kMeaning[found];
    return true;
  }
  if (c != 'u') {
    const int high = hex_value(c);
    const int low = at_ < text_.size() ? hex_value(text_[at_]) : -1;
    if (high < 0 || low < 0) return bad("invalid string escape");
    ++at_;
    out += static_cast<char>(high * 16 + low);
    return true;
  }
  const std::size_t end = text_.find('}', at_);
  if (end == std::string_view::npos || text_[at_] != '{') return bad("invalid string escape");
  char32_t code = 0;
  const std::string_view digits = text_.substr(at_ + 1, end - at_ - 1);
  if (digits.empty() || digits[0] == '_' || digits.back() == '_')
    return bad("invalid string escape");
  for (const char digit : digits) {
    if (digit == '_') continue;
    const int value = hex_value(digit);
    if (value < 0 || code > 0x10ffff) return bad("invalid string escape");
    code = code * 16 + static_cast<char32_t>(value);
  }
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return bad("invalid string escape");
  append_utf8(code, out);
  at_ = end + 1;
  return true;
}

}  // namespace weir::policy
