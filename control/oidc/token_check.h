// The authority's side: is this token the provider's word about a person, given to our client, and
// what does it say? Blocks (HTTP): for helper threads, of which several may be in here at once.
//
// An ID token is verified before anything is asked with the access token, with keys that are kept
// for a while: a stranger's garbage costs the provider nothing.
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/oidc/device_flow.h"
#include "control/oidc/id_token.h"
#include "control/oidc/provider.h"

namespace weir::oidc {

inline constexpr std::uint32_t kCheckMs = 10'000;  // all requests of one check together

struct Person {
  std::string subject;
  nlohmann::json claims;  // of the ID token, and over them those of the userinfo endpoint
};

class TokenCheck {
 public:
  TokenCheck(Provider provider, HttpExchange http)
      : provider_(std::move(provider)), http_(std::move(http)) {}

  // kRefused, kInvalid: the tokens are worth nothing; kTimeout, kIo, kShutdown: nobody can say.
  Result<Person> check(const Tokens& tokens, const std::string& nonce, std::uint64_t now_s,
                       const std::atomic<bool>* stop = nullptr);

 private:
  struct Known {
    Endpoints endpoints;
    ProviderKeys keys;
    std::uint64_t fetched_s = 0;
  };
  class Budget;

  Result<Known> known(std::uint64_t now_s, std::uint64_t age_max_s, const Budget& budget);
  Result<IdClaims> verified(const Tokens& tokens, const std::string& nonce, std::uint64_t now_s,
                            const Budget& budget, Endpoints& endpoints);

  const Provider provider_;
  const HttpExchange http_;
  std::mutex mutex_;  // of cache_ only; never held over a request
  std::optional<Known> cache_;
};

// One GET with the access token; the object that came back. kRefused: the provider does not accept
// the token; kTimeout, kIo: it cannot be asked. Alone it is the check of Ockam's okta service
// (spec/04 8.7): a token of any client of the tenant passes.
Result<nlohmann::json> ask_userinfo(const HttpExchange& http, const std::string& url,
                                    const std::string& ca_pem, const std::string& access_token,
                                    std::uint32_t timeout_ms, const std::atomic<bool>* stop);

}  // namespace weir::oidc
