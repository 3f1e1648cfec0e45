// The authority: the real one's exchanges, request by request, and what it does better.
#include "control/authority/authority.h"

#include <map>

#include "control/authority/config_json.h"
#include "tests/unit/control/identity_fixture.h"
#include "tests/unit/control/store_testing.h"

namespace weir::test {
namespace {

AuthorityService service_at(const std::string& address) {
  for (const auto service :
       {AuthorityService::kDirectAuthenticator, AuthorityService::kTokenIssuer,
        AuthorityService::kTokenAcceptor, AuthorityService::kCredentialIssuer}) {
    if (address == authority_service_address(service)) return service;
  }
  ADD_FAILURE() << "no service at " << address;
  return AuthorityService::kRevocations;
}

struct World {
  explicit World(AuthorityConfig config = {}) {
    own = config.identity = (*node.identities.create())->identifier();
    if (config.project_id.empty()) config.project_id = "project-1";
    admin = (*node.identities.create())->identifier();
    config.trusted.push_back({admin, attributes_of({{"ockam-role", "enroller"}})});
    authority = std::make_unique<Authority>(
        config, state->authority(), node.identities, node.rng,
        [this](const Identifier& who, const Identifier&) -> std::optional<AttributeMap> {
          const auto found = attested.find(who);
          if (found == attested.end()) return std::nullopt;
          return found->second;
        });
    CHECK(authority->start().has_value());
  }
  Identifier stranger() { return (*node.identities.create())->identifier(); }

  wire::Response ask(AuthorityService service, const std::optional<Identifier>& from,
                     wire::Method method, const std::string& path,
                     std::optional<Bytes> body = std::nullopt) {
    wire::Request request{7, path, method, body.has_value(), body.value_or(Bytes{})};
    const Bytes answer =
        authority->handle(service, {from, "10.0.0.1:1"}, wire::encode_request(request));
    auto response = wire::decode_response(answer);
    CHECK(response.has_value());
    return *response;
  }
  wire::ApiStatus add(const Identifier& from, const Identifier& who,
                      const std::map<std::string, std::string>& attributes) {
    return *ask(AuthorityService::kDirectAuthenticator, from, wire::Method::kPost, "/",
                AddMember{who, attributes_of(attributes)}.encode())
                .status;
  }
  OneTimeCode token(const CreateToken& request) {
    return *OneTimeCode::decode(
        ask(AuthorityService::kTokenIssuer, admin, wire::Method::kPost, "/", request.encode())
            .body);
  }
  wire::Response redeem(const Identifier& who, const OneTimeCode& code) {
    return ask(AuthorityService::kTokenAcceptor, who, wire::Method::kPost, "/", code.encode());
  }

  MemoryNode node;
  std::unique_ptr<State> state = open_state({});
  std::map<Identifier, AttributeMap> attested;
  Identifier own;
  Identifier admin;
  std::unique_ptr<Authority> authority;
};

std::string message_of(const wire::Response& response) {
  return wire::response_error(response).message.value_or("");
}

// A body with random or local parts by its meaning: times and who attested are the run's own.
void expect_same_body(const Json& exchange, const wire::Response& ours, ByteSpan real) {
  const std::string what = exchange["what"];
  if (what.starts_with("create token")) {
    EXPECT_TRUE(OneTimeCode::decode(real) && OneTimeCode::decode(ours.body)) << what;
  } else if (what.starts_with("get credential")) {
    const auto theirs = CredentialAndPurposeKey::decode(real)->content();
    const auto mine = CredentialAndPurposeKey::decode(ours.body)->content();
    EXPECT_EQ(mine->attributes, theirs->attributes) << what;
    EXPECT_EQ(mine->schema, theirs->schema);
    EXPECT_EQ(mine->subject, theirs->subject);
    EXPECT_EQ(mine->expires_at_s - mine->created_at_s, theirs->expires_at_s - theirs->created_at_s);
  } else if (what.starts_with("list members")) {
    auto theirs = *decode_member_list(real);
    auto mine = *decode_member_list(ours.body);
    const auto by_id = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::sort(theirs.begin(), theirs.end(), by_id);
    std::sort(mine.begin(), mine.end(), by_id);
    ASSERT_EQ(mine.size(), theirs.size()) << what;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      EXPECT_EQ(mine[i].first, theirs[i].first) << what;
      EXPECT_EQ(mine[i].second.attributes, theirs[i].second.attributes) << what;
      EXPECT_EQ(mine[i].second.attested_by, theirs[i].second.attested_by) << what;
      // The same bytes again.
      EXPECT_EQ(MemberEntry::decode(theirs[i].second.encode())->encode(),
                theirs[i].second.encode());
    }
  } else if (what == "show member") {
    MemberEntry mine = *MemberEntry::decode(ours.body);
    const MemberEntry theirs = *MemberEntry::decode(real);
    mine.added_at_s = theirs.added_at_s;
    EXPECT_EQ(mine.encode(), to_bytes(real)) << what;
  } else {
    EXPECT_EQ(ours.body, to_bytes(real)) << what;
  }
}

TEST(AuthorityVectors, EveryExchangeOfTheRealAuthority) {
  const Json& all = vectors("api.json");
  const Json& set_up = all["authority"];
  MemoryNode node;
  const auto add = [&node](const Json& one) {
    const SigningKey key = signing_key(KeyKind::kEd25519, one["identity_secret"]);
    return node.secrets.import_signing_key(key);
  };
  add(set_up);
  const auto own = *node.identities.import_bytes(hex(set_up["change_history"]));
  ASSERT_EQ(own->identifier().text(), set_up["identifier"].get<std::string>());
  AuthorityConfig config;
  config.identity = own->identifier();
  config.project_id = set_up["project_identifier"];
  std::map<std::string, Identifier> callers;
  for (const Json& one : set_up["callers"]) {
    const ChangeOptions options{1'749'999'000, 2'750'000'000, false};  // as the vectors' were made
    const auto made = *node.identities.create_with_key(add(one), options);
    ASSERT_EQ(made->identifier().text(), one["identifier"].get<std::string>());
    callers[one["name"]] = made->identifier();
  }
  config.trusted.push_back({callers.at("enroller"), attributes_of({{"ockam-role", "enroller"}})});
  auto state = open_state({});
  Authority authority(config, state->authority(), node.identities, node.rng,
                      [](const auto&, const auto&) { return std::nullopt; });
  ASSERT_TRUE(authority.start());
  OneTimeCode last_token;
  int ran = 0;
  for (const Json& exchange : all["authority_exchanges"]) {
    if (exchange["service"] == "echo") continue;  // no envelope, no authority
    SCOPED_TRACE(exchange["what"].get<std::string>());
    const Json& asked = exchange["request"];
    wire::Request request = *wire::decode_request(hex(asked["bytes"]));
    if (exchange["what"].get<std::string>().starts_with("accept token") &&
        exchange["what"] != "accept token, unknown") {
      request.body = last_token.encode();
    }
    Caller caller;
    if (exchange["caller"].is_string()) caller.identifier = callers.at(exchange["caller"]);
    const Bytes answer =
        authority.handle(service_at(exchange["service"]), caller, wire::encode_request(request));
    const auto ours = wire::decode_response(answer);
    ASSERT_TRUE(ours);
    EXPECT_EQ(static_cast<int>(*ours->status), exchange["response"]["status"].get<int>());
    EXPECT_EQ(ours->has_body, exchange["response"]["has_body"].get<bool>());
    EXPECT_EQ(ours->re == 0, exchange["response"]["re"].get<std::uint64_t>() == 0);
    if (exchange["response"]["body"].is_string()) {
      const Bytes real = hex(exchange["response"]["body"]);
      if (ours->status == wire::ApiStatus::kOk) {
        expect_same_body(exchange, *ours, real);
      } else {
        EXPECT_EQ(ours->body, real);
      }
    }
    if (exchange["what"] == "create token") last_token = *OneTimeCode::decode(ours->body);
    ++ran;
  }
  std::printf("authority exchanges: %d\n", ran);
  EXPECT_EQ(ran + 1, static_cast<int>(all["authority_exchanges"].size()));
}

TEST(Authority, TicketsEndByUseAndByTime) {
  World world;
  const OneTimeCode twice = world.token({attributes_of({{"a", "b"}}), 600, 2});
  const Identifier one = world.stranger();
  EXPECT_EQ(world.redeem(one, twice).status, wire::ApiStatus::kOk);
  EXPECT_EQ(message_of(world.redeem(one, twice)), "Already a member");
  EXPECT_EQ(world.redeem(world.stranger(), twice).status, wire::ApiStatus::kOk);
  EXPECT_EQ(message_of(world.redeem(world.stranger(), twice)), "Unknown enrollment token");
  const OneTimeCode brief = world.token({{}, 60, std::nullopt});
  world.node.clock.now_s += 60;
  EXPECT_EQ(message_of(world.redeem(world.stranger(), brief)), "Unknown enrollment token");
}

TEST(Authority, AnEnrollerWhoIsNoAdminMayNotTouchThoseAboveHim) {
  AuthorityConfig config;
  config.account_authority = Identifier{};
  config.enforces_admin_checks = true;
  World world(config);
  const Identifier boss = world.stranger();
  world.attested[boss] = attributes_of({{"project", "project-1"}});
  const Identifier enroller = world.stranger();
  EXPECT_EQ(world.add(boss, enroller, {{"ockam-role", "enroller"}}), wire::ApiStatus::kOk);
  const Identifier other = world.stranger();
  EXPECT_EQ(world.add(enroller, other, {{"ockam-role", "enroller"}}), wire::ApiStatus::kForbidden);
  EXPECT_EQ(world.add(enroller, other, {{"x", "y"}}), wire::ApiStatus::kOk);
  EXPECT_EQ(world.add(enroller, world.admin, {}), wire::ApiStatus::kForbidden)
      << "a pre-trusted member";
  const Identifier second = world.stranger();
  EXPECT_EQ(world.add(boss, second, {{"ockam-role", "enroller"}}), wire::ApiStatus::kOk);
  EXPECT_EQ(world.add(enroller, second, {}), wire::ApiStatus::kForbidden) << "another enroller";
}

TEST(Authority, WhoIsRemovedIsRevokedUntilHeIsAMemberAgain) {
  World world;
  const Identifier who = world.stranger();
  ASSERT_EQ(world.add(world.admin, who, {}), wire::ApiStatus::kOk);
  int told = 0;
  world.authority->revocations_changed = [&told] { ++told; };
  const auto revoked = [&] {
    return *Revocations::decode(
        world.ask(AuthorityService::kRevocations, world.admin, wire::Method::kGet, "/").body);
  };
  EXPECT_TRUE(revoked().identifiers->empty());
  EXPECT_EQ(world
                .ask(AuthorityService::kDirectAuthenticator, world.admin, wire::Method::kDelete,
                     "/" + who.text())
                .status,
            wire::ApiStatus::kOk);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(revoked().identifiers, std::vector<Identifier>{who});
  EXPECT_EQ(world.ask(AuthorityService::kRevocations, who, wire::Method::kGet, "/").status,
            wire::ApiStatus::kForbidden);
  ASSERT_EQ(world.add(world.admin, who, {}), wire::ApiStatus::kOk);
  EXPECT_TRUE(revoked().identifiers->empty());
  EXPECT_EQ(told, 2);
}

TEST(Authority, WhoWaitsForRevocationsIsAMemberAndKnowsTheVersion) {
  World world;
  const Identifier who = world.stranger();
  ASSERT_EQ(world.add(world.admin, who, {}), wire::ApiStatus::kOk);
  const auto get = [](const std::string& path) {
    return wire::encode_request(wire::Request{7, path, wire::Method::kGet, false, {}});
  };
  const auto waits = [&](const std::optional<Identifier>& from, const std::string& path) {
    return world.authority->waits(AuthorityService::kRevocations, {from, "local"}, get(path));
  };
  const auto list = [&](const std::string& path) {
    return *Revocations::decode(
        world.ask(AuthorityService::kRevocations, world.admin, wire::Method::kGet, path).body);
  };
  const std::uint64_t version = list("/").version;
  const std::string next = revocations_after(version);
  EXPECT_TRUE(waits(world.admin, next));
  EXPECT_TRUE(waits(who, next));
  EXPECT_FALSE(waits(world.stranger(), next));
  EXPECT_FALSE(waits(std::nullopt, next));
  EXPECT_FALSE(waits(world.admin, "/"));
  EXPECT_FALSE(waits(world.admin, revocations_after(version - 1)));
  for (const char* bad :
       {"/after/", "/after/x", "/after/-1", "/after/1 ", "/after/99999999999999999999"}) {
    EXPECT_FALSE(waits(world.admin, bad)) << bad;
    EXPECT_EQ(
        world.ask(AuthorityService::kRevocations, world.admin, wire::Method::kGet, bad).status,
        wire::ApiStatus::kBadRequest)
        << bad;
  }
  EXPECT_FALSE(list(next).identifiers) << "it was answered because it had waited long enough";
  EXPECT_TRUE(list(revocations_after(version - 1)).identifiers);
  world.ask(AuthorityService::kDirectAuthenticator, world.admin, wire::Method::kDelete,
            "/" + who.text());
  EXPECT_FALSE(waits(world.admin, next));
  EXPECT_EQ(list(next).identifiers, std::vector<Identifier>{who});
}

TEST(Authority, MalformedRequestsAreAnsweredAndChangeNothing) {
  World world;
  const auto before = world.state->authority().log(world.own.text(), 0, 100)->size();
  for (const auto service : {AuthorityService::kDirectAuthenticator, AuthorityService::kTokenIssuer,
                             AuthorityService::kTokenAcceptor}) {
    for (const Bytes& body : {Bytes{}, Bytes{0xff}, Bytes{0xa1, 0x01}, Bytes(1000, 0x9f),
                              Bytes{0xa1, 0x01, 0x58, 0x20, 0x00}}) {
      const auto response = world.ask(service, world.admin, wire::Method::kPost, "/", body);
      EXPECT_EQ(response.status, wire::ApiStatus::kBadRequest)
          << authority_service_address(service) << " " << to_hex(body).substr(0, 40);
    }
  }
  EXPECT_TRUE(
      world.authority->handle(AuthorityService::kTokenIssuer, {world.admin, ""}, Bytes{0x05, 1, 2})
          .empty());
  AttributeMap many;
  for (int i = 0; i < 10'000; ++i) many[to_bytes(as_bytes(std::to_string(i)))] = {1};
  const auto response =
      world.ask(AuthorityService::kDirectAuthenticator, world.admin, wire::Method::kPost, "/",
                AddMember{world.stranger(), many}.encode());
  EXPECT_EQ(response.status, wire::ApiStatus::kBadRequest);
  EXPECT_EQ(world.state->authority().log(world.own.text(), 0, 100)->size(), before);
}

TEST(Authority, GuessesFillTheLogOnlySlowly) {
  World world;
  for (int i = 0; i < 100; ++i) world.redeem(world.stranger(), OneTimeCode{});
  EXPECT_LE(world.state->authority().log(world.own.text(), 0, 1000)->size(), 25u);
}

TEST(Authority, SettingsSurviveTheirText) {
  AuthoritySettings settings;
  settings.config.project_id = "p-1";
  settings.config.trusted = {{Identifier{}, attributes_of({{"ockam-role", "enroller"}})}};
  settings.config.token_enrollment = false;
  settings.config.credential_life_s = 300;
  settings.account_authority_history = "abcd";
  const auto read = authority_from_json(authority_json(settings));
  ASSERT_TRUE(read);
  EXPECT_EQ(authority_json(*read), authority_json(settings));
  for (const char* bad : {"", "[]", "{\"x\":{}}", "{\"I00\":{}}", "null"}) {
    EXPECT_FALSE(trusted_from_json(bad)) << bad;
  }
  const std::string id = Identifier{}.text();
  EXPECT_FALSE(trusted_from_json("{\"" + id + "\":{\"a\":1}}"));
  EXPECT_FALSE(trusted_from_json("{\"" + id + "\":[]}"));
  EXPECT_TRUE(trusted_from_json("{\"" + id + "\":{\"a\":\"1\"}}"));
}

}  // namespace
}  // namespace weir::test
