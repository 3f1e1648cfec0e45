// PolicyExpression: what a user writes and the API carries, in either form (spec/04 §9.3, §9.4).
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/policy/boolean_expression.h"
#include "control/policy/expression.h"

namespace weir {

struct PolicyExpression {
  // The order is that of the wire.
  std::variant<Expr, BooleanExpr> value = {};

  // The boolean form first, then the S-expression form; the error says what is wrong with both.
  static Parsed<PolicyExpression> parse(std::string_view text);
  Expr to_expr() const;
  std::string to_text() const;  // in its own form

  static Result<PolicyExpression> decode(ByteSpan cbor);
  Bytes encode() const;
  static bool read(wire::CborReader& reader, PolicyExpression& out);
  void write(wire::CborWriter& writer) const;
};

// What is legal but probably not meant (spec/04 §12 item 12), one sentence each: an attribute that
// may be missing before the end of an `or` or in a `not`, and words that begin with an operator.
std::vector<std::string> policy_warnings(std::string_view text);

}  // namespace weir
