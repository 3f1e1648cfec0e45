#include "control/policy/policy_expression.h"

#include <algorithm>

namespace weir {

Parsed<PolicyExpression> PolicyExpression::parse(std::string_view text) {
  if (text.size() > kPolicyTextBytesMax) return std::unexpected("the expression is too long");
  if (!wire::valid_utf8(as_bytes(text))) return std::unexpected("the expression is not UTF-8");
  auto boolean = BooleanExpr::parse(text);
  if (boolean) return PolicyExpression{std::move(*boolean)};
  // `not not .. a` is an S-expression as well, which denies everybody.
  if (boolean.error() == policy_too_deep()) return std::unexpected(boolean.error());
  auto full = Expr::parse(text);
  if (full) return PolicyExpression{std::move(*full)};
  return std::unexpected(
      "Cannot parse the expression as either a simple boolean expression or a full policy "
      "expression:\n - " +
      boolean.error() + "\n - " + full.error());
}

Expr PolicyExpression::to_expr() const {
  const Expr* full = std::get_if<Expr>(&value);
  return full != nullptr ? *full : std::get<BooleanExpr>(value).to_expr();
}

std::string PolicyExpression::to_text() const {
  return std::visit([](const auto& expr) { return expr.to_text(); }, value);
}

namespace {

bool is_operation(const Expr& expr, std::string_view name) {
  return expr.is(Expr::Kind::kList) && !expr.items.empty() &&
         expr.items[0].is(Expr::Kind::kIdent) && expr.items[0].text == name;
}

bool always_bound(std::string_view name) {
  return name == "subject.identifier" || name == "resource.id" || name == "action.id";
}

// The first identifier that may be missing when `expr` is evaluated, or null. What stands behind an
// exists? in the same `and` counts as guarded, whatever it asks for.
const std::string* may_be_missing(const Expr& expr) {
  if (expr.is(Expr::Kind::kIdent)) return always_bound(expr.text) ? nullptr : &expr.text;
  if (is_operation(expr, "exists?")) return nullptr;
  for (std::size_t i = expr.is(Expr::Kind::kList) ? 1 : 0; i < expr.items.size(); ++i) {
    if (is_operation(expr, "and") && is_operation(expr.items[i], "exists?")) return nullptr;
    if (const std::string* name = may_be_missing(expr.items[i])) return name;
  }
  return nullptr;
}

// `at_end`: nothing is evaluated behind it.
void warn_about_or(const Expr& expr, bool at_end, std::vector<std::string>& out) {
  const bool is_or = is_operation(expr, "or");
  for (std::size_t i = 0; i < expr.items.size(); ++i) {
    const Expr& item = expr.items[i];
    const bool last = i + 1 == expr.items.size();
    warn_about_or(item, is_or ? at_end && last : true, out);
    if (!is_or || i == 0 || (last && at_end) || is_operation(item, "or")) continue;
    const std::string* name = may_be_missing(item);
    if (name == nullptr) continue;
    out.push_back("a subject without " + *name +
                  " is denied even if the rest of the `or` holds: an attribute that is missing is "
                  "an error, not false. Write (and (exists? " +
                  *name + ") ..) to make it optional");
  }
}

void warn_about_not(const Expr& expr, std::vector<std::string>& out) {
  for (const Expr& item : expr.items) warn_about_not(item, out);
  if (!is_operation(expr, "not") || expr.items.size() != 2) return;
  if (const std::string* name = may_be_missing(expr.items[1])) {
    out.push_back("a subject without " + *name +
                  " is denied by the `not`, too: an attribute that " +
                  "is missing is an error, not false. Write (not (and (exists? " + *name +
                  ") ..)) " + "to let it pass");
  }
}

}  // namespace

std::vector<std::string> policy_warnings(std::string_view text) {
  const auto parsed = PolicyExpression::parse(text);
  if (!parsed) return {};
  std::vector<std::string> out;
  std::vector<std::string> glued;
  if (BooleanExpr::parse(text, &glued)) {
    for (const std::string& word : glued) {
      out.push_back("`" + word + "` begins with an operator and is read as one: the policy means " +
                    parsed->to_expr().to_text());
    }
  }
  const Expr expr = parsed->to_expr();
  warn_about_or(expr, true, out);
  warn_about_not(expr, out);
  // The same name in several places is one warning.
  std::vector<std::string> unique;
  for (std::string& line : out) {
    if (std::find(unique.begin(), unique.end(), line) == unique.end())
      unique.push_back(std::move(line));
  }
  return unique;
}

}  // namespace weir
