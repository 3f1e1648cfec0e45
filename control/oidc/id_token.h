// ID tokens (OpenID Connect Core section 2): compact JWS, signed with RS256 or ES256 by a key of
// the provider's JWKS (RFC 7515, 7517). No other algorithm is known here, least of all "none".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::oidc {

inline constexpr std::size_t kSigningKeysMax = 64;
inline constexpr std::uint64_t kClockSkewS = 60;

struct SigningKeyOfProvider {
  std::string key_id;  // may be empty
  bool is_rsa = true;
  Bytes modulus;  // RSA
  Bytes exponent;
  Bytes point;  // P-256, 04 || x || y
};
using ProviderKeys = std::vector<SigningKeyOfProvider>;

// kInvalid. Keys of other kinds and for other uses are left out.
Result<ProviderKeys> parse_keys(std::string_view document);

struct ExpectedToken {
  std::string issuer;
  std::string client_id;
  std::string nonce;  // compared where the token has one; empty: not
  std::uint64_t now_s = 0;
};
struct IdClaims {
  std::string subject;
  nlohmann::json claims;  // an object
};

// kNotFound: no key of that name (the provider may have new ones); kRefused: the signature or a
// claim is not what it must be; kInvalid: no token. The texts hold nothing of the token but the
// names of its issuer, audience and algorithm.
Result<IdClaims> verify_id_token(std::string_view token, const ProviderKeys& keys,
                                 const ExpectedToken& expected);

}  // namespace weir::oidc
