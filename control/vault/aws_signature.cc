#include "control/vault/internal/aws_signature.h"

#include <algorithm>
#include <ctime>

#include "base/hex.h"
#include "crypto/hash.h"

namespace weir {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string timestamp(std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return {text, size};
}

std::string hex_hash(std::string_view text) { return to_hex(sha256(as_bytes(text))); }

Secret<32> signing_key(const AwsCredentials& credentials, std::string_view date,
                       const AwsRequest& request) {
  constexpr std::string_view kPrefix = "AWS4";
  const ByteSpan secret = credentials.secret_access_key.span();
  SecretBytes first(kPrefix.size() + secret.size());
  std::copy(kPrefix.begin(), kPrefix.end(), first.span().begin());
  std::copy(secret.begin(), secret.end(), first.span().begin() + kPrefix.size());
  Secret<32> key = hmac_sha256(first.span(), as_bytes(date));
  key = hmac_sha256(key.span(), as_bytes(request.region));
  key = hmac_sha256(key.span(), as_bytes(request.service));
  return hmac_sha256(key.span(), as_bytes("aws4_request"));
}

}  // namespace

Headers aws_signed_headers(const AwsRequest& request, const AwsCredentials& credentials,
                           std::uint64_t unix_seconds) {
  const std::string now = timestamp(unix_seconds);
  const std::string date = now.substr(0, 8);
  Headers sent = request.headers;
  sent.emplace_back("x-amz-date", now);
  if (!credentials.session_token.empty()) {
    sent.emplace_back("x-amz-security-token", credentials.session_token);
  }
  Headers covered = sent;
  covered.emplace_back("host", request.host);
  std::sort(covered.begin(), covered.end());
  std::string canonical = "POST\n/\n\n";
  std::string names;
  for (const auto& [name, value] : covered) {
    canonical += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  canonical += "\n" + names + "\n" + hex_hash(request.body);
  const std::string scope = date + "/" + request.region + "/" + request.service + "/aws4_request";
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + now + "\n" + scope + "\n" + hex_hash(canonical);
  const Secret<32> signature =
      hmac_sha256(signing_key(credentials, date, request).span(), as_bytes(to_sign));
  sent.emplace_back("authorization", "AWS4-HMAC-SHA256 Credential=" + credentials.access_key_id +
                                         "/" + scope + ", SignedHeaders=" + names +
                                         ", Signature=" + to_hex(signature.span()));
  return sent;
}

}  // namespace weir
