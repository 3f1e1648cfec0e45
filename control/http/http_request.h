// The head of an HTTP/1.x request: as much as the status endpoint needs (RFC 9112). Total parser,
// views into the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir {

struct HttpRequest {
  std::string_view method;
  // The target's path without query and empty segments: "//show/?x" is {"show"}. Not decoded.
  std::vector<std::string_view> segments;
  bool keep_alive = false;
  bool has_body = false;
};

// Size of the head with its empty line; 0 while it is not complete.
std::size_t http_head_bytes(std::string_view input);
// `head` as http_head_bytes found it. kInvalid: not HTTP/1.0 or 1.1.
Result<HttpRequest> parse_http_head(std::string_view head);

// A response without content-type. `body` is left out, but its length stays, when `head_only`.
std::string http_response(int status, std::string_view body, bool head_only, bool keep_alive,
                          std::uint64_t unix_seconds);
// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(std::uint64_t unix_seconds);

}  // namespace weir
