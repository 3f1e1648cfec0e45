#include "control/oidc/id_token.h"

#include <algorithm>

#include "control/oidc/device_flow.h"
#include "control/oidc/json_text.h"
#include "crypto/rsa.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

namespace weir::oidc {
namespace {

using Json = nlohmann::json;

constexpr char kMalformedKeys[] = "the provider's keys are malformed";
constexpr char kMalformedToken[] = "the ID token is malformed";
constexpr std::size_t kCoordinateBytes = 32;

std::optional<Bytes> bytes_member(const Json& object, const char* key) {
  const auto text = text_member(object, key);
  return text ? base64url_decode(*text) : std::nullopt;
}

bool read_rsa(const Json& one, SigningKeyOfProvider& key) {
  auto modulus = bytes_member(one, "n");
  auto exponent = bytes_member(one, "e");
  if (!modulus || !exponent) return false;
  key.modulus = std::move(*modulus);
  key.exponent = std::move(*exponent);
  return true;
}

bool read_p256(const Json& one, SigningKeyOfProvider& key) {
  if (text_member(one, "crv") != "P-256") return false;
  const auto x = bytes_member(one, "x");
  const auto y = bytes_member(one, "y");
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) return false;
  key.is_rsa = false;
  key.point = {0x04};
  key.point.insert(key.point.end(), x->begin(), x->end());
  key.point.insert(key.point.end(), y->begin(), y->end());
  return true;
}

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view is_signed;  // header.payload
};

std::optional<Parts> split(std::string_view token) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

Result<Json> decoded(std::string_view part) {
  const auto bytes = base64url_decode(part);
  if (!bytes) return fail(Errc::kInvalid, kMalformedToken);
  return parse_object(as_text(*bytes), kMalformedToken);
}

bool verifies(const SigningKeyOfProvider& key, std::string_view message, ByteSpan signature) {
  const auto right =
      key.is_rsa ? rsa_sha256_verify(key.modulus, key.exponent, as_bytes(message), signature)
                 : verify({KeyKind::kP256, key.point}, as_bytes(message), signature);
  return right && *right;
}

Status check_signature(const Json& header, const Parts& parts, const ProviderKeys& keys) {
  const std::string algorithm = text_member(header, "alg").value_or("");
  if (algorithm != "RS256" && algorithm != "ES256") {
    return fail(Errc::kRefused, "the ID token is signed with an algorithm that is not taken",
                printable(algorithm));
  }
  if (header.contains("crit")) return fail(Errc::kRefused, "the ID token has unknown extensions");
  const auto signature = base64url_decode(parts.signature);
  if (!signature) return fail(Errc::kInvalid, kMalformedToken);
  const auto key_id = text_member(header, "kid");
  bool any = false;
  for (const SigningKeyOfProvider& key : keys) {
    if (key.is_rsa != (algorithm == "RS256")) continue;
    if (key_id && !key.key_id.empty() && key.key_id != *key_id) continue;
    any = true;
    if (verifies(key, parts.is_signed, *signature)) return {};
  }
  if (!any) return fail(Errc::kNotFound, "the provider has no key like that of the ID token");
  return fail(Errc::kRefused, "the signature of the ID token is wrong");
}

bool names_client(const Json& claims, const std::string& client_id) {
  const auto audience = claims.find("aud");
  if (audience == claims.end()) return false;
  if (audience->is_string()) return audience->get_ref<const std::string&>() == client_id;
  if (!audience->is_array()) return false;
  const bool among = std::ranges::any_of(*audience, [&](const Json& one) {
    return one.is_string() && one.get_ref<const std::string&>() == client_id;
  });
  // Of several audiences the token was issued to the one that `azp` names.
  if (audience->size() > 1) return among && text_member(claims, "azp") == client_id;
  return among;
}

Status check_claims(const Json& claims, const ExpectedToken& expected) {
  const auto issuer = text_member(claims, "iss");
  if (issuer != expected.issuer) {
    return fail(Errc::kRefused, "the ID token is of another issuer",
                printable(issuer.value_or("none")));
  }
  if (!names_client(claims, expected.client_id)) {
    return fail(Errc::kRefused, "the ID token was issued to another client");
  }
  const auto expires = number_member(claims, "exp");
  if (!expires || *expires + kClockSkewS <= expected.now_s) {
    return fail(Errc::kRefused, "the ID token has expired");
  }
  const auto issued = number_member(claims, "iat");
  if (!issued || *issued > expected.now_s + kClockSkewS) {
    return fail(Errc::kRefused, "the ID token is from the future",
                "do the clocks of the provider and of the authority agree?");
  }
  const auto nonce = claims.find("nonce");
  if (nonce != claims.end() && !expected.nonce.empty()) {
    const bool same =
        nonce->is_string() && equal_constant_time(as_bytes(nonce->get_ref<const std::string&>()),
                                                  as_bytes(expected.nonce));
    if (!same) return fail(Errc::kRefused, "the ID token was made for another identity");
  }
  return {};
}

}  // namespace

Result<ProviderKeys> parse_keys(std::string_view document) {
  auto json = parse_object(document, kMalformedKeys);
  if (!json) return pass(json);
  const auto listed = json->find("keys");
  if (listed == json->end() || !listed->is_array()) return fail(Errc::kInvalid, kMalformedKeys);
  ProviderKeys keys;
  for (const Json& one : *listed) {
    if (!one.is_object()) return fail(Errc::kInvalid, kMalformedKeys);
    if (text_member(one, "use").value_or("sig") != "sig") continue;
    SigningKeyOfProvider key;
    key.key_id = text_member(one, "kid").value_or("");
    const auto kind = text_member(one, "kty");
    const bool known =
        (kind == "RSA" && read_rsa(one, key)) || (kind == "EC" && read_p256(one, key));
    if (!known) continue;
    if (keys.size() == kSigningKeysMax) return fail(Errc::kInvalid, kMalformedKeys, "too many");
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<IdClaims> verify_id_token(std::string_view token, const ProviderKeys& keys,
                                 const ExpectedToken& expected) {
  if (token.size() > kTokenBytesMax) return fail(Errc::kInvalid, kMalformedToken, "too long");
  const auto parts = split(token);
  if (!parts) return fail(Errc::kInvalid, kMalformedToken);
  const auto header = decoded(parts->header);
  if (!header) return fail(Errc::kInvalid, kMalformedToken);
  if (Status right = check_signature(*header, *parts, keys); !right) return pass(right);
  auto claims = decoded(parts->payload);
  if (!claims) return pass(claims);
  if (Status right = check_claims(*claims, expected); !right) return pass(right);
  auto subject = text_member(*claims, "sub", 255);
  if (!subject || subject->empty()) return fail(Errc::kInvalid, kMalformedToken, "sub");
  return IdClaims{std::move(*subject), std::move(*claims)};
}

}  // namespace weir::oidc
