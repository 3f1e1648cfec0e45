// The API envelope: requests and responses of the node manager, the authority and other services
// (spec/04 1). A payload is bare(header map || body); the body is whatever the endpoint says.
//
// Owning structs for the control plane. Decoding is total; errors are kInvalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::wire {

enum class Method : std::uint8_t { kGet = 0, kPost = 1, kPut = 2, kDelete = 3, kPatch = 4 };
const char* method_text(Method method);  // "GET"

enum class ApiStatus : std::uint16_t {
  kOk = 200,
  kBadRequest = 400,
  kUnauthorized = 401,
  kForbidden = 403,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kTimeout = 408,
  kConflict = 409,
  kInternalServerError = 500,
  kNotImplemented = 501,
};
std::string status_text(ApiStatus status);  // "404 NotFound"

struct Request {
  std::uint32_t id = 0;  // the caller draws it; never 0 on the wire
  std::string path;
  std::optional<Method> method;  // absent only in what was received
  bool has_body = false;
  Bytes body;  // as received, also when has_body is false

  friend bool operator==(const Request&, const Request&) = default;
};

struct Response {
  std::uint32_t id = 0;
  std::uint32_t re = 0;  // id of the request; 0 = the service did not say
  std::optional<ApiStatus> status;
  bool has_body = false;
  Bytes body;

  friend bool operator==(const Response&, const Response&) = default;
};

// The body of a response that is not 200. Every field is optional.
struct ErrorBody {
  std::optional<std::string> path;
  std::optional<Method> method;
  std::optional<std::string> message;
  std::vector<ErrorBody> cause;  // none or one

  // "message: .., path: .., method: ..", as `ockam` prints it.
  std::string text() const;
  friend bool operator==(const ErrorBody&, const ErrorBody&) = default;
};
// Causes nested deeper than this are refused.
inline constexpr int kErrorCauseDepthMax = 16;

// The whole payload of a routed message, BARE length included. has_body is written as given; the
// body is appended only when it is set.
Bytes encode_request(const Request& request);
Result<Request> decode_request(ByteSpan payload);
Bytes encode_response(const Response& response);
Result<Response> decode_response(ByteSpan payload);

Bytes encode_error_body(const ErrorBody& error);
Result<ErrorBody> decode_error_body(ByteSpan body);
// What a client makes of a response that is not 200, whatever has_body says (spec/04 1.4): a text,
// a byte string that is UTF-8, or an error map; empty when it is none of them.
ErrorBody response_error(const Response& response);

}  // namespace weir::wire
