// Whom a node lets in: precedence, defaults, what survives a restart.
#include "control/policy/access.h"
#include "control/policy/policy_expression.h"
#include "control/store/knowledge.h"
#include "store_testing.h"

namespace weir {
namespace {

constexpr auto kName = PolicyScope::kResource;
constexpr auto kType = PolicyScope::kResourceType;

Expr expr(const std::string& text) {
  auto policy = PolicyExpression::parse(text);
  CHECK(policy.has_value());
  return policy->to_expr();
}

AttributeMap role(std::string_view value) {
  return {{to_bytes(as_bytes("role")), to_bytes(as_bytes(value))}};
}

AccessRequest request(std::string_view resource, const AttributeMap* attributes) {
  AccessRequest out;
  out.resource = resource;
  out.type = ResourceType::kTcpOutlet;
  out.subject = Identifier{};
  out.attributes = attributes;
  return out;
}

TEST(PolicyAccess, TheNameBeatsTheTypeAndNothingDenies) {
  Policies policies("n", nullptr);
  const AttributeMap member = role("member");
  EXPECT_FALSE(policies.decide(request("outlet", &member)).allow);
  ASSERT_TRUE(policies.load());
  const Decision by_type = policies.decide(request("outlet", &member));
  EXPECT_TRUE(by_type.allow);
  EXPECT_EQ(by_type.source, Decision::Source::kResourceType);
  EXPECT_EQ(by_type.policy, "tcp-outlet");
  EXPECT_FALSE(policies.decide(request("outlet", nullptr)).allow);

  int changes = 0;
  policies.on_change([&changes] { ++changes; });
  ASSERT_TRUE(policies.put(kName, "outlet", expr("role=admin")));
  EXPECT_EQ(changes, 1);
  const Decision by_name = policies.decide(request("outlet", &member));
  EXPECT_FALSE(by_name.allow);
  EXPECT_EQ(by_name.source, Decision::Source::kResource);
  EXPECT_EQ(by_name.expression, "(= subject.role \"admin\")");
  EXPECT_TRUE(policies.decide(request("other", &member)).allow);

  ASSERT_TRUE(policies.remove(kName, "outlet"));
  ASSERT_TRUE(policies.remove(kName, "outlet"));
  EXPECT_EQ(changes, 2);
  ASSERT_TRUE(policies.remove(kType, "tcp-outlet"));
  const Decision none = policies.decide(request("outlet", &member));
  EXPECT_FALSE(none.allow);
  EXPECT_EQ(none.source, Decision::Source::kNone);
}

TEST(PolicyAccess, NobodyWithoutIdentityIsLetIn) {
  Policies policies("n", nullptr);
  ASSERT_TRUE(policies.put(kName, "outlet", expr("(= 1 1)")));
  AccessRequest anonymous = request("outlet", nullptr);
  EXPECT_TRUE(policies.decide(anonymous).allow);
  anonymous.subject.reset();
  EXPECT_FALSE(policies.decide(anonymous).allow);
}

TEST(PolicyAccess, WithoutAuthorityOnlyWhatSomebodySetCounts) {
  Policies policies("n", nullptr);
  ASSERT_TRUE(policies.load());
  AccessRequest plain = request("outlet", nullptr);
  plain.authority = false;
  const Decision open = policies.decide(plain);
  EXPECT_TRUE(open.allow);
  EXPECT_EQ(open.source, Decision::Source::kNoAuthority);
  ASSERT_TRUE(policies.put(kType, "tcp-outlet", expr("role=member")));
  EXPECT_FALSE(policies.decide(plain).allow);
  ASSERT_TRUE(policies.put(kName, "outlet", expr(Identifier{}.text())));
  EXPECT_TRUE(policies.decide(plain).allow);
  // Attributes count only where an authority vouches for them.
  const AttributeMap member = role("member");
  ASSERT_TRUE(policies.put(kName, "outlet", expr("role=member")));
  plain.attributes = &member;
  EXPECT_FALSE(policies.decide(plain).allow);
  plain.authority = true;
  EXPECT_TRUE(policies.decide(plain).allow);
}

TEST(PolicyAccess, TheTextThatCannotBeReadDenies) {
  TempDirectory home;
  StateOptions options;
  options.home = home.path();
  auto state = open_state(options);
  NodeRecord node = make_node("n");
  ASSERT_TRUE(state->nodes().claim(node));
  ASSERT_TRUE(state->policies().put({"n", kName, "outlet", "handle_message", "(((("}));
  Policies policies("n", &state->policies());
  ASSERT_TRUE(policies.load());
  const AttributeMap member = role("member");
  const Decision decision = policies.decide(request("outlet", &member));
  EXPECT_FALSE(decision.allow);
  EXPECT_EQ(decision.source, Decision::Source::kResource);
}

TEST(PolicyAccess, WhatWouldNotReadBackIsNotStored) {
  Policies policies("n", nullptr);
  EXPECT_FALSE(policies.put(kName, "r", Expr::list({})));
  EXPECT_FALSE(policies.put(kName, "r", Expr::list({Expr::ident("foo")})));
  EXPECT_FALSE(policies.put(kName, "r", Expr::list({Expr::ident("and"), Expr::ident("a b")})));
  EXPECT_FALSE(policies.put(kName, "r", Expr::list({Expr::ident("and"), Expr::ident("1")})));
  EXPECT_TRUE(policies.list().empty());
}

TEST(PolicyAccess, AUsersTypePolicySurvivesARestart) {
  TempDirectory home;
  StateOptions options;
  options.home = home.path();
  auto state = open_state(options);
  NodeRecord node = make_node("n");
  ASSERT_TRUE(state->nodes().claim(node));
  {
    Policies policies("n", &state->policies());
    ASSERT_TRUE(policies.load());
    ASSERT_TRUE(policies.put(kType, "tcp-inlet", expr("role=member")));
    ASSERT_TRUE(policies.put(kName, "inlet1", expr("a")));
    ASSERT_TRUE(policies.remove(kType, "relay"));
  }
  Policies policies("n", &state->policies());
  ASSERT_TRUE(policies.load());
  ASSERT_EQ(policies.list().size(), 8U);
  EXPECT_EQ(policies.list()[0].subject, "inlet1");
  EXPECT_EQ(policies.find(kType, "tcp-inlet")->text, "(= subject.role \"member\")");
  EXPECT_EQ(policies.find(kType, "relay")->text, "(= subject.has_credential true)");
}

}  // namespace
}  // namespace weir
