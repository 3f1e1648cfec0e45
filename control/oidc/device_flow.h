// The device-code flow of RFC 8628, the member's side: ask for a code, show it to the person, poll
// for tokens until he has signed in, has refused, or the code has expired.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "control/oidc/json_text.h"
#include "control/oidc/provider.h"

namespace weir::oidc {

inline constexpr std::size_t kTokenBytesMax = 32 << 10;

// Wiped when they go.
struct Tokens {
  std::string access_token;
  std::string id_token;  // empty: the provider gave none

  Tokens() = default;
  Tokens(Tokens&& other) noexcept = default;
  Tokens& operator=(Tokens&& other) noexcept {
    std::swap(access_token, other.access_token);
    std::swap(id_token, other.id_token);
    return *this;
  }
  ~Tokens() {
    wipe_text(access_token);
    wipe_text(id_token);
  }
};

// What a person needs, and the secret that we poll with.
struct DeviceAuthorization {
  std::string device_code;  // secret
  std::string user_code;
  std::string verification_uri;
  std::string verification_uri_complete;  // with the code in it; may be empty
  std::uint64_t expires_in_s = 0;
  std::uint64_t interval_s = 5;

  DeviceAuthorization() = default;
  DeviceAuthorization(DeviceAuthorization&&) noexcept = default;
  DeviceAuthorization& operator=(DeviceAuthorization&&) noexcept = default;
  ~DeviceAuthorization() { wipe_text(device_code); }
};

// Where a flow runs: endpoints are checked URLs.
struct DeviceFlow {
  std::string device_authorization;
  std::string token;
  std::string client_id;
  std::string scope;
  std::string nonce;  // asked for in the ID token; empty: not
  std::string ca_pem;
};

// kInvalid. Codes and addresses that could do something to a terminal are refused.
Result<DeviceAuthorization> parse_device_authorization(std::string_view document);

enum class Polled : std::uint8_t { kTokens, kPending, kSlowDown, kFailed };
struct TokenAnswer {
  Polled outcome = Polled::kFailed;
  Tokens tokens;
  Error error;  // of kFailed: kRefused denied, kTimeout expired, kInvalid nonsense
};
TokenAnswer parse_token_answer(int status, std::string_view document);

Result<DeviceAuthorization> request_device_code(const HttpExchange& http, const DeviceFlow& flow);

struct Waiting {
  Clock& clock;
  // False: the person has had enough.
  std::function<bool(std::uint64_t ms)> sleep;
  // Told once per trouble: "the provider cannot be reached".. May be empty.
  std::function<void(const std::string& words)> tell;
};
// A provider that is away is asked again, ever more slowly, until the code expires. kRefused: the
// person said no; kTimeout: the code has expired; kShutdown: sleep said so.
Result<Tokens> wait_for_tokens(const HttpExchange& http, const DeviceFlow& flow,
                               const DeviceAuthorization& code, const Waiting& waiting);

}  // namespace weir::oidc
