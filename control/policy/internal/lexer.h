// The words of an S-expression: WebAssembly's text format as Ockam uses it (spec/04 §9.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/policy/expression.h"

namespace weir::policy {

struct Token {
  enum class Kind { kEnd, kOpenList, kCloseList, kOpenSeq, kCloseSeq, kValue };
  Kind kind = Kind::kEnd;
  Expr value = {};  // of kValue: a leaf
};

class Lexer {
 public:
  // UTF-8, which must outlive it.
  explicit Lexer(std::string_view text) : text_(text) {}
  // Skips white space and comments.
  Parsed<Token> next();

 private:
  Parsed<bool> skip_space();  // false: nothing was skipped
  Parsed<bool> skip_block_comment();
  Parsed<Token> word();
  // Behind the opening quote; leaves at_ behind the closing one.
  Parsed<std::string> string_body();
  Parsed<bool> escaped(std::string& out);  // true
  std::unexpected<std::string> bad(const std::string& what) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

// An integer or a float in any of its forms; unset: a word.
std::optional<Parsed<Expr>> number_of(std::string_view word);

}  // namespace weir::policy
