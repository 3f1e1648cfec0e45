// Members by the word of an identity provider: what an authority is configured with, what it asks,
// and the bodies of the requests. Decoding is total: kInvalid.
//
//   okta           Ockam's (spec/04 8.7): POST v0/enroll {1: 0, 2: access token}
//   weir_provider  ours:  GET  /           {1: issuer, 2: client id, 3: scopes, 4?: certificates}
//                         POST /v0/enroll  {1: access token, 2: ID token}
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identifier.h"
#include "control/oidc/claims.h"
#include "control/oidc/device_flow.h"
#include "control/oidc/provider.h"
#include "control/oidc/token_check.h"

namespace weir {

inline constexpr char kOktaAddress[] = "okta";
inline constexpr char kProviderAddress[] = "weir_provider";
inline constexpr char kProviderEnrollPath[] = "/v0/enroll";

struct OidcEnrollment {
  oidc::Provider provider;
  oidc::ClaimPolicy claims;

  Status check() const;
};

// As Ockam: the only checks are that the tenant takes the access token, and its certificate.
struct OktaEnrollment {
  std::string tenant_base_url;
  std::string certificate;  // PEM
  std::vector<std::string> attributes;

  Status check() const;
};

// What a client must know to let somebody sign in.
struct ProviderDescription {
  oidc::Provider provider;

  Bytes encode() const;
  // Also checked as oidc::check_provider does.
  static Result<ProviderDescription> decode(ByteSpan body);
};

Bytes encode_provider_tokens(const oidc::Tokens& tokens);
Result<oidc::Tokens> decode_provider_tokens(ByteSpan body);
// Without an ID token.
Bytes encode_okta_token(const oidc::Tokens& tokens);
Result<oidc::Tokens> decode_okta_token(ByteSpan body);

// Asked for in the ID token, where the provider does that: a token that was made for one identity
// is then worth nothing in another's hands.
std::string enrollment_nonce(const Identifier& who);

// What must be asked outside the authority.
struct ProviderQuestion {
  bool okta = false;
  oidc::Tokens tokens;
  std::string nonce;
  std::uint64_t now_s = 0;
};
// False, and `answered` is never called: too many are under way. Else it is called exactly once, on
// the caller's thread, now or later.
using AskProvider = std::function<bool(ProviderQuestion question,
                                       std::function<void(Result<oidc::Person>)> answered)>;

}  // namespace weir
