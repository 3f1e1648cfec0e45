#include "control/node/internal/provider_lookup.h"

#include "control/node/executor.h"
#include "control/oidc/json_text.h"

namespace weir::control {
namespace {

Result<oidc::Person> okta_person(const HttpExchange& http, const OktaEnrollment& okta,
                                 const oidc::Tokens& tokens, const std::atomic<bool>& stop) {
  std::string url = okta.tenant_base_url;
  while (url.ends_with('/')) url.pop_back();
  auto claims = oidc::ask_userinfo(http, url + "/v1/userinfo", okta.certificate,
                                   tokens.access_token, oidc::kCheckMs, &stop);
  if (!claims) return pass(claims);
  return oidc::Person{oidc::text_member(*claims, "sub", 255).value_or(""), std::move(*claims)};
}

}  // namespace

void ProviderLookup::configure(const AuthorityConfig& config) {
  http_ = core_.config.http ? core_.config.http : HttpExchange(http_exchange);
  if (config.oidc) check_ = std::make_shared<oidc::TokenCheck>(config.oidc->provider, http_);
  if (config.okta) okta_ = std::make_shared<const OktaEnrollment>(*config.okta);
}

bool ProviderLookup::ask(ProviderQuestion question,
                         std::function<void(Result<oidc::Person>)> answered) {
  struct Lookup {
    ProviderQuestion question;
    Result<oidc::Person> person = fail(Errc::kShutdown, "stopped");
  };
  auto lookup = std::make_shared<Lookup>();
  lookup->question = std::move(question);
  const bool begun =
      core_.config.executor != nullptr &&
      core_.config.executor->run(
          [lookup, http = http_, check = check_, okta = okta_](const std::atomic<bool>& stop) {
            const ProviderQuestion& asked = lookup->question;
            lookup->person = asked.okta
                                 ? okta_person(http, *okta, asked.tokens, stop)
                                 : check->check(asked.tokens, asked.nonce, asked.now_s, &stop);
          },
          [lookup, answered = std::move(answered)] { answered(std::move(lookup->person)); });
  core_.count(begun ? ControlCounter::kProviderLookups : ControlCounter::kProviderLookupsOverLimit);
  return begun;
}

}  // namespace weir::control
