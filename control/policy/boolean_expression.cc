#include "control/policy/boolean_expression.h"

namespace weir {
namespace {

std::string nested(const BooleanExpr& expr) {
  switch (expr.kind) {
    case BooleanExpr::Kind::kOr:
      return "(" + expr.items[0].to_text() + " or " + expr.items[1].to_text() + ")";
    case BooleanExpr::Kind::kAnd:
      return "(" + expr.items[0].to_text() + " and " + expr.items[1].to_text() + ")";
    case BooleanExpr::Kind::kNot:
      return "(not " + expr.items[0].to_text() + ")";
    default:
      return expr.to_text();
  }
}

Expr attribute_is(const std::string& name, const std::string& value) {
  return Expr::list({Expr::ident("="), Expr::ident("subject." + name), Expr::str(value)});
}

}  // namespace

std::string BooleanExpr::to_text() const {
  switch (kind) {
    case Kind::kName:
    case Kind::kIdentifier:
      return name;
    case Kind::kNameValue:
      return value.find(' ') == std::string::npos ? name + "=" + value
                                                  : name + "=\"" + value + "\"";
    case Kind::kOr:
      return nested(items[0]) + " or " + nested(items[1]);
    case Kind::kAnd:
      return nested(items[0]) + " and " + nested(items[1]);
    case Kind::kNot:
      return "not " + nested(items[0]);
    case Kind::kEmpty:
      break;
  }
  return {};
}

Expr BooleanExpr::to_expr() const {
  switch (kind) {
    case Kind::kName:
      return attribute_is(name, "true");
    case Kind::kNameValue:
      return attribute_is(name, value);
    case Kind::kIdentifier:
      return attribute_is("identifier", name);
    case Kind::kOr:
      return Expr::list({Expr::ident("or"), items[0].to_expr(), items[1].to_expr()});
    case Kind::kAnd:
      return Expr::list({Expr::ident("and"), items[0].to_expr(), items[1].to_expr()});
    case Kind::kNot:
      return Expr::list({Expr::ident("not"), items[0].to_expr()});
    case Kind::kEmpty:
      break;
  }
  return Expr::list({});
}

}  // namespace weir
