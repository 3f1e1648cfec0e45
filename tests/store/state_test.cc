// The tables and their rules, in SQLite and in PostgreSQL.
#include "control/store/state.h"

#include <fstream>

#include "base/check.h"
#include "control/store/home.h"
#include "control/store/process.h"
#include "store_case.h"

namespace weir {
namespace {

class StoreState : public StoreCase {};
WEIR_IN_BOTH(StoreState);

std::string default_node(State& state) {
  auto node = state.nodes().get_default();
  return node ? node->name : "";
}

TEST_P(StoreState, WhatWasStoredIsThereAfterReopening) {
  NodeRecord node = make_node("n1", 77);
  node.pid_start_ticks = 12345678901234;
  node.tcp_listener_address = "127.0.0.1:4000";
  node.api_socket = "/s";
  node.status_endpoint = "127.0.0.1:23345";
  node.is_authority = true;
  node.created_at = 1'700'000'000;
  node.options = R"({"a":"\u0000"})";
  ASSERT_TRUE(open()->nodes().claim(node));
  auto state = open();
  const auto read = state->nodes().get("n1");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identifier, node.identifier);
  EXPECT_EQ(read->identity_name, "id");
  EXPECT_EQ(read->pid, 77);
  EXPECT_EQ(read->pid_start_ticks, 12345678901234u);
  EXPECT_EQ(read->tcp_listener_address, "127.0.0.1:4000");
  EXPECT_EQ(read->api_socket, "/s");
  EXPECT_EQ(read->status_endpoint, "127.0.0.1:23345");
  EXPECT_TRUE(read->is_authority);
  EXPECT_TRUE(read->is_default);
  EXPECT_EQ(read->created_at, 1'700'000'000u);
  EXPECT_EQ(read->options, node.options);
  EXPECT_TRUE(state->database()->check_integrity());
}

TEST_P(StoreState, DefaultNodeFollowsTheRulesOfTheOriginal) {
  auto state = open();
  auto& nodes = state->nodes();
  EXPECT_EQ(nodes.get_default().error().code, Errc::kNotFound);
  auto n1 = make_node("n1", ::getpid());
  ASSERT_TRUE(nodes.claim(n1));
  EXPECT_TRUE(n1.is_default);
  auto n2 = make_node("n2", ::getpid());
  ASSERT_TRUE(nodes.claim(n2));
  EXPECT_FALSE(n2.is_default);
  ASSERT_TRUE(nodes.set_stopped("n1"));
  auto n3 = make_node("n3", ::getpid());
  ASSERT_TRUE(nodes.claim(n3));  // the default node is stopped
  EXPECT_TRUE(n3.is_default);
  EXPECT_FALSE(nodes.get("n1")->is_default);
  EXPECT_EQ(nodes.set_default("nobody").error().code, Errc::kNotFound);
  EXPECT_EQ(default_node(*state), "n3");
  ASSERT_TRUE(nodes.set_default("n2"));
  ASSERT_TRUE(nodes.remove("n3"));
  EXPECT_EQ(default_node(*state), "n1");  // the first remaining, whatever was deleted
  ASSERT_TRUE(nodes.remove("n1"));
  EXPECT_EQ(default_node(*state), "n2");
  ASSERT_TRUE(nodes.remove("n2"));
  EXPECT_EQ(default_node(*state), "");
  EXPECT_EQ(nodes.remove("n2").error().code, Errc::kNotFound);
}

TEST_P(StoreState, ARunningNodeIsNotTakenOverButADeadOneIs) {
  auto state = open();
  auto& nodes = state->nodes();
  auto mine = make_node("n1", ::getpid());
  mine.pid_start_ticks = *process_start_ticks(::getpid());
  mine.tcp_listener_address = "127.0.0.1:4000";
  mine.created_at = 5;
  ASSERT_TRUE(nodes.claim(mine));
  auto other = make_node("n1", 1);
  EXPECT_EQ(nodes.claim(other).error().code, Errc::kAlreadyExists);
  EXPECT_EQ(nodes.get("n1")->pid, ::getpid());
  ASSERT_TRUE(nodes.claim(mine));  // ourselves again
  ASSERT_TRUE(nodes.claim(other, true));
  // Our pid with another start time is another process: the node is dead.
  mine.pid_start_ticks += 1;
  ASSERT_TRUE(nodes.claim(mine, true));
  other.created_at = 9;
  ASSERT_TRUE(nodes.claim(other));
  EXPECT_EQ(other.tcp_listener_address, "127.0.0.1:4000");  // kept
  EXPECT_EQ(other.created_at, 5u);
  EXPECT_TRUE(other.is_default);
}

TEST_P(StoreState, ALateStopDoesNotMarkTheNextProcessAsStopped) {
  auto state = open();
  auto node = make_node("n1", 41);
  ASSERT_TRUE(state->nodes().claim(node, true));
  ASSERT_TRUE(state->nodes().set_stopped("n1", 40));
  EXPECT_EQ(state->nodes().get("n1")->pid, 41);
  ASSERT_TRUE(state->nodes().set_stopped("n1", 41));
  EXPECT_EQ(state->nodes().get("n1")->pid, 0);
}

TEST_P(StoreState, DeletingANodeTakesAllItCarries) {
  auto state = open();
  for (const char* name : {"n1", "n2"}) {
    auto node = make_node(name);
    ASSERT_TRUE(state->nodes().claim(node));
    ASSERT_TRUE(state->resources().put({name, kResourceInlet, "i", "{}"}));
    ASSERT_TRUE(state->policies().put({name, PolicyScope::kResource, "i", "a", "true"}));
    ASSERT_TRUE(state->credentials().put({name, "Ia", "Ib", "s", {1}, 9}));
    ASSERT_TRUE(state->attributes().put({name, "Ib", {1}, 1, 9, "Ia"}));
  }
  ASSERT_TRUE(state->nodes().remove("n1"));
  EXPECT_TRUE(state->resources().list("n1")->empty());
  EXPECT_TRUE(state->policies().list("n1")->empty());
  EXPECT_TRUE(state->credentials().list("n1")->empty());
  EXPECT_TRUE(state->attributes().list("n1", 2)->empty());
  EXPECT_EQ(state->resources().list("n2")->size(), 1u);
  EXPECT_EQ(state->policies().list("n2")->size(), 1u);
  EXPECT_EQ(state->credentials().list("n2")->size(), 1u);
  EXPECT_EQ(state->attributes().list("n2", 2)->size(), 1u);
}

TEST_P(StoreState, ResourcesComeBackInOrderForRestore) {
  auto state = open();
  auto& resources = state->resources();
  ASSERT_TRUE(resources.put({"n", kResourceRelay, "z", R"({"a":1})"}));
  ASSERT_TRUE(resources.put({"n", kResourceInlet, "a", "{}"}));
  ASSERT_TRUE(resources.put({"n", kResourceRelay, "z", R"({"a":2})"}));
  ASSERT_TRUE(resources.put({"n", kResourceRelay, "b", "{}"}));
  const auto relays = resources.list("n", kResourceRelay);
  ASSERT_EQ(relays->size(), 2u);
  EXPECT_EQ((*relays)[0].options, R"({"a":2})");
  EXPECT_EQ((*relays)[1].name, "b");
  EXPECT_EQ(resources.list("n")->size(), 3u);
  EXPECT_EQ(resources.remove("n", kResourceInlet, "nope").error().code, Errc::kNotFound);
  ASSERT_TRUE(resources.remove("n", kResourceInlet, "a"));
  EXPECT_EQ(resources.get("n", kResourceInlet, "a").error().code, Errc::kNotFound);
  ASSERT_TRUE(resources.clear("n"));
  EXPECT_TRUE(resources.list("n")->empty());
}

TEST_P(StoreState, IdentitiesKeepTheirDefaultAndTheirUsers) {
  auto state = open();
  ASSERT_TRUE(state->vaults().create("v"));
  auto& identities = state->identities();
  IdentityRecord a{"a", identifier_of('a'), "v", false};
  IdentityRecord b{"b", identifier_of('b'), "v", false};
  ASSERT_TRUE(identities.create(a, as_bytes("ha")));
  ASSERT_TRUE(identities.create(b, as_bytes("hb")));
  EXPECT_TRUE(a.is_default);
  EXPECT_FALSE(b.is_default);
  IdentityRecord again{"a", identifier_of('c'), "", false};
  EXPECT_EQ(identities.create(again, {}).error().code, Errc::kAlreadyExists);
  IdentityRecord lost{"c", identifier_of('c'), "nowhere", false};
  EXPECT_EQ(identities.create(lost, {}).error().code, Errc::kNotFound);
  auto node = make_node("n1");
  node.identity_name = "a";
  ASSERT_TRUE(state->nodes().claim(node));
  const auto refused = identities.remove("a");
  EXPECT_EQ(refused.error().code, Errc::kRefused);
  EXPECT_EQ(refused.error().detail, "n1");
  EXPECT_EQ(identities.set_default("nobody").error().code, Errc::kNotFound);
  EXPECT_EQ(identities.get_default()->name, "a");
  // Importing a known identifier renames it, in its nodes too.
  IdentityRecord renamed{"a2", identifier_of('a'), "", false};
  ASSERT_TRUE(identities.create(renamed, {}));
  EXPECT_EQ(renamed.vault_name, "v");
  EXPECT_TRUE(renamed.is_default);
  EXPECT_EQ(state->nodes().get("n1")->identity_name, "a2");
  EXPECT_EQ(**state->histories().find(identifier_of('a')), to_bytes(as_bytes("ha")));
  ASSERT_TRUE(state->nodes().remove("n1"));
  ASSERT_TRUE(identities.remove("a2"));
  EXPECT_EQ(identities.get_default()->name, "b");
  EXPECT_FALSE(*state->histories().find(identifier_of('a')));
}

TEST_P(StoreState, VaultsFollowTheRulesOfTheOriginal) {
  auto state = open();
  auto& vaults = state->vaults();
  EXPECT_EQ(vaults.get_default_or_create()->name, "default");
  EXPECT_EQ(vaults.get_default_or_create()->path, "");
  EXPECT_EQ(vaults.create("default").error().code, Errc::kAlreadyExists);
  const auto second = vaults.create("two");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->path, home() + "/vault-two");
  EXPECT_FALSE(second->is_default);
  EXPECT_EQ(vaults.get_default_or_create().error().code, Errc::kRefused);
  std::ofstream(home() + "/taken") << "precious";
  EXPECT_EQ(vaults.create("t", home() + "/taken").error().code, Errc::kAlreadyExists);
  IdentityRecord a{"a", identifier_of('a'), "two", false};
  ASSERT_TRUE(state->identities().create(a, {}));
  const auto refused = vaults.remove("two");
  EXPECT_EQ(refused.error().code, Errc::kRefused);
  EXPECT_EQ(refused.error().detail, "a");
  ASSERT_TRUE(state->identities().remove("a"));
  ASSERT_TRUE(vaults.remove("two"));
  EXPECT_FALSE(std::filesystem::exists(second->path));
  EXPECT_EQ(vaults.move("default", home() + "/x").error().code, Errc::kUnsupported);
  EXPECT_EQ(vaults.create("../evil").error().code, Errc::kInvalid);
}

TEST_P(StoreState, DeletingTheDatabaseVaultErasesItsPurposeKeys) {
  auto state = open();
  ASSERT_TRUE(state->vaults().create("v"));
  ASSERT_TRUE(state->purpose_keys().put("I1", kPurposeSecureChannel, as_bytes("pk")));
  ASSERT_TRUE(state->vaults().remove("v"));
  EXPECT_FALSE(*state->purpose_keys().find("I1", kPurposeSecureChannel));
}

TEST_P(StoreState, AHistoryIsComparedAndReplacedInOneStep) {
  auto state = open();
  auto& histories = state->histories();
  const auto refuse = [](const std::optional<Bytes>&) -> Result<std::optional<Bytes>> {
    return fail(Errc::kRefused, "conflict");
  };
  const auto store = [](const std::optional<Bytes>& stored) -> Result<std::optional<Bytes>> {
    if (stored) return std::optional<Bytes>();
    return std::optional<Bytes>(Bytes{1, 2});
  };
  EXPECT_EQ(histories.update("I1", refuse).error().code, Errc::kRefused);
  EXPECT_FALSE(*histories.find("I1"));
  ASSERT_TRUE(histories.update("I1", store));
  ASSERT_TRUE(histories.update("I1", store));
  EXPECT_EQ(**histories.find("I1"), (Bytes{1, 2}));
}

TEST_P(StoreState, ExpiredOrForeignAttributesAreNotGiven) {
  auto state = open();
  auto& attributes = state->attributes();
  ASSERT_TRUE(attributes.put({"n", "Is", {7}, 10, 100, "Ia"}));
  EXPECT_TRUE(*attributes.find("n", "Is", "Ia", 99));
  EXPECT_FALSE(*attributes.find("n", "Is", "Ia", 100));
  EXPECT_FALSE(*attributes.find("n", "Is", "Iother", 50));
  EXPECT_FALSE(*attributes.find("m", "Is", "Ia", 50));
  ASSERT_TRUE(attributes.put({"n", "It", {8}, 10, std::nullopt, "Ia"}));
  ASSERT_TRUE(attributes.remove_expired("n", 100));
  EXPECT_EQ(attributes.list("n", 0)->size(), 1u);
}

TEST_P(StoreState, AnEnrollmentTokenIsUsedNoMoreOftenThanAllowed) {
  auto state = open();
  auto& authority = state->authority();
  using Redeemed = AuthorityTables::Redeemed;
  const AuditRecord line{0, "A", 10, "I", "local", "x", "", "{}"};
  ASSERT_TRUE(authority.put_token({"code", "ref", "Ia", 10, 100, 2, {1, 2}}, line));
  const auto redeem = [&](const char* code, const char* who, std::uint64_t now) {
    return *authority.redeem(code, now, {"A", who, "", now, false, {}}, line);
  };
  EXPECT_EQ(redeem("other", "I1", 50), Redeemed::kUnknownToken);
  EXPECT_EQ(redeem("code", "I1", 100), Redeemed::kUnknownToken);
  EXPECT_EQ(redeem("code", "I1", 50), Redeemed::kDone);
  EXPECT_EQ(redeem("code", "I1", 50), Redeemed::kAlreadyMember) << "and the token keeps its use";
  EXPECT_EQ((*authority.find_member("A", "I1"))->attributes, (Bytes{1, 2}));
  EXPECT_EQ((*authority.find_member("A", "I1"))->added_by, "Ia");
  EXPECT_EQ(redeem("code", "I2", 50), Redeemed::kDone);
  EXPECT_EQ(redeem("code", "I3", 50), Redeemed::kUnknownToken);
  EXPECT_FALSE(*authority.find_member("A", "I3"));
}

TEST_P(StoreState, EveryChangeOfAMemberIsInTheLogAndTheLogOnlyGrows) {
  auto state = open();
  auto& authority = state->authority();
  const auto line = [](const char* action, const char* subject) {
    return AuditRecord{0, "A", 7, "Iactor", "1.2.3.4:5", action, subject, "{}"};
  };
  ASSERT_TRUE(authority.put_member({"A", "I1", "A", 1, true, {1}}, line("added", "I1")));
  ASSERT_TRUE(authority.put_member({"A", "I2", "A", 1, false, {}}, line("added", "I2")));
  ASSERT_TRUE(authority.replace_pre_trusted("A", {{"A", "I3", "A", 2, true, {}}}, line("set", "")));
  ASSERT_TRUE(authority.replace_pre_trusted("A", {{"A", "I3", "A", 3, true, {}}}, line("set", "")));
  EXPECT_FALSE(*authority.find_member("A", "I1"));
  EXPECT_TRUE(*authority.find_member("A", "I2"));
  EXPECT_TRUE(*authority.remove_member("A", "I2", line("removed", "I2")));
  EXPECT_FALSE(*authority.remove_member("A", "I2", line("removed", "I2")));
  const auto log = *authority.log("A", 0, 100);
  ASSERT_EQ(log.size(), 4u) << "what changes nothing is no line";
  EXPECT_EQ(log[3].action, "removed");
  EXPECT_EQ(log[3].origin, "1.2.3.4:5");
  EXPECT_EQ(authority.log("A", log[1].sequence, 1)->at(0).action, "set");
  const auto revoked = *authority.revocations("A");
  ASSERT_EQ(revoked.size(), 2u);
  EXPECT_EQ(revoked[0].identifier, "I1") << "no longer pre-trusted";
  EXPECT_EQ(revoked[1].identifier, "I2");
  EXPECT_FALSE(state->database()->execute("DELETE FROM authority_log"));
  EXPECT_FALSE(state->database()->execute("UPDATE authority_log SET actor = 'me'"));
  ASSERT_TRUE(authority.put_member({"A", "I2", "A", 9, false, {}}, line("added", "I2")));
  EXPECT_EQ(authority.revocations("A")->size(), 1u) << "a member again";
}

TEST_P(StoreState, PoliciesCredentialsAndProjectsAreReplacedNotDoubled) {
  auto state = open();
  PolicyRecord policy{"n", PolicyScope::kResourceType, "tcp-inlet", "handle_message", "true"};
  ASSERT_TRUE(state->policies().put(policy));
  policy.expression = "false";
  ASSERT_TRUE(state->policies().put(policy));
  const auto found =
      state->policies().find("n", PolicyScope::kResourceType, "tcp-inlet", "handle_message");
  EXPECT_EQ((*found)->expression, "false");
  EXPECT_FALSE(*state->policies().find("n", PolicyScope::kResource, "tcp-inlet", "handle_message"));

  ASSERT_TRUE(state->credentials().put({"n", "Ia", "Is", "p", {1}, 5}));
  ASSERT_TRUE(state->credentials().put({"n", "Ia", "Is", "p", {2}, 6}));
  EXPECT_EQ((*state->credentials().find("n", "Ia", "Is", "p"))->credential, Bytes{2});

  ProjectRecord p1{"1", "one", false, "{}"};
  ProjectRecord p2{"2", "two", false, "{}"};
  ASSERT_TRUE(state->projects().put(p1));
  ASSERT_TRUE(state->projects().put(p2));
  EXPECT_TRUE(p1.is_default);
  EXPECT_FALSE(p2.is_default);
  ASSERT_TRUE(state->projects().put(p2, true));
  EXPECT_EQ(state->projects().get_default()->name, "two");
  ASSERT_TRUE(state->projects().remove("two"));
  EXPECT_EQ(state->projects().get_default()->name, "one");
}

}  // namespace
}  // namespace weir
