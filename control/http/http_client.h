// One HTTP(S) request at a time, by libcurl; blocks until the answer or the time-out. Certificates
// are verified with the system's list. For rare calls of the control plane and of commands.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir {

struct HttpCall {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::uint32_t timeout_ms = 10'000;
};

struct HttpReply {
  int status = 0;
  std::string body;  // at most kHttpReplyBytesMax, else the call fails
};
inline constexpr std::size_t kHttpReplyBytesMax = 1 << 20;

// kTimeout, or kIo when there is no answer; any status is an answer. Redirects are not followed.
Result<HttpReply> http_post(const HttpCall& call);

}  // namespace weir
