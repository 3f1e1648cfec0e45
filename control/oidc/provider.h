// An OpenID Connect provider: what the operator says of it, and what it says of itself (OpenID
// Connect Discovery 1.0, RFC 8414). https everywhere, except to this machine's loopback.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "control/http/http_client.h"

namespace weir::oidc {

inline constexpr char kScopeDefault[] = "openid profile email";
inline constexpr std::size_t kUrlBytesMax = 2048;
inline constexpr std::size_t kCertificatesBytesMax = 32 << 10;

struct Provider {
  std::string issuer;     // exactly as the provider writes it
  std::string client_id;  // of a public client: there is no secret
  std::string scope = kScopeDefault;
  std::string ca_pem;  // only these certificates count; empty: the system's

  friend bool operator==(const Provider&, const Provider&) = default;
};

struct Endpoints {
  std::string token;
  std::string device_authorization;  // empty: the provider does not offer the flow
  std::string userinfo;
  std::string jwks;
};

// https://.., or http:// to localhost, 127.0.0.0/8 or [::1]; no user name, no fragment, nothing
// that is not a URL's character. kRefused says what is wrong.
Status check_url(std::string_view url);
// All of it. kInvalid, kRefused.
Status check_provider(const Provider& provider);

// The issuer in the document must be `issuer`, byte for byte: kRefused.
Result<Endpoints> parse_discovery(std::string_view issuer, std::string_view document);
// Asks the provider. kTimeout, kIo: it cannot be reached or fails; kRefused, kInvalid: it is not
// the one meant, or says nonsense.
Result<Endpoints> discover(const HttpExchange& http, const Provider& provider,
                           std::uint32_t timeout_ms, const std::atomic<bool>* stop = nullptr);

}  // namespace weir::oidc
