#include "control/oidc/provider.h"

#include <algorithm>

#include "control/oidc/json_text.h"

namespace weir::oidc {
namespace {

constexpr char kMalformed[] = "the provider's description is malformed";

bool is_url_character(char c) {
  constexpr std::string_view kOthers = "-._~:/?[]@!$&'()*+,;=%";
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

// host of "host", "host:port", "[::1]:port".
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return numeric && host.starts_with("127.") && std::ranges::count(host, '.') == 3;
}

}  // namespace

Status check_url(std::string_view url) {
  const std::string shown = printable(url);
  if (url.size() > kUrlBytesMax || !std::ranges::all_of(url, is_url_character)) {
    return fail(Errc::kRefused, "not a URL that can be used", shown);
  }
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) {
    return fail(Errc::kRefused, "a URL that begins with https:// is needed", shown);
  }
  const std::string_view rest = url.substr(secure ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const std::string_view host = host_of(authority);
  if (host.empty() || authority.find('@') != std::string_view::npos) {
    return fail(Errc::kRefused, "not a URL that can be used", shown);
  }
  if (!secure && !is_loopback(host)) {
    return fail(Errc::kRefused, "https is needed: plain http is taken only on this machine", shown);
  }
  return {};
}

Status check_provider(const Provider& provider) {
  if (Status good = check_url(provider.issuer); !good) return good;
  if (provider.issuer.find('?') != std::string::npos) {
    return fail(Errc::kInvalid, "an issuer has no query", printable(provider.issuer));
  }
  const auto is_word = [](std::string_view text, std::size_t bytes_max) {
    return !text.empty() && text.size() <= bytes_max && printable(text, bytes_max) == text;
  };
  if (!is_word(provider.client_id, 512)) return fail(Errc::kInvalid, "not a client id");
  if (!is_word(provider.scope, 1024)) return fail(Errc::kInvalid, "not a list of scopes");
  const std::string spaced = " " + provider.scope + " ";
  if (spaced.find(" openid ") == std::string::npos) {
    return fail(Errc::kInvalid, "the scopes must name openid: without it there is no ID token");
  }
  if (provider.ca_pem.size() > kCertificatesBytesMax) {
    return fail(Errc::kInvalid, "too many certificates");
  }
  return {};
}

Result<Endpoints> parse_discovery(std::string_view issuer, std::string_view document) {
  auto json = parse_object(document, kMalformed);
  if (!json) return pass(json);
  const auto named = text_member(*json, "issuer", kUrlBytesMax);
  if (!named) return fail(Errc::kInvalid, kMalformed, "issuer");
  if (*named != issuer) {
    return fail(Errc::kRefused, "the provider is another issuer than the one configured",
                printable(*named));
  }
  Endpoints endpoints;
  const struct {
    const char* key;
    std::string& url;
    bool needed;
  } fields[] = {{"token_endpoint", endpoints.token, true},
                {"device_authorization_endpoint", endpoints.device_authorization, false},
                {"userinfo_endpoint", endpoints.userinfo, true},
                {"jwks_uri", endpoints.jwks, true}};
  for (const auto& field : fields) {
    auto url = text_member(*json, field.key, kUrlBytesMax);
    if (!url && !field.needed) continue;
    if (!url) return fail(Errc::kInvalid, kMalformed, field.key);
    if (Status good = check_url(*url); !good) return pass(good);
    field.url = std::move(*url);
  }
  return endpoints;
}

Result<Endpoints> discover(const HttpExchange& http, const Provider& provider,
                           std::uint32_t timeout_ms, const std::atomic<bool>* stop) {
  if (Status good = check_provider(provider); !good) return pass(good);
  HttpCall call;
  call.method = HttpMethod::kGet;
  call.url = provider.issuer;
  while (call.url.ends_with('/')) call.url.pop_back();
  call.url += "/.well-known/openid-configuration";
  call.headers = {{"accept", "application/json"}};
  call.timeout_ms = timeout_ms;
  call.ca_pem = provider.ca_pem;
  call.stop = stop;
  const auto reply = http(call);
  if (!reply)
    return fail(reply.error().code, "the provider cannot be reached", reply.error().text());
  if (reply->status != 200) {
    return fail(reply->status >= 500 ? Errc::kIo : Errc::kRefused,
                "the provider does not describe itself",
                call.url + ": status " + std::to_string(reply->status));
  }
  return parse_discovery(provider.issuer, reply->body);
}

}  // namespace weir::oidc
