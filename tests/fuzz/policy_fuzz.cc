// Policies from any text and any bytes: what is read prints, encodes and evaluates, and reads back.
#include "base/check.h"
#include "control/policy/evaluate.h"
#include "control/policy/policy_expression.h"

using namespace weir;

namespace {

void check(const PolicyExpression& policy) {
  const Bytes encoded = policy.encode();
  const auto decoded = PolicyExpression::decode(encoded);
  CHECK(decoded && decoded->encode() == encoded);
  (void)policy.to_text();
  const Expr expr = policy.to_expr();
  Environment names;
  names.put("subject.a", Expr::str("true"));
  names.put("subject.has_credential", Expr::of(true));
  names.put("x", Expr::ident("y"));
  names.put("y", Expr::seq({Expr::ident("subject.a"), Expr::ident("x")}));
  Trace trace;
  const Evaluated plain = evaluate(expr, names);
  const Evaluated traced = evaluate(expr, names, &trace);
  CHECK(plain.has_value() == traced.has_value() && !trace.terms.empty());
  if (plain) CHECK(plain->encode() == traced->encode());
  // Bytes may hold identifiers that no text has.
  const auto again = Expr::parse(expr.to_text());
  if (again) (void)again->encode();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  if (const auto policy = PolicyExpression::decode(input)) check(*policy);
  if (const auto expr = Expr::decode(input)) check(PolicyExpression{*expr});
  const std::string_view text = as_text(input);
  if (const auto policy = PolicyExpression::parse(text)) {
    check(*policy);
    (void)policy_warnings(text);
    // What a text without named identifiers means, its canonical form means, too.
    if (text.find_first_of("$@") == std::string_view::npos) {
      const auto again = Expr::parse(policy->to_expr().to_text());
      CHECK(again && again->to_text() == policy->to_expr().to_text());
    }
  }
  return 0;
}
