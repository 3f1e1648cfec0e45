// Policies of portals: they come and go with their inlet or outlet, and only with it.
#include "control/policy/access.h"
#include "control/policy/policy_expression.h"
#include "node_world.h"

namespace weir::test {
namespace {

Expr policy_of(const std::string& text) { return PolicyExpression::parse(text).value().to_expr(); }

struct PolicyWorld {
  std::string stored(const std::string& resource) {
    const Policy* policy = policies().find(PolicyScope::kResource, resource);
    return policy == nullptr ? "" : policy->text;
  }
  Policies& policies() { return node.node.policies(); }
  Result<OutletStatus> outlet(std::optional<std::string> address, const std::string& policy) {
    OutletRequest request;
    request.to = wire::HostnamePort::parse("127.0.0.1:9").value();
    request.address = std::move(address);
    request.policy = policy_of(policy);
    return world.wait<OutletStatus>(
        [&](auto done) { node.node.create_outlet(request, std::move(done)); });
  }
  Result<InletStatus> inlet(const std::string& alias, const std::string& listen,
                            const std::string& policy) {
    InletRequest request;
    request.listen = wire::HostnamePort::parse(listen).value();
    request.to = wire::MultiAddr::parse("/service/outlet").value();
    request.alias = alias;
    request.wait_connection = false;
    request.policy = policy_of(policy);
    return world.wait<InletStatus>(
        [&](auto done) { node.node.create_inlet(request, std::move(done)); });
  }

  World world;
  SimNode& node = world.start(world.persona());
};

TEST(NodePolicies, AnOutletsPolicyIsThatOfTheAddressItGot) {
  PolicyWorld at;
  EXPECT_EQ(at.policies().list().size(), kResourceTypeTexts.size());
  ASSERT_TRUE(at.outlet(std::nullopt, "a"));
  const auto second = at.outlet(std::nullopt, "b");
  ASSERT_TRUE(second);
  EXPECT_NE(second->address, "outlet");
  EXPECT_EQ(at.stored("outlet"), "(= subject.a \"true\")");
  EXPECT_EQ(at.stored(second->address), "(= subject.b \"true\")");
  // One that fails changes nothing.
  EXPECT_FALSE(at.outlet("outlet", "c"));
  EXPECT_FALSE(at.outlet("echo", "c"));
  EXPECT_EQ(at.stored("outlet"), "(= subject.a \"true\")");
  EXPECT_EQ(at.stored("echo"), "");
  ASSERT_TRUE(at.node.node.delete_outlet("outlet"));
  EXPECT_EQ(at.stored("outlet"), "");
  EXPECT_EQ(at.stored(second->address), "(= subject.b \"true\")");
}

TEST(NodePolicies, AnInletThatFailsLeavesThePolicyAsItWas) {
  PolicyWorld at;
  const auto made = at.inlet("in", "127.0.0.1:0", "a");
  ASSERT_TRUE(made);
  EXPECT_FALSE(at.inlet("in", "127.0.0.1:0", "b"));
  EXPECT_EQ(at.stored("in"), "(= subject.a \"true\")");
  // The port is taken.
  EXPECT_FALSE(at.inlet("new", made->bind_address, "b"));
  EXPECT_EQ(at.stored("new"), "");
  ASSERT_TRUE(at.policies().put(PolicyScope::kResource, "old", policy_of("x")));
  EXPECT_FALSE(at.inlet("old", made->bind_address, "b"));
  EXPECT_EQ(at.stored("old"), "(= subject.x \"true\")");
  ASSERT_TRUE(at.node.node.delete_inlet("in"));
  EXPECT_EQ(at.stored("in"), "");
}

}  // namespace
}  // namespace weir::test
