// OpenID Connect against a provider that is played line by line: what is taken, what is refused,
// and how long it waits.
#include <gtest/gtest.h>

#include <set>

#include "control/oidc/claims.h"
#include "control/oidc/device_flow.h"
#include "control/oidc/id_token.h"
#include "tests/unit/control/provider_script.h"

namespace weir::test {
namespace {

using Json = nlohmann::json;
using oidc::Polled;

TEST(OidcProvider, PlainHttpAndStrangeUrlsAreRefused) {
  for (const char* good : {"https://id.example.org", "https://id.example.org:8443/a/b?c=d",
                           "https://[2001:db8::1]/x", "http://localhost", "http://localhost:1/x",
                           "http://127.0.0.1:4000/x", "http://127.9.8.7/", "http://[::1]:80/x"}) {
    EXPECT_TRUE(oidc::check_url(good)) << good;
  }
  const std::string long_url = "https://id.example.org/" + std::string(4000, 'x');
  for (const std::string& bad : std::initializer_list<std::string>{
           "", "id.example.org", "ftp://id.example.org", "http://id.example.org",
           "http://localhost.example.org", "http://127.0.0.1.example.org", "http://127.0.0.1@evil/",
           "http://localhost:1@evil/", "https://user:pw@id.example.org/", "https://", "https:///x",
           "https://id.example.org/#f", "https://id.example.org/ x", "https://id.example.org\\@x",
           "https://id.example.org/\n", "file:///etc/passwd", "http://[::2]/", "HTTP://localhost",
           long_url}) {
    EXPECT_FALSE(oidc::check_url(bad)) << bad;
  }
  EXPECT_NE(oidc::check_url("http://id.example.org").error().text().find("https"),
            std::string::npos);
}

TEST(OidcProvider, ADocumentOfAnotherIssuerIsRefused) {
  Json document = ProviderScript::discovery();
  EXPECT_TRUE(oidc::parse_discovery(kIssuer, document.dump()));
  for (const char* other : {"https://id.example.org/realm/", "https://id.example.org", "",
                            "https://ID.example.org/realm"}) {
    document["issuer"] = other;
    EXPECT_FALSE(oidc::parse_discovery(kIssuer, document.dump())) << other;
  }
  for (const char* key : {"issuer", "token_endpoint", "userinfo_endpoint", "jwks_uri"}) {
    document = ProviderScript::discovery();
    document[key] = 5;
    EXPECT_FALSE(oidc::parse_discovery(kIssuer, document.dump())) << key;
    document[key] = "http://plain.example.org/x";
    EXPECT_FALSE(oidc::parse_discovery(kIssuer, document.dump())) << key;
    document.erase(key);
    EXPECT_FALSE(oidc::parse_discovery(kIssuer, document.dump())) << key;
  }
  for (const char* bad : {"", "[]", "{", "null", "\"x\"", "{}"}) {
    EXPECT_FALSE(oidc::parse_discovery(kIssuer, bad)) << bad;
  }
  EXPECT_FALSE(
      oidc::parse_discovery(kIssuer, "{\"issuer\":\"" + std::string(300'000, 'x') + "\"}"));
}

TEST(OidcProvider, SettingsWithoutOpenidAreRefused) {
  oidc::Provider provider = ProviderScript::settings();
  EXPECT_TRUE(oidc::check_provider(provider));
  provider.scope = "profile";
  EXPECT_FALSE(oidc::check_provider(provider));
  provider = ProviderScript::settings();
  provider.client_id = "a\nb";
  EXPECT_FALSE(oidc::check_provider(provider));
  provider = ProviderScript::settings();
  provider.issuer += "?x=y";
  EXPECT_FALSE(oidc::check_provider(provider));
}

Json code_document() {
  return {{"device_code", "secret-device-code"},
          {"user_code", "ABCD-EFGH"},
          {"verification_uri", "https://id.example.org/device"},
          {"verification_uri_complete", "https://id.example.org/device?user_code=ABCD-EFGH"},
          {"expires_in", 60},
          {"interval", 2}};
}

TEST(OidcDeviceFlow, CodesThatCouldHarmATerminalAreRefused) {
  const auto good = oidc::parse_device_authorization(code_document().dump());
  ASSERT_TRUE(good);
  EXPECT_EQ(good->interval_s, 2u);
  Json bare = code_document();
  bare.erase("interval");
  bare.erase("verification_uri_complete");
  bare["expires_in"] = "60";
  EXPECT_EQ(oidc::parse_device_authorization(bare.dump())->interval_s, 5u);
  const std::pair<const char*, Json> wrong[] = {{"user_code", "A\x1b[2J"},
                                                {"user_code", ""},
                                                {"user_code", std::string(65, 'A')},
                                                {"user_code", nullptr},
                                                {"verification_uri", "javascript:x"},
                                                {"verification_uri", "http://evil.example.org"},
                                                {"verification_uri", "https://x/\x07"},
                                                {"device_code", ""},
                                                {"device_code", 1},
                                                {"expires_in", 0},
                                                {"expires_in", -1},
                                                {"expires_in", "soon"}};
  for (const auto& [key, value] : wrong) {
    Json document = code_document();
    document[key] = value;
    EXPECT_FALSE(oidc::parse_device_authorization(document.dump())) << key << " " << value;
  }
}

struct Flow {
  Flow() {
    flow.device_authorization = std::string(kIssuer) + "/device";
    flow.token = std::string(kIssuer) + "/token";
    flow.client_id = kClient;
    flow.scope = "openid";
    flow.nonce = "n&n";
    code = *oidc::parse_device_authorization(code_document().dump());
  }
  void answer(int status, const Json& body) {
    provider.scripts["/token"].push_back({status, body.dump()});
  }
  void refuse(const char* error) { answer(400, {{"error", error}}); }
  Result<oidc::Tokens> wait() {
    const oidc::Waiting waiting{clock,
                                [this](std::uint64_t ms) {
                                  sleeps_ms.push_back(ms);
                                  clock.ns += ms * kNsPerMs;
                                  return sleeps_ms.size() < patience;
                                },
                                [this](const std::string& words) { said.push_back(words); }};
    return oidc::wait_for_tokens(provider.http(), flow, code, waiting);
  }
  struct ManualClock final : Clock {
    std::uint64_t now_ns() override { return ns; }
    std::uint64_t unix_seconds() override { return kTokenTimeS; }
    std::uint64_t ns = 1;
  };

  ProviderScript provider;
  oidc::DeviceFlow flow;
  oidc::DeviceAuthorization code;
  ManualClock clock;
  std::vector<std::uint64_t> sleeps_ms;
  std::vector<std::string> said;
  std::size_t patience = 1000;
};

const Json kGoodTokens = {{"access_token", "a"}, {"id_token", "i"}, {"token_type", "Bearer"}};

TEST(OidcDeviceFlow, WaitsAsTheProviderWants) {
  Flow flow;
  flow.refuse("authorization_pending");
  flow.refuse("slow_down");
  flow.refuse("authorization_pending");
  flow.answer(200, kGoodTokens);
  const auto tokens = flow.wait();
  ASSERT_TRUE(tokens) << tokens.error().text();
  EXPECT_EQ(tokens->access_token + tokens->id_token, "ai");
  EXPECT_EQ(flow.sleeps_ms, (std::vector<std::uint64_t>{2000, 2000, 7000, 7000}));
  const HttpCall& call = flow.provider.calls.front();
  EXPECT_EQ(call.body,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=secret-"
            "device-code&client_id=weir");
}

TEST(OidcDeviceFlow, AProviderThatIsAwayIsAskedEverMoreSlowlyUntilTheCodeExpires) {
  Flow flow;
  flow.provider.down.insert("/token");
  auto tokens = flow.wait();
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code, Errc::kTimeout);
  EXPECT_EQ(tokens.error().text(), "the code has expired");
  EXPECT_EQ(flow.sleeps_ms.front(), 2000u);
  EXPECT_EQ(flow.sleeps_ms[2], 8000u);
  EXPECT_EQ(flow.said.size(), 1u) << "told once";
  Flow back;
  back.answer(503, {});
  back.provider.scripts["/token"].push_back({500, "<html>"});
  back.answer(200, kGoodTokens);
  EXPECT_TRUE(back.wait());
  EXPECT_EQ(back.said.size(), 2u) << "away, and back";
}

TEST(OidcDeviceFlow, EveryRefusalEndsItWithItsReason) {
  const struct {
    const char* error;
    Errc code;
    const char* words;
  } refusals[] = {{"access_denied", Errc::kRefused, "the sign-in was denied"},
                  {"expired_token", Errc::kTimeout, "the code has expired"},
                  {"invalid_grant", Errc::kRefused, "the provider refuses: invalid_grant"},
                  {"a\x1b[0m", Errc::kRefused, "the provider refuses: a?[0m"}};
  for (const auto& refusal : refusals) {
    Flow flow;
    flow.refuse(refusal.error);
    const auto tokens = flow.wait();
    ASSERT_FALSE(tokens);
    EXPECT_EQ(tokens.error().code, refusal.code);
    EXPECT_EQ(tokens.error().text(), refusal.words);
  }
  for (const Json& nonsense :
       {Json{}, Json{{"access_token", "a"}}, Json{{"access_token", ""}, {"token_type", "Bearer"}},
        Json{{"access_token", 1}, {"token_type", "Bearer"}}, Json::array(),
        Json{{"access_token", "a"}, {"token_type", "mac"}}}) {
    Flow flow;
    flow.answer(200, nonsense);
    const auto tokens = flow.wait();
    ASSERT_FALSE(tokens) << nonsense;
    EXPECT_EQ(tokens.error().code, Errc::kInvalid);
  }
  Flow bored;
  bored.patience = 1;
  EXPECT_EQ(bored.wait().error().code, Errc::kShutdown);
  Flow plain;
  plain.flow.device_authorization.clear();
  EXPECT_EQ(oidc::request_device_code(plain.provider.http(), plain.flow).error().code,
            Errc::kUnsupported);
}

// --- ID tokens

oidc::ExpectedToken expected(std::string nonce = "") {
  return {kIssuer, kClient, std::move(nonce), kTokenTimeS};
}

Result<oidc::IdClaims> verified(const ProviderScript& provider, const std::string& token,
                                std::string nonce = "") {
  return oidc::verify_id_token(token, *oidc::parse_keys(provider.keys.dump()),
                               expected(std::move(nonce)));
}

TEST(OidcIdToken, OnlyAFreshTokenOfThisIssuerForThisClientCounts) {
  const ProviderScript provider;
  const auto good = verified(provider, provider.token(ProviderScript::claims()));
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->subject, "ana");
  const std::pair<const char*, Json> taken[] = {{"aud", Json::array({kClient})},
                                                {"exp", kTokenTimeS - 59},
                                                {"iat", kTokenTimeS + 59},
                                                {"nonce", "mine"}};
  for (const auto& [key, value] : taken) {
    Json claims = ProviderScript::claims();
    claims[key] = value;
    EXPECT_TRUE(verified(provider, provider.token(claims), "mine")) << key << " " << value;
  }
  const std::pair<const char*, Json> refused[] = {{"iss", "https://id.example.org"},
                                                  {"iss", nullptr},
                                                  {"aud", "other"},
                                                  {"aud", Json::array({"other"})},
                                                  {"aud", Json::array({kClient, "other"})},
                                                  {"aud", nullptr},
                                                  {"exp", kTokenTimeS - 60},
                                                  {"exp", "never"},
                                                  {"exp", nullptr},
                                                  {"iat", kTokenTimeS + 61},
                                                  {"iat", nullptr},
                                                  {"nonce", "another's"},
                                                  {"nonce", 5},
                                                  {"sub", ""},
                                                  {"sub", 5},
                                                  {"sub", std::string(256, 'x')}};
  for (const auto& [key, value] : refused) {
    Json claims = ProviderScript::claims();
    claims[key] = value;
    EXPECT_FALSE(verified(provider, provider.token(claims), "mine")) << key << " " << value;
  }
  Json several = ProviderScript::claims();
  several["aud"] = Json::array({"other", kClient});
  several["azp"] = kClient;
  EXPECT_TRUE(verified(provider, provider.token(several)));
}

TEST(OidcIdToken, NoSignatureNoToken) {
  const ProviderScript provider;
  const std::string good = provider.token(ProviderScript::claims());
  const auto dot = good.rfind('.');
  const std::string body = good.substr(0, dot + 1);
  std::string altered = good;
  altered[good.find('.') + 5] = altered[good.find('.') + 5] == 'x' ? 'y' : 'x';
  for (const std::string& bad : std::initializer_list<std::string>{
           "", ".", "..", "...", "a.b.c", good + ".x", body, body + "AAAA",
           body + std::string(86, 'A'), altered, good.substr(0, good.size() - 2), "=" + good,
           good + "=", std::string(40'000, 'a')}) {
    EXPECT_FALSE(verified(provider, bad)) << bad.substr(0, 40);
  }
  const Json claims = ProviderScript::claims();
  for (const Json& header :
       {Json{{"alg", "none"}}, Json{{"alg", "HS256"}}, Json{{"alg", "RS256"}}, Json::object(),
        Json{{"alg", "ES256"}, {"kid", "two"}}, Json{{"alg", "ES256"}, {"crit", {"x"}}}}) {
    EXPECT_FALSE(verified(provider, provider.token(claims, header))) << header;
  }
  EXPECT_EQ(
      verified(provider, provider.token(claims, {{"alg", "ES256"}, {"kid", "two"}})).error().code,
      Errc::kNotFound)
      << "there may be a new key";
  EXPECT_TRUE(verified(provider, provider.token(claims, {{"alg", "ES256"}})));
  const ProviderScript other(8);
  EXPECT_FALSE(verified(provider, other.token(claims)));
}

TEST(OidcIdToken, KeysOfOtherKindsAreLeftOut) {
  ProviderScript provider;
  Json mixed = provider.keys;
  mixed["keys"].insert(mixed["keys"].begin(), {{{"kty", "oct"}, {"k", "c2VjcmV0"}},
                                               {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AA"}},
                                               {{"kty", "EC"}, {"crv", "P-384"}, {"x", "AA"}},
                                               {{"kty", "RSA"}, {"n", "AA"}},
                                               {{"kty", "RSA"}, {"use", "enc"}}});
  EXPECT_EQ(oidc::parse_keys(mixed.dump())->size(), 1u);
  for (const char* bad : {"", "{}", "[]", R"({"keys":5})", R"({"keys":[5]})"}) {
    EXPECT_FALSE(oidc::parse_keys(bad)) << bad;
  }
  Json many = {{"keys", Json::array()}};
  for (int i = 0; i < 100; ++i) many["keys"].push_back(provider.keys["keys"][0]);
  EXPECT_FALSE(oidc::parse_keys(many.dump()));
}

// --- the authority's check

TEST(OidcTokenCheck, APersonIsWhoTheProviderSays) {
  ProviderScript provider;
  oidc::TokenCheck check(ProviderScript::settings(), provider.http());
  const std::string token = provider.token(ProviderScript::claims());
  auto person = check.check(ProviderScript::tokens(token), "", kTokenTimeS);
  ASSERT_TRUE(person) << person.error().text();
  EXPECT_EQ(person->subject, "ana");
  EXPECT_EQ(person->claims["department"], "analysis");
  ASSERT_TRUE(check.check(ProviderScript::tokens(token), "", kTokenTimeS + 1));
  EXPECT_EQ(provider.asked("/keys"), 1) << "keys are kept for a while";
  EXPECT_EQ(provider.asked("/userinfo"), 2) << "the provider is asked about each token";
  provider.userinfo["sub"] = "bob";
  person = check.check(ProviderScript::tokens(token), "", kTokenTimeS);
  ASSERT_FALSE(person);
  EXPECT_EQ(person.error().code, Errc::kRefused);
  provider.scripts["/userinfo"].push_back({401, ""});
  EXPECT_EQ(check.check(ProviderScript::tokens(token), "", kTokenTimeS).error().code,
            Errc::kRefused);
  oidc::Tokens hostile = ProviderScript::tokens(token);
  hostile.access_token = "x\r\nhost: evil";
  EXPECT_EQ(check.check(hostile, "", kTokenTimeS).error().code, Errc::kRefused);
}

TEST(OidcTokenCheck, GarbageCostsTheProviderNothing) {
  ProviderScript provider;
  oidc::TokenCheck check(ProviderScript::settings(), provider.http());
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(check.check(ProviderScript::tokens("a.b.c"), "", kTokenTimeS));
    const std::string unknown =
        provider.token(ProviderScript::claims(), {{"alg", "ES256"}, {"kid", "two"}});
    EXPECT_FALSE(check.check(ProviderScript::tokens(unknown), "", kTokenTimeS));
  }
  EXPECT_EQ(provider.asked("/userinfo"), 0);
  EXPECT_LE(provider.calls.size(), 2u);
  // But new keys are found.
  const std::string token =
      provider.token(ProviderScript::claims(), {{"alg", "ES256"}, {"kid", "two"}});
  provider.keys["keys"][0]["kid"] = "two";
  EXPECT_TRUE(check.check(ProviderScript::tokens(token), "", kTokenTimeS + 11));
}

TEST(OidcTokenCheck, AProviderThatIsAwayOrBrokenSaysNothingAboutAToken) {
  for (const char* path : {"/.well-known/openid-configuration", "/keys", "/userinfo"}) {
    const HttpReply answers[] = {{500, ""}, {503, "{}"}, {200, "<html>"}, {200, "[]"}, {429, ""}};
    for (const HttpReply& answer : answers) {
      ProviderScript provider;
      provider.scripts[path].push_back(answer);
      oidc::TokenCheck check(ProviderScript::settings(), provider.http());
      const auto person = check.check(
          ProviderScript::tokens(provider.token(ProviderScript::claims())), "", kTokenTimeS);
      ASSERT_FALSE(person) << path;
      EXPECT_EQ(person.error().code, Errc::kIo) << path << " " << answer.status;
    }
    ProviderScript provider;
    provider.down.insert(path);
    oidc::TokenCheck check(ProviderScript::settings(), provider.http());
    const std::string token = provider.token(ProviderScript::claims());
    EXPECT_EQ(check.check(ProviderScript::tokens(token), "", kTokenTimeS).error().code, Errc::kIo);
    provider.down.clear();
    EXPECT_TRUE(check.check(ProviderScript::tokens(token), "", kTokenTimeS)) << "it is back";
  }
}

// --- claims

std::map<std::string, std::string> mapped(std::initializer_list<const char*> rules,
                                          const Json& claims) {
  oidc::ClaimPolicy policy;
  for (const char* rule : rules) policy.rules.push_back(*oidc::ClaimRule::parse(rule));
  return *oidc::attributes_by(policy, claims);
}

TEST(OidcClaims, OnlyWhatTheOperatorNamedBecomesAnAttribute) {
  const Json claims = {{"sub", "ana"},
                       {"team", "a"},
                       {"level", 3},
                       {"admin", true},
                       {"groups", {"dba", "ops", 5}},
                       {"address", {{"city", "x"}}},
                       {"ockam-role", "enroller"},
                       {"https://example.org/roles", {"r"}}};
  using Attributes = std::map<std::string, std::string>;
  EXPECT_EQ(mapped({}, claims), (Attributes{{"sub", "ana"}}));
  EXPECT_EQ(mapped({"sub=person"}, claims), (Attributes{{"person", "ana"}}));
  EXPECT_EQ(mapped({"team=team", "level=level", "admin=boss", "groups=groups", "address=address",
                    "none=none"},
                   claims),
            (Attributes{{"sub", "ana"}, {"team", "a"}, {"level", "3"}, {"boss", "true"}}));
  EXPECT_EQ(
      mapped({"groups[dba]=may-dump", "groups[ops]=ockam-role=enroller", "groups[x]=x",
              "https://example.org/roles[r]=r", "team[a]=same", "team[b]=other", "groups[5]=five"},
             claims),
      (Attributes{{"sub", "ana"},
                  {"may-dump", "true"},
                  {"ockam-role", "enroller"},
                  {"r", "true"},
                  {"same", "true"},
                  {"five", "true"}}));
}

TEST(OidcClaims, RulesAreWrittenInOneWay) {
  for (const char* good :
       {"a=b", "a[b]=c", "a[b]=c=d", "a[b=c]=d", "https://x/y[z]=w", "a[b]=c="}) {
    const auto rule = oidc::ClaimRule::parse(good);
    ASSERT_TRUE(rule) << good;
    EXPECT_EQ(*oidc::ClaimRule::parse(rule->text()), *rule) << good;
  }
  const std::string long_name(2000, 'x');
  for (const std::string& bad :
       std::initializer_list<std::string>{"", "a", "=", "a=", "=b", "a=b=c", "a[]=b", "[b]=c",
                                          "a[b]=", "a\xff=b", long_name + "=b"}) {
    EXPECT_FALSE(oidc::ClaimRule::parse(bad)) << bad;
  }
  for (const char* bad : {"", "a", "a=", "=b"}) EXPECT_FALSE(oidc::RequiredClaim::parse(bad));
}

TEST(OidcClaims, WhoLacksWhatIsRequiredIsRefused) {
  oidc::ClaimPolicy policy;
  policy.required = {*oidc::RequiredClaim::parse("groups=staff"),
                     *oidc::RequiredClaim::parse("verified=true")};
  EXPECT_TRUE(oidc::attributes_by(policy, {{"groups", {"x", "staff"}}, {"verified", true}}));
  for (const Json& claims :
       {Json{{"groups", {"staff"}}}, Json{{"groups", "x"}, {"verified", true}}, Json::object(),
        Json{{"groups", {{"staff", 1}}}, {"verified", true}}, Json::array()}) {
    EXPECT_FALSE(oidc::attributes_by(policy, claims)) << claims;
  }
}

}  // namespace
}  // namespace weir::test
