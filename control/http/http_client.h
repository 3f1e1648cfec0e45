// One HTTP(S) request at a time, by libcurl; blocks until the answer or the time-out. Certificates
// are verified with the system's list, or with the caller's own. For rare calls of the control
// plane (on a helper thread) and of commands.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir {

enum class HttpMethod : std::uint8_t { kPost, kGet };

struct HttpCall {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::uint32_t timeout_ms = 10'000;
  HttpMethod method = HttpMethod::kPost;
  std::string ca_pem;                       // only these certificates count; empty: the system's
  const std::atomic<bool>* stop = nullptr;  // true: ends within a second, kShutdown
};

struct HttpReply {
  int status = 0;
  std::string body;  // at most kHttpReplyBytesMax, else the call fails
};
inline constexpr std::size_t kHttpReplyBytesMax = 1 << 20;

// kTimeout, or kIo when there is no answer; any status is an answer. Redirects are not followed.
Result<HttpReply> http_exchange(const HttpCall& call);
inline Result<HttpReply> http_post(const HttpCall& call) { return http_exchange(call); }

// Who makes the calls: http_exchange, or a test's script.
using HttpExchange = std::function<Result<HttpReply>(const HttpCall& call)>;

}  // namespace weir
