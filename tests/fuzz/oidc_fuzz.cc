// What an identity provider says, and the tokens that a stranger sends. The first byte chooses.
// Nothing may crash, no token without our key may count, and what is shown to people is printable.
#include <algorithm>

#include "base/check.h"
#include "base/rng.h"
#include "control/authority/provider_enrollment.h"
#include "control/oidc/claims.h"
#include "control/oidc/device_flow.h"
#include "control/oidc/id_token.h"
#include "control/oidc/json_text.h"
#include "crypto/sign.h"

namespace {

using namespace weir;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

void try_provider(std::string_view text) {
  (void)oidc::check_url(text);
  if (const auto endpoints = oidc::parse_discovery("https://id.example.org", text)) {
    CHECK(oidc::check_url(endpoints->token) && oidc::check_url(endpoints->jwks));
  } else {
    CHECK(is_printable(endpoints.error().text()));
  }
}

void try_flow(std::string_view text) {
  if (const auto code = oidc::parse_device_authorization(text)) {
    CHECK(is_printable(code->user_code) && oidc::check_url(code->verification_uri));
    CHECK(code->interval_s >= 1 && code->interval_s <= 60 && code->expires_in_s >= 1);
  }
  for (const int status : {200, 400}) {
    const oidc::TokenAnswer answer = oidc::parse_token_answer(status, text);
    CHECK(is_printable(answer.error.text()));
    CHECK((answer.outcome == oidc::Polled::kTokens) == !answer.tokens.access_token.empty());
  }
}

void try_keys(std::string_view text) {
  const auto keys = oidc::parse_keys(text);
  if (!keys) return;
  CHECK(keys->size() <= oidc::kSigningKeysMax);
  const oidc::ExpectedToken expected{"i", "c", "", 1};
  // RFC 7515's form: {"alg":"RS256"} and {"alg":"ES256"}, an empty payload, a short signature.
  for (const char* token : {"eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"}) {
    CHECK(!oidc::verify_id_token(token, *keys, expected));
  }
}

void try_token(std::string_view text) {
  static const oidc::ProviderKeys keys = [] {
    SeededRng rng(1);
    const VerifyingKey known = public_key(generate_signing_key(KeyKind::kP256, rng)).value();
    oidc::SigningKeyOfProvider ec;
    ec.is_rsa = false;
    ec.point = known.bytes;
    oidc::SigningKeyOfProvider rsa;
    rsa.modulus = Bytes(256, 0xc5);
    rsa.exponent = {1, 0, 1};
    return oidc::ProviderKeys{ec, rsa};
  }();
  const auto claims = oidc::verify_id_token(text, keys, {"i", "c", "n", 1'750'000'000});
  CHECK(!claims && is_printable(claims.error().text()));
}

void try_claims(std::string_view text) {
  const auto rule = oidc::ClaimRule::parse(text);
  if (rule) {
    const auto again = oidc::ClaimRule::parse(rule->text());
    CHECK(again && *again == *rule);
  }
  const auto json = oidc::parse_object(text, "x");
  if (!json) return;
  oidc::ClaimPolicy policy;
  for (const char* one : {"a=b", "groups[x]=y", "sub=s"}) {
    policy.rules.push_back(*oidc::ClaimRule::parse(one));
  }
  const auto attributes = oidc::attributes_by(policy, *json);
  CHECK(attributes && attributes->size() <= 3);
  policy.required = {*oidc::RequiredClaim::parse("a=b")};
  (void)oidc::attributes_by(policy, *json);
}

void try_bodies(ByteSpan input) {
  if (const auto description = ProviderDescription::decode(input)) {
    const auto again = ProviderDescription::decode(description->encode());
    CHECK(again && again->provider == description->provider);
  }
  if (const auto tokens = decode_provider_tokens(input)) {
    const auto again = decode_provider_tokens(encode_provider_tokens(*tokens));
    CHECK(again && again->id_token == tokens->id_token);
  }
  if (const auto token = decode_okta_token(input)) {
    const auto again = decode_okta_token(encode_okta_token(*token));
    CHECK(again && again->access_token == token->access_token);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      try_provider(as_text(input));
      break;
    case 1:
      try_flow(as_text(input));
      break;
    case 2:
      try_keys(as_text(input));
      break;
    case 3:
      try_token(as_text(input));
      break;
    case 4:
      try_claims(as_text(input));
      break;
    default:
      try_bodies(input);
  }
  return 0;
}
