// An authority, a member that guards a service, and a member that uses it, whole nodes in virtual
// time: what rights are worth while members come and go, the authority dies and comes back, clocks
// jump and connections break.
//
// WEIR_TRUST_SEEDS=FROM..TO runs more seeds than the test suite does.
#include <cstdlib>

#include "control/authority/authority.h"
#include "control/store/state.h"
#include "tests/unit/control/node_world.h"
#include "tests/unit/control/store_testing.h"

namespace weir::test {
namespace {

constexpr std::uint16_t kAuthorityPort = 4000;
constexpr std::uint16_t kBankPort = 4100;
constexpr std::uint64_t kLifeS = 600;
// What is promised: live rights end this long after a revocation (while the authority can be
// asked), and a member is served again this long after the last disturbance.
constexpr std::uint64_t kRevokedMs = 60'000;
constexpr std::uint64_t kRetryLimitMs = 480'000;

class TrustWorld {
 public:
  explicit TrustWorld(std::uint64_t seed, bool disturbed = true)
      : rng(seed),
        breaks(disturbed && seed % 3 == 0),
        world(1, seed, breaks ? rough() : SimParameters{}) {
    // Identities are older than any jump of the clock: nobody can attest before he existed.
    world.clock.jump(10 * 86'400);
    start_authority();
    NodeConfig config = member_config("bank");
    bank = &world.start(bank_persona, kBankPort, config, bank_state.get());
    ana = &world.start(ana_persona, 0, member_config("ana"), ana_state.get());
    admin = &world.start(admin_persona, 0, {});
  }

  static SimParameters rough() {
    SimParameters parameters;
    parameters.reset = 40;
    return parameters;
  }

  NodeConfig member_config(const char* name) {
    NodeConfig config;
    config.name = name;
    config.authorities = {authority_persona.id};
    config.credential_source = CredentialSource{
        authority_persona.id, wire::MultiAddr::parse(authority_route()).value(), "member"};
    return config;
  }
  static std::string authority_route() {
    return "/ip4/127.0.0.1/tcp/" + std::to_string(kAuthorityPort) + "/service/api";
  }

  void start_authority() {
    NodeConfig config;
    config.name = "authority";
    AuthorityConfig settings;
    settings.identity = authority_persona.id;
    settings.project_id = "p";
    settings.credential_life_s = kLifeS;
    settings.trusted = {{admin_persona.id, attributes_of({{"ockam-role", "enroller"}})},
                        {bank_persona.id, {}}};
    config.authority = settings;
    authority = &world.start(authority_persona, kAuthorityPort, config, authority_state.get());
    note("authority up");
    disturbed_ms = world.now_ms();
    authority_up_ms = world.now_ms();
  }
  void kill_authority() {
    world.kill(*authority);
    authority = nullptr;
    note("authority killed");
    disturbed_ms = world.now_ms();
  }

  Result<wire::Response> ask(wire::Method method, const std::string& path,
                             std::optional<Bytes> body = std::nullopt) {
    const wire::Request request{1, path, method, body.has_value(), body.value_or(Bytes{})};
    std::string to = authority_route();
    to.replace(to.rfind("/service/"), 9, "/secure/");
    auto answer = world.message(*admin, to + "/service/direct_authenticator",
                                wire::encode_request(request), 5'000);
    if (!answer) return pass(answer);
    return wire::decode_response(*answer);
  }
  // What the caller knows: an operation that was not answered may or may not have been done.
  void set_member(bool member) {
    const Identifier who = ana_persona.id;
    const auto done = member ? ask(wire::Method::kPost, "/", AddMember{who, {}}.encode())
                             : ask(wire::Method::kDelete, "/" + who.text());
    const bool sure = done && done->status == wire::ApiStatus::kOk;
    if (sure && member != is_member.value_or(!member)) changed_ms = world.now_ms();
    is_member = sure ? std::optional<bool>(member) : std::nullopt;
    if (!sure) changed_ms = world.now_ms();
    note(member ? (sure ? "member" : "perhaps a member") : (sure ? "removed" : "perhaps removed"));
  }

  bool served_by_new_channel() {
    const auto echo =
        world.message(*ana, World::at(*bank) + "/secure/api/service/echo", {1}, 3'000);
    return echo.has_value();
  }
  bool served_by_live_channel() {
    if (live.empty()) {
      const auto made = world.channel(*ana, World::at(*bank) + "/service/api", {}, 3'000);
      if (!made) return false;
      live = made->encryptor;
    }
    const auto echo = world.message(*ana, "/service/" + live + "/service/echo", {1}, 2'000);
    // A channel that was asked for stays on a connection that broke; whoever wants another makes
    // it.
    if (!echo && (breaks || !ana->node.show_secure_channel(live))) live.clear();
    return echo.has_value();
  }

  // What must be true now.
  void check(bool served, const char* how) {
    note((std::string(how) + (served ? ": served" : ": refused")).c_str());
    const std::uint64_t now = world.now_ms();
    const std::uint64_t since_change = now - changed_ms;
    served_members += is_member == true && served ? 1 : 0;
    refused_others += is_member == false && !served ? 1 : 0;
    if (is_member == false && served) {
      const bool could_be_told = authority != nullptr && now - authority_up_ms > kRevokedMs;
      if (could_be_told) {
        EXPECT_LT(since_change, kRevokedMs) << how << ": served after the revocation";
      }
      if (set_back_ms < changed_ms) {
        EXPECT_LT(since_change, (kLifeS + 10) * 1000) << how << ": served after the credential";
      }
    }
    if (is_member == true && !served && authority != nullptr &&
        now - std::max({disturbed_ms, changed_ms}) > kRetryLimitMs) {
      ++refused_in_a_row;
      EXPECT_LT(refused_in_a_row, 5) << how << ": a member is locked out at " << now << " ms";
    } else {
      refused_in_a_row = 0;
    }
  }

  void note(const char* what) {
    world.log.push_back("---- " + std::to_string(world.now_ms()) + " ms: " + what);
  }
  void turn() {
    world.sleep_ms(rng.next_u64() % 40'000);
    switch (rng.next_u64() % 12) {
      case 0:
        set_member(false);
        break;
      case 1:
      case 2:
        set_member(true);
        break;
      case 3:
        if (authority != nullptr) kill_authority();
        break;
      case 4:
      case 5:
        if (authority == nullptr) start_authority();
        break;
      case 6: {
        if (rng.next_u64() % 4 != 0) break;
        const auto by = static_cast<std::int64_t>(rng.next_u64() % 4000) - 2000;
        world.clock.jump(by);
        note(("clock jumps by " + std::to_string(by) + " s").c_str());
        if (by < 0) set_back_ms = world.now_ms();
        disturbed_ms = world.now_ms();
        break;
      }
      case 7:
        world.sleep_ms(kRetryLimitMs + 20'000);
        [[fallthrough]];
      default:
        check(served_by_new_channel(), "a new channel");
        check(served_by_live_channel(), "a live channel");
    }
  }

  SeededRng rng;
  bool breaks;  // connections do
  World world;
  Persona& authority_persona = world.persona();
  Persona& bank_persona = world.persona();
  Persona& ana_persona = world.persona();
  Persona& admin_persona = world.persona();
  std::unique_ptr<State> authority_state = open_state({});
  std::unique_ptr<State> bank_state = open_state({});
  std::unique_ptr<State> ana_state = open_state({});
  SimNode* authority = nullptr;
  SimNode* bank = nullptr;
  SimNode* ana = nullptr;
  SimNode* admin = nullptr;
  std::string live;
  std::optional<bool> is_member = false;
  std::uint64_t changed_ms = 0;
  std::uint64_t disturbed_ms = 0;
  std::uint64_t authority_up_ms = 0;
  std::uint64_t set_back_ms = 0;
  int refused_in_a_row = 0;
  int served_members = 0;
  int refused_others = 0;
};

TEST(TrustWorld, AMemberIsServedAndAStrangerIsNot) {
  TrustWorld trust(1, false);
  EXPECT_FALSE(trust.served_by_new_channel());
  trust.set_member(true);
  // Its own credential is asked for again within the pause after the first refusal.
  trust.world.sleep_ms(20'000);
  EXPECT_TRUE(trust.served_by_new_channel());
  EXPECT_TRUE(trust.served_by_live_channel());
}

TEST(TrustWorld, ALiveChannelLosesItsRightsWithinAMinuteOfTheRemoval) {
  TrustWorld trust(2, false);
  trust.set_member(true);
  trust.world.sleep_ms(20'000);
  ASSERT_TRUE(trust.served_by_live_channel());
  trust.set_member(false);
  const std::uint64_t began = trust.world.now_ms();
  while (trust.served_by_live_channel() && trust.world.now_ms() - began < 100'000) {
    trust.world.sleep_ms(500);
  }
  EXPECT_LT(trust.world.now_ms() - began, kRevokedMs);
  EXPECT_FALSE(trust.live.empty()) << "the channel itself stays";
}

TEST(TrustWorld, ARemovalReachesTheNodesWithinASecond) {
  TrustWorld trust(5, false);
  trust.set_member(true);
  trust.world.sleep_ms(40'000);
  ASSERT_TRUE(trust.served_by_live_channel());
  trust.set_member(false);
  trust.world.sleep_ms(1'000);
  EXPECT_FALSE(trust.served_by_live_channel());
  EXPECT_FALSE(trust.served_by_new_channel());
  // The watch is there again after the authority was away.
  trust.set_member(true);
  trust.world.sleep_ms(1'000);
  EXPECT_TRUE(trust.served_by_live_channel()) << "the credential counts again";
  trust.kill_authority();
  trust.world.sleep_ms(60'000);
  trust.start_authority();
  trust.world.sleep_ms(30'000);
  trust.set_member(false);
  trust.world.sleep_ms(1'000);
  EXPECT_FALSE(trust.served_by_live_channel());
}

TEST(TrustWorld, ACredentialIsRenewedInALiveChannelBeforeItEnds) {
  TrustWorld trust(3, false);
  trust.set_member(true);
  trust.world.sleep_ms(20'000);
  ASSERT_TRUE(trust.served_by_live_channel());
  const std::string channel = trust.live;
  for (std::uint64_t waited = 0; waited < 3 * kLifeS; waited += 30) {
    trust.world.sleep_ms(30'000);
    ASSERT_TRUE(trust.served_by_live_channel()) << "after " << waited << " s";
  }
  EXPECT_EQ(trust.live, channel);
}

TEST(TrustWorld, RightsEndWithTheCredentialWhenTheAuthorityIsGone) {
  TrustWorld trust(4, false);
  trust.set_member(true);
  trust.world.sleep_ms(20'000);
  ASSERT_TRUE(trust.served_by_live_channel());
  trust.kill_authority();
  trust.world.sleep_ms((kLifeS + 5) * 1000);
  EXPECT_FALSE(trust.served_by_live_channel());
  trust.start_authority();
  trust.world.sleep_ms(kRetryLimitMs);
  EXPECT_TRUE(trust.served_by_live_channel()) << "the same channel again";
}

TEST(TrustWorld, NoRightOutlivesItsReasonAndNoMemberIsLockedOut) {
  std::uint64_t from = 1;
  std::uint64_t to = 25;
  if (const char* seeds = std::getenv("WEIR_TRUST_SEEDS")) {
    char* rest = nullptr;
    from = std::strtoull(seeds, &rest, 10);
    to = *rest == '.' ? std::strtoull(rest + 2, nullptr, 10) : from;
  }
  int served = 0;
  int refused = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TrustWorld trust(seed);
    for (int turn = 0; turn < 60 && !HasFailure(); ++turn) trust.turn();
    served += trust.served_members;
    refused += trust.refused_others;
    if (HasFailure()) {
      for (const std::string& line : trust.world.log) std::printf("%s\n", line.c_str());
      return;
    }
  }
  std::printf("seeds %llu..%llu: %d times served as a member, %d times refused as none\n",
              static_cast<unsigned long long>(from), static_cast<unsigned long long>(to), served,
              refused);
  EXPECT_GT(served, 3 * static_cast<int>(to - from));
  EXPECT_GT(refused, 3 * static_cast<int>(to - from));
}

}  // namespace
}  // namespace weir::test
