// A provider that says what the test wants, line by line, and keeps what it was asked. Its ID
// tokens are signed with ES256 by a key of its own.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "control/oidc/json_text.h"
#include "control/oidc/token_check.h"
#include "crypto/sign.h"

namespace weir::test {

inline constexpr char kIssuer[] = "https://id.example.org/realm";
inline constexpr char kClient[] = "weir";
inline constexpr std::uint64_t kTokenTimeS = 1'750'000'000;

class ProviderScript {
 public:
  using Json = nlohmann::json;

  explicit ProviderScript(std::uint64_t seed = 7) : rng_(seed) {
    key_ = generate_signing_key(KeyKind::kP256, rng_);
    const VerifyingKey known = public_key(key_).value();
    const ByteSpan point = known.bytes;
    keys = {{"keys",
             {{{"kty", "EC"},
               {"crv", "P-256"},
               {"kid", "one"},
               {"use", "sig"},
               {"x", oidc::base64url_encode(point.subspan(1, 32))},
               {"y", oidc::base64url_encode(point.subspan(33, 32))}}}}};
  }

  // For everything that has no script: discovery, keys, userinfo.
  HttpExchange http() {
    return [this](const HttpCall& call) -> Result<HttpReply> {
      calls.push_back(call);
      const std::string path = call.url.substr(std::string(kIssuer).size());
      if (down.contains(path)) return fail(Errc::kIo, "connection refused", call.url);
      auto& script = scripts[path];
      if (!script.empty()) {
        HttpReply reply = std::move(script.front());
        script.pop_front();
        return reply;
      }
      if (path == "/.well-known/openid-configuration") return HttpReply{200, discovery().dump()};
      if (path == "/keys") return HttpReply{200, keys.dump()};
      if (path == "/userinfo") return HttpReply{200, userinfo.dump()};
      return HttpReply{404, "nothing here"};
    };
  }
  static Json discovery() {
    const std::string base = kIssuer;
    return {{"issuer", base},
            {"token_endpoint", base + "/token"},
            {"device_authorization_endpoint", base + "/device"},
            {"userinfo_endpoint", base + "/userinfo"},
            {"jwks_uri", base + "/keys"}};
  }
  static oidc::Provider settings() { return {kIssuer, kClient, oidc::kScopeDefault, ""}; }

  static Json claims() {
    return {{"iss", kIssuer},
            {"aud", kClient},
            {"sub", "ana"},
            {"iat", kTokenTimeS},
            {"exp", kTokenTimeS + 300}};
  }
  std::string token(const Json& claims, Json header = {{"alg", "ES256"}, {"kid", "one"}}) const {
    const std::string text = oidc::base64url_encode(as_bytes(header.dump())) + "." +
                             oidc::base64url_encode(as_bytes(claims.dump()));
    return text + "." + oidc::base64url_encode(sign(key_, as_bytes(text)).value());
  }
  static oidc::Tokens tokens(std::string id_token) {
    oidc::Tokens tokens;
    tokens.access_token = "an-access-token";
    tokens.id_token = std::move(id_token);
    return tokens;
  }
  int asked(const std::string& path) const {
    int times = 0;
    for (const HttpCall& call : calls) times += call.url == kIssuer + path ? 1 : 0;
    return times;
  }

  std::vector<HttpCall> calls;
  std::map<std::string, std::deque<HttpReply>> scripts;  // by path
  std::set<std::string> down;
  Json keys;
  Json userinfo = {{"sub", "ana"}, {"department", "analysis"}, {"groups", {"staff", "dba"}}};

 private:
  SeededRng rng_;
  SigningKey key_;
};

}  // namespace weir::test
