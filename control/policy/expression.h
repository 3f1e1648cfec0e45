// Expr: one policy as a tree, in the form in which it is stored and evaluated (spec/04 §9.3, §9.4).
//
// Text: `(and (= subject.role "member") (exists? subject.name))`. parse() is total; what it and
// decode() give is at most kPolicyDepthMax deep and kPolicyNodesMax large, and only such an Expr
// may be given to the functions here.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/policy/limits.h"
#include "dataplane/wire/cbor.h"

namespace weir {

// What was read from a text, or what the user reads about it.
template <typename T>
using Parsed = std::expected<T, std::string>;

struct Expr {
  // The numbers are those of the wire.
  enum class Kind : std::uint8_t { kStr = 1, kInt, kFloat, kBool, kIdent, kSeq, kList };

  Kind kind = Kind::kList;
  bool boolean = false;
  std::int64_t integer = 0;
  double number = 0;
  std::string text = {};         // of kStr and kIdent, UTF-8
  std::vector<Expr> items = {};  // of kSeq and kList

  static Expr str(std::string value);
  static Expr ident(std::string name);
  static Expr of(bool value);
  static Expr of(std::int64_t value);
  static Expr of(double value);
  static Expr seq(std::vector<Expr> items);
  static Expr list(std::vector<Expr> items);  // an empty one is "unit"

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_bool(bool wanted) const { return kind == Kind::kBool && boolean == wanted; }

  // The S-expression form (§9.4). The first identifier must be an operator. An empty text is an
  // error, and so is a surplus bracket that Ockam takes for a list around everything before it.
  static Parsed<Expr> parse(std::string_view text);
  // Canonical: one blank between items, strings quoted, floats with a point. Reads back, unless an
  // identifier from elsewhere is no word.
  std::string to_text() const;

  static Result<Expr> decode(ByteSpan cbor);  // ignores trailing bytes
  Bytes encode() const;
  // `left`: how many nodes may still be read.
  static bool read(wire::CborReader& reader, Expr& out, std::size_t& left, std::size_t depth = 1);
  void write(wire::CborWriter& writer) const;
};

// What both parsers say about kPolicyDepthMax.
std::string policy_too_deep();
// A leaf has depth 1.
bool deeper_than(const Expr& expr, std::size_t depth);

inline constexpr std::string_view kPolicyOperators[] = {"and", "or", "not", "if",      "<",
                                                        ">",   "=",  "!=",  "member?", "exists?"};
bool is_policy_operator(std::string_view name);

// Two values of different types cannot be compared; somewhere inside them, these two.
struct TypeMismatch {
  const Expr* left;
  const Expr* right;
  std::string text() const;
};
std::expected<bool, TypeMismatch> equals(const Expr& left, const Expr& right);
// Unordered where a nan is met. Sequences and lists: by length first.
std::expected<std::partial_ordering, TypeMismatch> compare(const Expr& left, const Expr& right);

}  // namespace weir
