// An authority that makes members by an identity provider's word: who becomes one, who does not,
// what the log says, and what a provider that is slow or away can do to it.
#include "control/authority/provider_enrollment.h"

#include <atomic>
#include <deque>
#include <thread>

#include "control/authority/authority.h"
#include "control/authority/config_json.h"
#include "control/node/executor.h"
#include "tests/unit/control/identity_fixture.h"
#include "tests/unit/control/provider_script.h"
#include "tests/unit/control/store_testing.h"

namespace weir::test {
namespace {

using wire::ApiStatus;
using wire::Method;

OidcEnrollment oidc_settings() {
  OidcEnrollment settings;
  settings.provider = ProviderScript::settings();
  settings.claims.rules = {*oidc::ClaimRule::parse("department=team"),
                           *oidc::ClaimRule::parse("groups[ops]=ockam-role=enroller")};
  settings.claims.required = {*oidc::RequiredClaim::parse("groups=staff")};
  return settings;
}

struct World {
  World() {
    AuthorityConfig config;
    own = config.identity = (*node.identities.create())->identifier();
    config.project_id = "p";
    admin = (*node.identities.create())->identifier();
    config.trusted = {{admin, attributes_of({{"ockam-role", "enroller"}})}};
    config.oidc = oidc_settings();
    config.okta = OktaEnrollment{kIssuer, "PEM", {"department", "groups"}};
    authority = std::make_unique<Authority>(
        config, state->authority(), node.identities, node.rng,
        [](const auto&, const auto&) { return std::optional<AttributeMap>(); });
    CHECK(authority->start().has_value());
    authority->ask_provider = [this](ProviderQuestion question, auto answered) {
      if (is_busy) return false;
      questions.push_back({std::move(question), std::move(answered)});
      return true;
    };
  }
  Identifier stranger() { return (*node.identities.create())->identifier(); }
  // The provider answers the oldest question.
  void answer(Result<oidc::Person> person) {
    auto [question, answered] = std::move(questions.front());
    questions.pop_front();
    answered(std::move(person));
  }
  static oidc::Person ana() {
    return {"ana", {{"sub", "ana"}, {"department", "analysis"}, {"groups", {"staff"}}}};
  }

  std::shared_ptr<std::optional<wire::Response>> ask(AuthorityService service,
                                                     std::optional<Identifier> from, Method method,
                                                     const std::string& path,
                                                     std::optional<Bytes> body = std::nullopt) {
    const wire::Request request{7, path, method, body.has_value(), body.value_or(Bytes{})};
    auto got = std::make_shared<std::optional<wire::Response>>();
    authority->handle(service, {from, "10.0.0.1:1"}, wire::encode_request(request),
                      [got](const Bytes& answer) {
                        CHECK(!got->has_value());  // once
                        *got = wire::decode_response(answer).value();
                      });
    return got;
  }
  auto enroll(const Identifier& who, AuthorityService service = AuthorityService::kProvider) {
    const auto tokens = ProviderScript::tokens("secret-id-token");
    const bool okta = service == AuthorityService::kOkta;
    return ask(service, who, Method::kPost, okta ? "v0/enroll" : "/v0/enroll",
               okta ? encode_okta_token(tokens) : encode_provider_tokens(tokens));
  }
  std::map<std::string, std::string> attributes(const Identifier& who) {
    const auto member = *state->authority().find_member(own.text(), who.text());
    if (!member) return {{"no", "member"}};
    return attribute_texts(*decode_attributes(member->attributes));
  }
  std::vector<AuditRecord> log() { return *state->authority().log(own.text(), 0, 1000); }

  MemoryNode node;
  std::unique_ptr<State> state = open_state({});
  Identifier own;
  Identifier admin;
  std::unique_ptr<Authority> authority;
  struct Asked {
    ProviderQuestion question;
    std::function<void(Result<oidc::Person>)> answered;
  };
  std::deque<Asked> questions;
  bool is_busy = false;
};

std::string message_of(const wire::Response& response) {
  return wire::response_error(response).message.value_or("");
}

using Attributes = std::map<std::string, std::string>;
const Attributes kNobody = {{"no", "member"}};

TEST(ProviderEnrollment, AMemberHasWhatTheMappingSaysAndTheLogSaysWhose) {
  World world;
  const Identifier who = world.stranger();
  const auto got = world.enroll(who);
  EXPECT_FALSE(got->has_value()) << "not before the provider has answered";
  EXPECT_EQ(world.questions.front().question.nonce, enrollment_nonce(who));
  world.answer(World::ana());
  EXPECT_EQ((*got)->status, ApiStatus::kOk);
  EXPECT_FALSE((*got)->has_body);
  EXPECT_EQ(world.attributes(who), (Attributes{{"team", "analysis"}, {"sub", "ana"}}));
  const AuditRecord line = world.log().back();
  EXPECT_EQ(line.action, "member-enrolled");
  EXPECT_EQ(line.actor, who.text());
  EXPECT_EQ(line.origin, "10.0.0.1:1");
  EXPECT_NE(line.detail.find("\"subject\":\"ana\""), std::string::npos) << line.detail;
  EXPECT_NE(line.detail.find(kIssuer), std::string::npos);
  const auto member = **world.state->authority().find_member(world.own.text(), who.text());
  EXPECT_EQ(member.added_by, who.text()) << "as Ockam";
  // Changed at the provider: the next sign-in says so.
  auto other = World::ana();
  other.claims["department"] = "sales";
  other.claims["groups"] = {"staff", "ops"};
  world.enroll(who);
  world.answer(std::move(other));
  EXPECT_EQ(world.attributes(who),
            (Attributes{{"team", "sales"}, {"sub", "ana"}, {"ockam-role", "enroller"}}));
  world.enroll(who);
  world.answer(World::ana());
  EXPECT_EQ(world.attributes(who), (Attributes{{"team", "analysis"}, {"sub", "ana"}}))
      << "a role that the provider gave goes with it";
  // Removed, he is revoked until he signs in again.
  const auto revoked = [&world] {
    const auto listed = world.ask(AuthorityService::kRevocations, world.admin, Method::kGet, "/");
    return Revocations::decode((*listed)->body)->identifiers->size();
  };
  world.ask(AuthorityService::kDirectAuthenticator, world.admin, Method::kDelete, "/" + who.text());
  EXPECT_EQ(revoked(), 1u);
  world.enroll(who);
  world.answer(World::ana());
  EXPECT_EQ(revoked(), 0u);
}

TEST(ProviderEnrollment, RefusalsChangeNothingAndAreLoggedWithoutTokens) {
  World world;
  const Identifier who = world.stranger();
  auto guest = World::ana();
  guest.claims["groups"] = {"guests"};
  const struct {
    Result<oidc::Person> person;
    ApiStatus status;
    const char* words;
  } cases[] = {
      {fail(Errc::kRefused, "the ID token has expired"), ApiStatus::kForbidden, "has expired"},
      {fail(Errc::kInvalid, "the ID token is malformed"), ApiStatus::kForbidden, "malformed"},
      {guest, ApiStatus::kForbidden, "groups=staff is needed"},
      {fail(Errc::kIo, "the provider fails", "status 503"), ApiStatus::kInternalServerError,
       "cannot be asked"},
      {fail(Errc::kTimeout, "the provider cannot be reached"), ApiStatus::kInternalServerError,
       "cannot be asked"}};
  for (const auto& one : cases) {
    const auto got = world.enroll(who);
    world.answer(one.person);
    EXPECT_EQ((*got)->status, one.status) << one.words;
    EXPECT_NE(message_of(**got).find(one.words), std::string::npos) << message_of(**got);
    EXPECT_EQ(world.attributes(who), kNobody);
    EXPECT_EQ(world.log().back().action, "enrollment-refused");
  }
  for (const AuditRecord& line : world.log()) {
    EXPECT_EQ(line.detail.find("token\""), std::string::npos) << line.detail;
    EXPECT_EQ(line.detail.find("secret"), std::string::npos) << line.detail;
  }
  auto many = World::ana();
  many.claims["department"] = std::string(2000, 'x');
  const auto got = world.enroll(who);
  world.answer(many);
  EXPECT_EQ(world.attributes(who), (Attributes{{"sub", "ana"}})) << "an absurd claim is left out";
  for (int i = 0; i < 100; ++i) {
    world.enroll(who);
    world.answer(fail(Errc::kRefused, "no"));
  }
  EXPECT_LE(world.log().size(), 30u) << "strangers do not fill the disk";
}

TEST(ProviderEnrollment, RightsThatAnOperatorGaveAreNotAProviders) {
  World world;
  for (const auto service : {AuthorityService::kProvider, AuthorityService::kOkta}) {
    const auto got = world.enroll(world.admin, service);
    EXPECT_EQ((*got)->status, ApiStatus::kForbidden);
    EXPECT_EQ(message_of(**got), "Already a member");
  }
  EXPECT_TRUE(world.questions.empty());
  EXPECT_EQ(world.attributes(world.admin), (Attributes{{"ockam-role", "enroller"}}));
  // Made an enroller by the admin while the provider was thinking.
  const Identifier who = world.stranger();
  const auto got = world.enroll(who);
  const auto made =
      world.ask(AuthorityService::kDirectAuthenticator, world.admin, Method::kPost, "/",
                AddMember{who, attributes_of({{"ockam-role", "enroller"}})}.encode());
  ASSERT_EQ((*made)->status, ApiStatus::kOk);
  world.answer(World::ana());
  EXPECT_EQ((*got)->status, ApiStatus::kForbidden);
  EXPECT_EQ(world.attributes(who), (Attributes{{"ockam-role", "enroller"}}));
  // What an admin says of a member is not lost by signing in again.
  const Identifier suspended = world.stranger();
  world.ask(AuthorityService::kDirectAuthenticator, world.admin, Method::kPost, "/",
            AddMember{suspended, attributes_of({{"suspended", "true"}})}.encode());
  EXPECT_EQ(message_of(**world.enroll(suspended)), "Already a member");
  EXPECT_EQ(world.attributes(suspended), (Attributes{{"suspended", "true"}}));
}

TEST(ProviderEnrollment, OneAtATimeForEachIdentityAndAClearAnswerWhenBusy) {
  World world;
  const Identifier who = world.stranger();
  world.enroll(who);
  auto got = world.enroll(who);
  EXPECT_EQ((*got)->status, ApiStatus::kConflict);
  world.answer(fail(Errc::kIo, "away"));
  world.is_busy = true;
  got = world.enroll(who);
  EXPECT_EQ((*got)->status, ApiStatus::kConflict);
  EXPECT_NE(message_of(**got).find("try again"), std::string::npos);
  world.is_busy = false;
  got = world.enroll(who);
  world.answer(World::ana());
  EXPECT_EQ((*got)->status, ApiStatus::kOk);
  world.authority->ask_provider = nullptr;
  EXPECT_EQ((*world.enroll(world.stranger()))->status, ApiStatus::kConflict);
}

TEST(ProviderEnrollment, OktaAnswersAsOckamDoes) {
  World world;
  const Identifier who = world.stranger();
  const auto okta = AuthorityService::kOkta;
  // Byte-exact: {1: 0, 2: token}.
  const Bytes body = *from_hex(
      "a2010002"
      "6161");
  EXPECT_EQ(decode_okta_token(body)->access_token, "a");
  EXPECT_EQ(encode_okta_token(*decode_okta_token(body)), body);
  auto got = world.ask(okta, who, Method::kPost, "v0/enroll", body);
  world.answer(oidc::Person{
      "", {{"department", "analysis"}, {"groups", {"x"}}, {"ockam-role", "enroller"}}});
  EXPECT_EQ((*got)->status, ApiStatus::kOk);
  EXPECT_FALSE((*got)->has_body);
  EXPECT_EQ(world.attributes(who), (Attributes{{"department", "analysis"}})) << "texts of the list";
  for (const Errc code : {Errc::kRefused, Errc::kIo}) {
    got = world.ask(okta, world.stranger(), Method::kPost, "/v0/enroll", body);
    world.answer(fail(code, "the tenant says no"));
    EXPECT_EQ((*got)->status, ApiStatus::kForbidden);
    EXPECT_EQ(message_of(**got), "Forbidden");
  }
  got = world.ask(okta, std::nullopt, Method::kPost, "v0/enroll", body);
  EXPECT_EQ((*got)->status, ApiStatus::kForbidden);
  EXPECT_EQ((*got)->re, 7u);
  EXPECT_EQ(message_of(**got), "secure channel required");
  got = world.ask(okta, who, Method::kGet, "v0/enroll");
  EXPECT_EQ((*got)->status, ApiStatus::kMethodNotAllowed);
  EXPECT_EQ((*world.ask(okta, who, Method::kPost, "/", body))->status, ApiStatus::kBadRequest);
  for (const char* bad : {"", "a0", "a10100",
                          "a2010102"
                          "6161",
                          "a2010002"
                          "60",
                          "a10261", "80"}) {
    got = world.ask(okta, who, Method::kPost, "v0/enroll", *from_hex(bad));
    EXPECT_EQ((*got)->status, ApiStatus::kBadRequest) << bad;
  }
}

TEST(ProviderEnrollment, AnybodyMayAskWhichProviderItIs) {
  World world;
  const auto service = AuthorityService::kProvider;
  auto got = world.ask(service, world.stranger(), Method::kGet, "/");
  EXPECT_EQ((*got)->status, ApiStatus::kOk);
  EXPECT_EQ(ProviderDescription::decode((*got)->body)->provider, ProviderScript::settings());
  EXPECT_EQ((*world.ask(service, std::nullopt, Method::kGet, "/"))->status, ApiStatus::kBadRequest);
  EXPECT_EQ((*world.ask(service, world.stranger(), Method::kDelete, "/"))->status,
            ApiStatus::kBadRequest);
  for (const char* bad : {"", "a0", "a10161", "a1016161", "a20161610260", "ff"}) {
    got = world.ask(service, world.stranger(), Method::kPost, "/v0/enroll", *from_hex(bad));
    EXPECT_EQ((*got)->status, ApiStatus::kBadRequest) << bad;
    EXPECT_FALSE(ProviderDescription::decode(*from_hex(bad))) << bad;
  }
  World without;
  AuthorityConfig plain = without.authority->config();
  plain.oidc.reset();
  plain.okta.reset();
  without.authority = std::make_unique<Authority>(
      plain, without.state->authority(), without.node.identities, without.node.rng,
      [](const auto&, const auto&) { return std::optional<AttributeMap>(); });
  got = without.ask(service, without.stranger(), Method::kGet, "/");
  EXPECT_EQ((*got)->status, ApiStatus::kNotFound);
  EXPECT_EQ(message_of(**got), "No identity provider is configured");
}

TEST(ProviderEnrollment, SettingsSurviveTheirTextAndDamagedOnesStopTheAuthority) {
  AuthoritySettings settings;
  settings.config.oidc = oidc_settings();
  settings.config.okta = OktaEnrollment{"https://tenant.example.org/oauth2", "PEM", {"a", "b"}};
  const auto read = authority_from_json(authority_json(settings));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(authority_json(*read), authority_json(settings));
  EXPECT_EQ(read->config.oidc->claims, settings.config.oidc->claims);
  for (const char* bad :
       {R"({"oidc":5})", R"({"oidc":{}})", R"({"okta":[]})", R"({"okta":{"certificate":"x"}})",
        R"({"oidc":{"issuer":"http://x.example","client_id":"x","scope":"openid"}})"}) {
    EXPECT_FALSE(authority_from_json(bad)) << bad;
  }
}

TEST(HelperThreads, ABlockedLookupDelaysNobodyAndALimitHolds) {
  std::atomic<int> woken = 0;
  std::atomic<bool> go = false;
  int done = 0;
  HelperThreads threads([&woken] { ++woken; }, 2);
  const auto work = [&go](const std::atomic<bool>& stop) {
    while (!go && !stop) std::this_thread::yield();
  };
  EXPECT_TRUE(threads.run(work, [&done] { ++done; }));
  EXPECT_TRUE(threads.run(work, [&done] { ++done; }));
  EXPECT_FALSE(threads.run(work, [&done] { ++done; }));
  threads.poll();
  EXPECT_EQ(done, 0);
  go = true;
  while (woken < 2) std::this_thread::yield();
  threads.poll();
  EXPECT_EQ(done, 2);
  EXPECT_TRUE(threads.run(work, [&done] { ++done; })) << "there is room again";
  go = false;
  EXPECT_TRUE(threads.run(work, [&done] { ++done; })) << "is stopped when the executor goes";
}

}  // namespace
}  // namespace weir::test
