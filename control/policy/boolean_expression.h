// BooleanExpr: the short form of a policy, `role=member and (region=eu or I1234..)` (spec/04 §9.4).
// Names are attributes of the subject: `n` means subject.n is "true", `n=v` that it is "v"; an
// identifier means that identity.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/policy/expression.h"

namespace weir {

struct BooleanExpr {
  // The numbers are those of the wire.
  enum class Kind : std::uint8_t { kName, kNameValue, kIdentifier, kOr, kAnd, kNot, kEmpty };

  Kind kind = Kind::kEmpty;
  std::string name = {};                // of kName, kNameValue; the text of kIdentifier
  std::string value = {};               // of kNameValue
  std::vector<BooleanExpr> items = {};  // two of kOr and kAnd, one of kNot

  // Where the grammar may not mean what the reader thinks: words that begin with an operator, as
  // `notary`, which is not(ary). Appended to `glued` if given.
  static Parsed<BooleanExpr> parse(std::string_view text,
                                   std::vector<std::string>* glued = nullptr);
  // As Ockam prints it: two levels of parentheses only, so a deep one does not always read back.
  std::string to_text() const;
  Expr to_expr() const;

  static bool read(wire::CborReader& reader, BooleanExpr& out, std::size_t& left,
                   std::size_t depth = 1);
  void write(wire::CborWriter& writer) const;
};

}  // namespace weir
