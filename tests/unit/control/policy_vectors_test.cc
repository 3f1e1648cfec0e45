// policy.json: what the published implementation makes of policy texts, and whom they allow.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hex.h"
#include "control/policy/evaluate.h"
#include "control/policy/policy_expression.h"

namespace weir {
namespace {

using Json = nlohmann::json;

const Json& policy_vectors() {
  static const Json vectors = [] {
    std::ifstream file(std::string(WEIR_TEST_VECTORS) + "/policy.json");
    CHECK(file.good());
    return Json::parse(file);
  }();
  return vectors;
}

Expr expr_of(const Json& tree) {
  const std::string kind = tree.begin().key();
  const Json& value = tree.begin().value();
  const auto text = [&value] { return value.get<std::string>(); };
  if (kind == "str") return Expr::str(text());
  if (kind == "ident") return Expr::ident(text());
  if (kind == "bool") return Expr::of(value.get<bool>());
  if (kind == "int") return Expr::of(static_cast<std::int64_t>(std::stoll(text())));
  if (kind == "float") return Expr::of(std::stod(text()));
  CHECK(kind == "seq" || kind == "list");
  std::vector<Expr> items;
  for (const Json& item : value) items.push_back(expr_of(item));
  return kind == "seq" ? Expr::seq(std::move(items)) : Expr::list(std::move(items));
}

const std::map<std::string, Environment>& environments() {
  static const auto all = [] {
    std::map<std::string, Environment> out;
    for (const auto& [name, values] : policy_vectors()["environments"].items()) {
      Environment& environment = out[name];
      for (const auto& [key, value] : values.items()) environment.put(key, expr_of(value));
    }
    return out;
  }();
  return all;
}

const char* class_of(EvalError::Kind kind) {
  switch (kind) {
    case EvalError::Kind::kUnbound:
      return "Unbound";
    case EvalError::Kind::kUnknown:
      return "Unknown";
    case EvalError::Kind::kInvalidType:
      return "InvalidType";
    case EvalError::Kind::kTypeMismatch:
      return "TypeMismatch";
    case EvalError::Kind::kMalformed:
      return "Malformed";
  }
  return "";
}

void expect_results(const Expr& expr, const Json& results) {
  for (const auto& [name, expected] : results.items()) {
    SCOPED_TRACE(name);
    Trace trace;
    const Evaluated value = evaluate(expr, environments().at(name), &trace);
    EXPECT_EQ(value && value->is_bool(true), expected["allows"].get<bool>());
    EXPECT_FALSE(trace.terms.empty());
    ASSERT_EQ(value.has_value(), !expected.contains("error"));
    if (value) {
      EXPECT_EQ(value->to_text(), expr_of(expected["value"]).to_text());
    } else {
      EXPECT_EQ(value.error().text, expected["error"].get<std::string>());
      EXPECT_STREQ(class_of(value.error().kind),
                   expected["error_class"].get<std::string>().c_str());
    }
  }
}

// The one intended difference (spec/04 §9.4): a surplus bracket makes Ockam wrap the whole
// expression, which then denies everybody. Here the text is refused.
bool is_wrapped_whole(const Json& vector) {
  return vector["as_s_expression"].get<std::string>().starts_with("((") &&
         !vector["text"].get<std::string>().starts_with("((");
}

void expect_expression(const Json& vector) {
  SCOPED_TRACE(vector["text"].get<std::string>());
  const auto parsed = PolicyExpression::parse(vector["text"].get<std::string>());
  if (is_wrapped_whole(vector)) {
    EXPECT_FALSE(parsed);
    for (const Json& result : vector["results"]) EXPECT_FALSE(result["allows"].get<bool>());
    return;
  }
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->value.index() == 1, vector["form"] == "boolean");
  EXPECT_EQ(parsed->to_text(), vector["canonical"].get<std::string>());
  EXPECT_EQ(to_hex(parsed->encode()), vector["policy_cbor"].get<std::string>());
  const Expr expr = parsed->to_expr();
  EXPECT_EQ(expr.to_text(), vector["as_s_expression"].get<std::string>());
  EXPECT_EQ(to_hex(expr.encode()), vector["expr_cbor"].get<std::string>());
  EXPECT_EQ(to_hex(expr_of(vector["tree"]).encode()), to_hex(expr.encode()));
  expect_results(expr, vector["results"]);
  // What others sent is read back to the same bytes.
  const auto policy = PolicyExpression::decode(parsed->encode());
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->encode(), parsed->encode());
  const auto again = Expr::decode(expr.encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->encode(), expr.encode());
  const auto reread = Expr::parse(expr.to_text());
  ASSERT_EQ(reread.has_value(), vector["s_expression_reads_back"].get<bool>());
  EXPECT_EQ(reread->encode(), expr.encode());
}

// Errors of the lexer are printed here as sentences, not as a dump of its structures.
constexpr char kLexerDump[] = "Error { inner: ErrorInner";

void expect_error(const std::string& error, const std::string& expected) {
  const std::size_t dump = expected.find(kLexerDump);
  if (dump == std::string::npos) {
    EXPECT_EQ(error, expected);
  } else {
    EXPECT_EQ(error.substr(0, dump), expected.substr(0, dump));
    EXPECT_GT(error.size(), dump);
  }
}

TEST(PolicyVectors, TextsMeanWhatOckamTakesThemFor) {
  int ran = 0;
  for (const char* part : {"expressions", "generated"}) {
    for (const Json& vector : policy_vectors()[part]) {
      expect_expression(vector);
      ++ran;
    }
  }
  std::printf("expressions, generated: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(PolicyVectors, MalformedTextsAreRefusedInOckamsWords) {
  int ran = 0;
  for (const char* part : {"malformed", "generated_malformed"}) {
    for (const Json& vector : policy_vectors()[part]) {
      SCOPED_TRACE(vector["text"].get<std::string>());
      const auto parsed = PolicyExpression::parse(vector["text"].get<std::string>());
      EXPECT_FALSE(parsed);
      if (!parsed) expect_error(parsed.error(), vector["error"]);
      ++ran;
    }
  }
  std::printf("malformed, generated_malformed: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(PolicyVectors, TheSExpressionReaderAloneReadsTheSame) {
  int ran = 0;
  for (const Json& vector : policy_vectors()["s_expression_reader"]) {
    SCOPED_TRACE(vector["text"].get<std::string>());
    const auto parsed = Expr::parse(vector["text"].get<std::string>());
    ++ran;
    if (vector.contains("tree")) {
      ASSERT_TRUE(parsed) << parsed.error();
      EXPECT_EQ(to_hex(parsed->encode()), to_hex(expr_of(vector["tree"]).encode()));
      EXPECT_EQ(parsed->to_text(), vector["canonical"].get<std::string>());
      continue;
    }
    ASSERT_FALSE(parsed);
    // An empty text is not an error there, but no expression either.
    EXPECT_EQ(parsed.error(), vector.contains("empty") ? "empty expression value"
                                                       : vector["error"].get<std::string>());
  }
  std::printf("s_expression_reader: %d\n", ran);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace weir
