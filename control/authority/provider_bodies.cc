#include <algorithm>

#include "control/authority/provider_enrollment.h"
#include "control/oidc/json_text.h"
#include "crypto/hash.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

Error malformed() { return {Errc::kInvalid, "malformed body", {}}; }

// The texts of a map with the keys 1 to `texts.size()`; others are skipped.
bool read_texts(wire::CborReader& reader, std::initializer_list<std::string*> texts,
                std::size_t bytes_max) {
  wire::MapHead items;
  reader.map(items);
  while (reader.next(items)) {
    std::int64_t key = 0;
    if (!reader.i64(key)) return false;
    if (key < 1 || key > static_cast<std::int64_t>(texts.size())) {
      reader.skip();
      continue;
    }
    std::string_view text;
    if (reader.skip_null()) continue;
    if (!reader.text(text) || text.size() > bytes_max) return reader.fail();
    *texts.begin()[key - 1] = text;
  }
  return reader.ok();
}

}  // namespace

Status OidcEnrollment::check() const {
  if (Status good = oidc::check_provider(provider); !good) return good;
  if (claims.rules.size() + claims.required.size() > oidc::kClaimRulesMax) {
    return fail(Errc::kInvalid, "too many mappings of claims");
  }
  return {};
}

Status OktaEnrollment::check() const {
  if (Status good = oidc::check_url(tenant_base_url); !good) return good;
  if (certificate.empty() || certificate.size() > oidc::kCertificatesBytesMax) {
    return fail(Errc::kInvalid, "a certificate is the text of a PEM file");
  }
  if (attributes.size() > oidc::kClaimRulesMax) return fail(Errc::kInvalid, "too many attributes");
  return {};
}

Bytes ProviderDescription::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(provider.ca_pem.empty() ? 3 : 4).u64(1).text(provider.issuer);
  writer.u64(2).text(provider.client_id).u64(3).text(provider.scope);
  if (!provider.ca_pem.empty()) writer.u64(4).text(provider.ca_pem);
  return out;
}

Result<ProviderDescription> ProviderDescription::decode(ByteSpan body) {
  wire::CborReader reader(body);
  ProviderDescription description;
  oidc::Provider& provider = description.provider;
  if (!read_texts(reader,
                  {&provider.issuer, &provider.client_id, &provider.scope, &provider.ca_pem},
                  oidc::kCertificatesBytesMax)) {
    return std::unexpected(malformed());
  }
  if (Status good = oidc::check_provider(provider); !good) return pass(good);
  return description;
}

Bytes encode_provider_tokens(const oidc::Tokens& tokens) {
  Bytes out;
  out.reserve(tokens.access_token.size() + tokens.id_token.size() + 32);  // not copied as it grows
  wire::CborWriter writer(out);
  writer.map(2).u64(1).text(tokens.access_token).u64(2).text(tokens.id_token);
  return out;
}

Result<oidc::Tokens> decode_provider_tokens(ByteSpan body) {
  wire::CborReader reader(body);
  oidc::Tokens tokens;
  if (!read_texts(reader, {&tokens.access_token, &tokens.id_token}, oidc::kTokenBytesMax) ||
      tokens.access_token.empty() || tokens.id_token.empty()) {
    return std::unexpected(malformed());
  }
  return tokens;
}

Bytes encode_okta_token(const oidc::Tokens& tokens) {
  Bytes out;
  out.reserve(tokens.access_token.size() + 16);
  wire::CborWriter writer(out);
  writer.map(2).u64(1).u64(0).u64(2).text(tokens.access_token);
  return out;
}

Result<oidc::Tokens> decode_okta_token(ByteSpan body) {
  wire::CborReader reader(body);
  oidc::Tokens tokens;
  wire::MapHead items;
  reader.map(items);
  while (reader.next(items)) {
    std::int64_t key = 0;
    if (!reader.i64(key)) break;
    std::uint64_t kind = 0;
    std::string_view text;
    if (key == 1) {
      if (!reader.u64(kind) || kind != 0) return std::unexpected(malformed());
    } else if (key == 2) {
      if (!reader.text(text) || text.size() > oidc::kTokenBytesMax) break;
      tokens.access_token = text;
    } else {
      reader.skip();
    }
  }
  if (!reader.ok() || tokens.access_token.empty()) return std::unexpected(malformed());
  return tokens;
}

std::string enrollment_nonce(const Identifier& who) {
  constexpr std::string_view kPurpose = "weir enrollment by an identity provider";
  return oidc::base64url_encode(sha256(as_bytes(kPurpose), who.span()));
}

}  // namespace weir
