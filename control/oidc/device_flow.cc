#include "control/oidc/device_flow.h"

#include <algorithm>

namespace weir::oidc {
namespace {

constexpr char kGrantType[] = "urn:ietf:params:oauth:grant-type:device_code";
constexpr char kMalformedCode[] = "the provider's answer to the request for a code is malformed";
constexpr char kMalformedTokens[] = "the provider's answer to the request for tokens is malformed";
constexpr std::size_t kUserCodeBytesMax = 64;
constexpr std::uint64_t kExpiresMaxS = 86'400;
constexpr std::uint64_t kIntervalMaxS = 60;
constexpr std::uint64_t kSlowDownS = 5;  // RFC 8628 section 3.5
constexpr std::uint32_t kCallMs = 10'000;

HttpCall form_call(const std::string& url, const Form& fields, const std::string& ca_pem) {
  HttpCall call;
  call.url = url;
  call.headers = {{"content-type", "application/x-www-form-urlencoded"},
                  {"accept", "application/json"}};
  call.body = form_encoded(fields);
  call.timeout_ms = kCallMs;
  call.ca_pem = ca_pem;
  return call;
}

// "error: description" of RFC 6749 section 5.2.
std::string words_of(const nlohmann::json& json) {
  std::string words = printable(text_member(json, "error").value_or("no reason"));
  if (const auto more = text_member(json, "error_description")) words += ": " + printable(*more);
  return words;
}

TokenAnswer failed(Errc code, const char* what, std::string detail = {}) {
  TokenAnswer answer;
  answer.error = {code, what, std::move(detail)};
  return answer;
}

TokenAnswer refusal(const nlohmann::json& json) {
  TokenAnswer answer;
  const std::string error = text_member(json, "error").value_or("");
  if (error == "authorization_pending") {
    answer.outcome = Polled::kPending;
    return answer;
  }
  if (error == "slow_down") {
    answer.outcome = Polled::kSlowDown;
    return answer;
  }
  if (error == "access_denied") return failed(Errc::kRefused, "the sign-in was denied");
  if (error == "expired_token") return failed(Errc::kTimeout, "the code has expired");
  return failed(Errc::kRefused, "the provider refuses", words_of(json));
}

}  // namespace

Result<DeviceAuthorization> parse_device_authorization(std::string_view document) {
  auto json = parse_object(document, kMalformedCode);
  if (!json) return pass(json);
  const auto wrong = [](const char* field) { return fail(Errc::kInvalid, kMalformedCode, field); };
  DeviceAuthorization code;
  auto device_code = take_text_member(*json, "device_code", kTokenBytesMax);
  if (!device_code || device_code->empty()) return wrong("device_code");
  code.device_code = std::move(*device_code);
  auto user_code = text_member(*json, "user_code", kUserCodeBytesMax);
  if (!user_code || user_code->empty() || printable(*user_code) != *user_code) {
    return wrong("user_code");
  }
  code.user_code = std::move(*user_code);
  auto uri = text_member(*json, "verification_uri", kUrlBytesMax);
  if (!uri) uri = text_member(*json, "verification_url", kUrlBytesMax);  // an older draft's name
  if (!uri || !check_url(*uri)) return wrong("verification_uri");
  code.verification_uri = std::move(*uri);
  auto complete = text_member(*json, "verification_uri_complete", kUrlBytesMax);
  if (complete && check_url(*complete)) code.verification_uri_complete = std::move(*complete);
  const auto expires = number_member(*json, "expires_in");
  if (!expires || *expires == 0) return wrong("expires_in");
  code.expires_in_s = std::min(*expires, kExpiresMaxS);
  code.interval_s =
      std::clamp<std::uint64_t>(number_member(*json, "interval").value_or(5), 1, kIntervalMaxS);
  return code;
}

TokenAnswer parse_token_answer(int status, std::string_view document) {
  auto json = parse_object(document, kMalformedTokens);
  if (!json) return failed(Errc::kInvalid, json.error().what, json.error().detail);
  if (status != 200) return refusal(*json);
  TokenAnswer answer;
  auto access = take_text_member(*json, "access_token", kTokenBytesMax);
  if (!access || access->empty()) return failed(Errc::kInvalid, kMalformedTokens, "access_token");
  answer.tokens.access_token = std::move(*access);
  std::string kind = text_member(*json, "token_type").value_or("");
  std::ranges::transform(kind, kind.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (kind != "bearer") return failed(Errc::kInvalid, kMalformedTokens, "token_type");
  if (auto id = take_text_member(*json, "id_token", kTokenBytesMax)) {
    answer.tokens.id_token = std::move(*id);
  }
  answer.outcome = Polled::kTokens;
  return answer;
}

Result<DeviceAuthorization> request_device_code(const HttpExchange& http, const DeviceFlow& flow) {
  if (flow.device_authorization.empty()) {
    return fail(Errc::kUnsupported, "the provider does not offer the device-code flow");
  }
  Form fields = {{"client_id", flow.client_id}, {"scope", flow.scope}};
  if (!flow.nonce.empty()) fields.emplace_back("nonce", flow.nonce);
  auto reply = http(form_call(flow.device_authorization, fields, flow.ca_pem));
  if (!reply)
    return fail(reply.error().code, "the provider cannot be reached", reply.error().text());
  if (reply->status != 200) {
    const auto json = parse_object(reply->body, kMalformedCode);
    return fail(reply->status >= 500 ? Errc::kIo : Errc::kRefused,
                "the provider gives no code for signing in",
                json ? words_of(*json) : "status " + std::to_string(reply->status));
  }
  auto code = parse_device_authorization(reply->body);
  wipe_text(reply->body);
  return code;
}

Result<Tokens> wait_for_tokens(const HttpExchange& http, const DeviceFlow& flow,
                               const DeviceAuthorization& code, const Waiting& waiting) {
  const std::uint64_t end_ns = waiting.clock.now_ns() + code.expires_in_s * kNsPerSecond;
  HttpCall call = form_call(flow.token,
                            {{"grant_type", kGrantType},
                             {"device_code", code.device_code},
                             {"client_id", flow.client_id}},
                            flow.ca_pem);
  const auto say = [&waiting](const std::string& words) {
    if (waiting.tell) waiting.tell(words);
  };
  std::uint64_t interval_s = code.interval_s;
  std::uint64_t pause_s = interval_s;
  bool away = false;
  Result<Tokens> result = fail(Errc::kTimeout, "the code has expired");
  while (true) {
    const std::uint64_t now_ns = waiting.clock.now_ns();
    if (now_ns >= end_ns) break;
    const std::uint64_t left_ms = (end_ns - now_ns) / kNsPerMs + 1;
    if (!waiting.sleep(std::min(pause_s * 1000, left_ms))) {
      result = fail(Errc::kShutdown, "interrupted");
      break;
    }
    if (waiting.clock.now_ns() >= end_ns) break;
    auto reply = http(call);
    const bool fails = !reply || reply->status >= 500;
    if (fails) {
      if (!std::exchange(away, true)) {
        say(reply
                ? "the provider fails (status " + std::to_string(reply->status) + "): trying again"
                : "the provider cannot be reached: trying again");
      }
      pause_s = std::min(2 * pause_s, kIntervalMaxS);
      continue;
    }
    if (std::exchange(away, false)) say("the provider answers again");
    TokenAnswer answer = reply->status == 429 ? TokenAnswer{Polled::kSlowDown, {}, {}}
                                              : parse_token_answer(reply->status, reply->body);
    wipe_text(reply->body);
    if (answer.outcome == Polled::kSlowDown) {
      interval_s = std::min(interval_s + kSlowDownS, kIntervalMaxS);
      say("the provider asks to be asked less often: every " + std::to_string(interval_s) + "s");
    }
    pause_s = interval_s;
    if (answer.outcome == Polled::kTokens) {
      result = std::move(answer.tokens);
      break;
    }
    if (answer.outcome == Polled::kFailed) {
      result = std::unexpected(std::move(answer.error));
      break;
    }
  }
  wipe_text(call.body);
  return result;
}

}  // namespace weir::oidc
