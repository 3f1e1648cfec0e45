#include "control/oidc/token_check.h"

#include "control/oidc/json_text.h"

namespace weir::oidc {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kKnownForS = 600;
// A token that names an unknown key makes us look for new keys, but not more often than this.
constexpr std::uint64_t kNewKeysAfterS = 10;

// The provider is not as configured, or says nonsense: that says nothing about a token.
std::unexpected<Error> cannot_say(Error error) {
  if (error.code != Errc::kTimeout && error.code != Errc::kShutdown) error.code = Errc::kIo;
  return std::unexpected(std::move(error));
}

}  // namespace

// What is left of the time for one check, over several requests.
class TokenCheck::Budget {
 public:
  Budget(std::uint32_t limit_ms, const std::atomic<bool>* stop)
      : stop_(stop), end_ns_(clock_.now_ns() + limit_ms * kNsPerMs) {}
  std::uint32_t left_ms() const {
    const std::uint64_t now_ns = clock_.now_ns();
    // 0 would mean no limit to libcurl.
    return now_ns >= end_ns_ ? 1 : static_cast<std::uint32_t>((end_ns_ - now_ns) / kNsPerMs + 1);
  }
  const std::atomic<bool>* stop() const { return stop_; }

 private:
  mutable SystemClock clock_;
  const std::atomic<bool>* stop_;
  std::uint64_t end_ns_;
};

Result<TokenCheck::Known> TokenCheck::known(std::uint64_t now_s, std::uint64_t age_max_s,
                                            const Budget& budget) {
  {
    const std::lock_guard lock(mutex_);
    if (cache_ && now_s - cache_->fetched_s <= age_max_s) return *cache_;
  }
  auto endpoints = discover(http_, provider_, budget.left_ms(), budget.stop());
  if (!endpoints) return cannot_say(std::move(endpoints.error()));
  HttpCall call;
  call.method = HttpMethod::kGet;
  call.url = endpoints->jwks;
  call.headers = {{"accept", "application/json"}};
  call.timeout_ms = budget.left_ms();
  call.ca_pem = provider_.ca_pem;
  call.stop = budget.stop();
  const auto reply = http_(call);
  if (!reply)
    return fail(reply.error().code, "the provider cannot be reached", reply.error().text());
  if (reply->status != 200) {
    return fail(Errc::kIo, "the provider's keys cannot be had",
                "status " + std::to_string(reply->status));
  }
  auto keys = parse_keys(reply->body);
  if (!keys) return cannot_say(std::move(keys.error()));
  Known fresh{std::move(*endpoints), std::move(*keys), now_s};
  const std::lock_guard lock(mutex_);
  cache_ = fresh;
  return fresh;
}

Result<IdClaims> TokenCheck::verified(const Tokens& tokens, const std::string& nonce,
                                      std::uint64_t now_s, const Budget& budget,
                                      Endpoints& endpoints) {
  const ExpectedToken expected{provider_.issuer, provider_.client_id, nonce, now_s};
  auto now_known = known(now_s, kKnownForS, budget);
  if (!now_known) return pass(now_known);
  auto claims = verify_id_token(tokens.id_token, now_known->keys, expected);
  if (!claims && claims.error().code == Errc::kNotFound) {
    now_known = known(now_s, kNewKeysAfterS, budget);
    if (!now_known) return pass(now_known);
    claims = verify_id_token(tokens.id_token, now_known->keys, expected);
  }
  if (!claims && claims.error().code == Errc::kNotFound) claims.error().code = Errc::kRefused;
  endpoints = std::move(now_known->endpoints);
  return claims;
}

Result<Person> TokenCheck::check(const Tokens& tokens, const std::string& nonce,
                                 std::uint64_t now_s, const std::atomic<bool>* stop) {
  if (tokens.id_token.empty()) return fail(Errc::kRefused, "an ID token is needed");
  const Budget budget(kCheckMs, stop);
  Endpoints endpoints;
  auto claims = verified(tokens, nonce, now_s, budget, endpoints);
  if (!claims) return pass(claims);
  auto info = ask_userinfo(http_, endpoints.userinfo, provider_.ca_pem, tokens.access_token,
                           budget.left_ms(), stop);
  if (!info) return pass(info);
  if (text_member(*info, "sub", 255) != claims->subject) {
    return fail(Errc::kRefused, "the access token and the ID token are of two people");
  }
  Person person{std::move(claims->subject), std::move(claims->claims)};
  person.claims.update(*info);
  return person;
}

Result<Json> ask_userinfo(const HttpExchange& http, const std::string& url,
                          const std::string& ca_pem, const std::string& access_token,
                          std::uint32_t timeout_ms, const std::atomic<bool>* stop) {
  // A header is a line.
  if (access_token.empty() || printable(access_token, kTokenBytesMax) != access_token ||
      access_token.find(' ') != std::string::npos) {
    return fail(Errc::kRefused, "the provider does not accept the access token");
  }
  HttpCall call;
  call.method = HttpMethod::kGet;
  call.url = url;
  call.headers = {{"accept", "application/json"}, {"authorization", "Bearer " + access_token}};
  call.timeout_ms = timeout_ms;
  call.ca_pem = ca_pem;
  call.stop = stop;
  const auto reply = http(call);
  for (auto& [name, value] : call.headers) wipe_text(value);
  if (!reply)
    return fail(reply.error().code, "the provider cannot be reached", reply.error().text());
  if (reply->status >= 500 || reply->status == 429) {
    return fail(Errc::kIo, "the provider fails", "status " + std::to_string(reply->status));
  }
  if (reply->status != 200) {
    return fail(Errc::kRefused, "the provider does not accept the access token",
                "status " + std::to_string(reply->status));
  }
  auto info = parse_object(reply->body, "the provider's word about the account is malformed");
  if (!info) return cannot_say(std::move(info.error()));
  return info;
}

}  // namespace weir::oidc
