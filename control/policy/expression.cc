#include "control/policy/expression.h"

#include <algorithm>

namespace weir {

Expr Expr::str(std::string value) {
  Expr expr;
  expr.kind = Kind::kStr;
  expr.text = std::move(value);
  return expr;
}
Expr Expr::ident(std::string name) {
  Expr expr = str(std::move(name));
  expr.kind = Kind::kIdent;
  return expr;
}
Expr Expr::of(bool value) {
  Expr expr;
  expr.kind = Kind::kBool;
  expr.boolean = value;
  return expr;
}
Expr Expr::of(std::int64_t value) {
  Expr expr;
  expr.kind = Kind::kInt;
  expr.integer = value;
  return expr;
}
Expr Expr::of(double value) {
  Expr expr;
  expr.kind = Kind::kFloat;
  expr.number = value;
  return expr;
}
Expr Expr::list(std::vector<Expr> items) {
  Expr expr;
  expr.items = std::move(items);
  return expr;
}
Expr Expr::seq(std::vector<Expr> items) {
  Expr expr = list(std::move(items));
  expr.kind = Kind::kSeq;
  return expr;
}

std::string policy_too_deep() {
  return "the expression is nested deeper than " + std::to_string(kPolicyDepthMax) +
         " levels; write (or A B C) for a long A or B or C";
}

bool deeper_than(const Expr& expr, std::size_t depth) {
  return depth == 0 || std::any_of(expr.items.begin(), expr.items.end(), [depth](const Expr& item) {
           return deeper_than(item, depth - 1);
         });
}

bool is_policy_operator(std::string_view name) {
  return std::find(std::begin(kPolicyOperators), std::end(kPolicyOperators), name) !=
         std::end(kPolicyOperators);
}

std::string TypeMismatch::text() const {
  return left->to_text() + " and " + right->to_text() + " are not of the same type";
}

namespace {

// Of two leaves of one kind.
std::partial_ordering leaf_order(const Expr& left, const Expr& right) {
  switch (left.kind) {
    case Expr::Kind::kStr:
    case Expr::Kind::kIdent:
      return left.text <=> right.text;
    case Expr::Kind::kInt:
      return left.integer <=> right.integer;
    case Expr::Kind::kFloat:
      return left.number <=> right.number;
    case Expr::Kind::kBool:
      return left.boolean <=> right.boolean;
    default:
      return left.items.size() <=> right.items.size();
  }
}

}  // namespace

std::expected<std::partial_ordering, TypeMismatch> compare(const Expr& left, const Expr& right) {
  if (left.kind != right.kind) return std::unexpected(TypeMismatch{&left, &right});
  const std::partial_ordering order = leaf_order(left, right);
  if (order != std::partial_ordering::equivalent) return order;
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    const auto inner = compare(left.items[i], right.items[i]);
    if (!inner || *inner != std::partial_ordering::equivalent) return inner;
  }
  return order;
}

std::expected<bool, TypeMismatch> equals(const Expr& left, const Expr& right) {
  const auto order = compare(left, right);
  if (!order) return std::unexpected(order.error());
  return *order == std::partial_ordering::equivalent;
}

}  // namespace weir
