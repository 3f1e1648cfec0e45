// What policy.json does not show: refusals, limits, the trace, warnings.
#include <gtest/gtest.h>

#include "control/policy/evaluate.h"
#include "control/policy/policy_expression.h"

namespace weir {
namespace {

std::string repeat(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

Expr parsed(const std::string& text) {
  auto policy = PolicyExpression::parse(text);
  EXPECT_TRUE(policy) << text << ": " << (policy ? "" : policy.error());
  return policy ? policy->to_expr() : Expr();
}

Environment member() {
  Environment names;
  names.put("subject.identifier", Expr::str("I" + std::string(64, '1')));
  names.put("subject.has_credential", Expr::of(true));
  names.put("subject.role", Expr::str("member"));
  names.put("subject.b", Expr::str("true"));
  return names;
}

TEST(PolicyText, IsRefusedRatherThanGuessed) {
  // A list around a whole expression would deny everybody: Ockam takes it.
  for (const char* text : {"(= 1 1))",
                           "(and (= 1 1)))",
                           "= 1 1]",
                           "= 1 1))",
                           "(= 1 1]",
                           "[1 2)",
                           "(= \"\\q\" 1)",
                           "(= \"\\u{d800}\" 1)",
                           "(= \"\\u{110000}\" 1)",
                           "(= \"\\u{}\" 1)",
                           "(= \"\\u{1\" 1)",
                           "(= \"\\ff\" 1)",
                           "(= \"\x01\" 1)",
                           "(= \"\xe2\x80\xae\" 1)",
                           "(; \xe2\x80\xae ;) (= 1 1)",
                           "(; (; ;) (= 1 1)",
                           "(= $ 1)",
                           "(= 0x1.8p3 1)",
                           "(= 1_0.5 1)",
                           "(= 1__0 1)",
                           "(= 1_ 1)",
                           "(= -9223372036854775809 1)",
                           "(= [1 [2]] 1)",
                           "a=b,c",
                           "\xff",
                           "(= , 1)",
                           "(= ; 1)"}) {
    EXPECT_FALSE(PolicyExpression::parse(text)) << text;
  }
}

TEST(PolicyText, NumbersAndStringsPrintAsRustPrintsThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"(= 1e15 1e16)", "(= 1000000000000000.0 1e16)"},
      {"(= 1.5e-4 1.5e-5)", "(= 0.00015 1.5e-5)"},
      {"(= -0.0 -12.50)", "(= -0.0 -12.5)"},
      {"(= 1. 1e400)", "(= 1.0 +inf)"},
      {"(= +0x7fffffffffffffff -0x10)", "(= 9223372036854775807 -16)"},
      {"(= nan:0x1 -inf)", "(= nan -inf)"},
      {"(= \"a\\tb'\\\\\\u{301}\" \"\\e2\\80\\aa\")", "(= \"a\\tb'\\\\\\u{301}\" \"\\u{202a}\")"},
      {"(= $x @y)", "(= x y)"},
      {"(= \"\\00\" 1)", "(= \"\\u{0}\" 1)"},
  };
  for (const auto& [text, canonical] : cases) {
    EXPECT_EQ(parsed(text).to_text(), canonical);
    EXPECT_EQ(parsed(canonical).to_text(), canonical);
  }
}

TEST(PolicyText, DepthAndLengthAreLimited) {
  EXPECT_TRUE(PolicyExpression::parse(repeat("(", 60) + "a" + repeat(")", 60)));
  EXPECT_TRUE(PolicyExpression::parse(repeat("a or ", 62) + "a"));
  for (const std::string& text :
       {repeat("a or ", 63) + "a", repeat("a and ", 63) + "a", repeat("not ", 100) + "a",
        repeat("(", 100'00) + "a" + repeat(")", 100'00), repeat("(and ", 65) + repeat(")", 65),
        repeat("[", 60'000), repeat("((a or b) or c ", 70), std::string(70'000, 'a'),
        "(and " + repeat("1 ", 20'000) + ")"}) {
    EXPECT_FALSE(PolicyExpression::parse(text)) << text.substr(0, 20);
  }
  // What is accepted at the limit is printed, sent and read again.
  const Expr deep = parsed(repeat("a or ", 62) + "a");
  EXPECT_TRUE(Expr::parse(deep.to_text()));
  EXPECT_TRUE(Expr::decode(deep.encode()));
}

TEST(PolicyBytes, DepthIsLimitedAndShapesAreChecked) {
  Bytes deep;
  wire::CborWriter writer(deep);
  for (int i = 0; i < 100'000; ++i) writer.enum_variant(7).array(1).array(1);
  EXPECT_FALSE(Expr::decode(deep));
  Bytes nots;
  wire::CborWriter not_writer(nots);
  not_writer.enum_variant(1).array(1);
  for (int i = 0; i < 100'000; ++i) not_writer.enum_variant(5).array(1);
  EXPECT_FALSE(PolicyExpression::decode(nots));

  const auto refused = [](std::initializer_list<std::uint8_t> bytes) {
    return !Expr::decode(Bytes(bytes)) && !PolicyExpression::decode(Bytes(bytes));
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({0x82, 0x00, 0x81, 0x61, 'a'}));  // there is no kind 0
  EXPECT_TRUE(refused({0x82, 0x08, 0x81, 0x61, 'a'}));
  EXPECT_TRUE(refused({0x82, 0x01, 0x80}));              // no text
  EXPECT_TRUE(refused({0x82, 0x01, 0x81, 0x61, 0xff}));  // not UTF-8
  EXPECT_TRUE(refused({0x82, 0x03, 0x81, 0xfb, 0x00}));  // half a float
  EXPECT_TRUE(refused({0x82, 0x03, 0x81, 0x01}));        // an integer for a float
  EXPECT_TRUE(refused({0x82, 0x04, 0x81, 0x01}));
  EXPECT_TRUE(refused({0x82, 0x01, 0x81, 0x82, 0x03, 0x81, 0x82, 0x00, 0x81, 0x61, 'a'}));  // or(a)
  const auto single = Expr::decode(Bytes{0x82, 0x03, 0x81, 0xfa, 0x3f, 0xc0, 0x00, 0x00});
  ASSERT_TRUE(single);
  EXPECT_EQ(single->to_text(), "1.5");
}

TEST(PolicyEvaluation, EndsOnCyclesAndOnTooMuch) {
  Environment names;
  names.put("a", Expr::ident("b"));
  names.put("b", Expr::ident("a"));
  EXPECT_FALSE(evaluate(parsed("(= a 1)"), names));
  names.put("l", Expr::seq(std::vector<Expr>(2000, Expr::of(true))));
  EXPECT_FALSE(evaluate(parsed("(= " + repeat("l ", 100) + ")"), names));
}

TEST(PolicyEvaluation, AnAttributeCannotForgeABuiltInName) {
  Environment names = member();
  const auto bytes = [](std::string_view text) { return to_bytes(as_bytes(text)); };
  AttributeMap attributes;
  attributes[bytes("identifier")] = bytes("Ievil");
  attributes[bytes("has_credential")] = bytes("true");
  attributes[bytes("name")] = bytes("alice");
  attributes[Bytes{0xff}] = bytes("x");
  attributes[bytes("binary")] = Bytes{0xff};
  names.add_attributes(attributes);
  EXPECT_NE(names.find("subject.identifier")->text, "Ievil");
  EXPECT_TRUE(names.find("subject.has_credential")->is_bool(true));
  EXPECT_EQ(names.find("subject.name")->text, "alice");
  EXPECT_EQ(names.find("subject.binary"), nullptr);
}

std::string decided_by(const std::string& text) {
  Trace trace;
  (void)evaluate(parsed(text), member(), &trace);
  std::string out;
  for (const Trace::Term& term : trace.terms) {
    out += (out.empty() ? "" : "; ") + term.text + " -> " + term.result;
  }
  return out;
}

TEST(PolicyTrace, NamesTheTermsThatDecided) {
  EXPECT_EQ(decided_by("role=member"), "(= subject.role \"member\") -> true");
  EXPECT_EQ(decided_by("role=member and b=x and zz"), "(= subject.b \"x\") -> false");
  EXPECT_EQ(decided_by("b=x or role=member"), "(= subject.role \"member\") -> true");
  EXPECT_EQ(decided_by("role=x or not b"),
            "(= subject.role \"x\") -> false; (= subject.b \"true\") -> true");
  EXPECT_EQ(decided_by("b and role=member"),
            "(= subject.b \"true\") -> true; (= subject.role \"member\") -> true");
  EXPECT_EQ(decided_by("b and zz"), "(= subject.zz \"true\") -> unbound identifier: subject.zz");
  EXPECT_EQ(decided_by("(if (exists? subject.b) (= 1 2) (= 1 1))"),
            "(exists? subject.b) -> true; (= 1 2) -> false");
  EXPECT_EQ(decided_by("(and subject.has_credential (foo 1))"), "(foo 1) -> unknown operator: foo");
  EXPECT_EQ(decided_by("(or 1 true)"),
            "(or 1 true) -> invalid type of expression 1: 'or' expects boolean arguments");
  Trace trace;
  (void)evaluate(parsed("zz=1"), member(), &trace);
  ASSERT_EQ(trace.terms.size(), 1U);
  ASSERT_EQ(trace.terms[0].names.size(), 1U);
  EXPECT_EQ(trace.terms[0].names[0],
            std::make_pair(std::string("subject.zz"), std::string("not set")));
}

TEST(PolicyWarnings, TellOfTheTraps) {
  EXPECT_EQ(policy_warnings("zz or a=b").size(), 1U);
  EXPECT_EQ(policy_warnings("(a or b) or c").size(), 2U);
  EXPECT_EQ(policy_warnings("notary").size(), 2U);
  EXPECT_EQ(policy_warnings("role=member and not guest").size(), 1U);
  EXPECT_NE(policy_warnings("notary")[0].find("(not (= subject.ary \"true\"))"), std::string::npos);
  EXPECT_EQ(policy_warnings("x andy").size(), 1U);
  for (const char* text :
       {"a and b", "android", "(not (and (exists? subject.a) (= subject.a \"1\")))", "a",
        "no syntax (", "(or (and (exists? subject.zz) (= subject.zz \"1\")) (= subject.a \"b\"))",
        "(or (= subject.identifier \"I1\") (= subject.a \"b\"))"}) {
    EXPECT_TRUE(policy_warnings(text).empty()) << text;
  }
}

}  // namespace
}  // namespace weir
