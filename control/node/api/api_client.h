// The command's side of the API socket: one request, one answer, blocking.
//
// Implements spec/04 1.4 over a Unix socket: `re` must be the request's id or 0, a status other
// than 200 is an error whose body is shown as `ockam` shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "dataplane/wire/envelope.h"

namespace weir::api {

inline constexpr std::uint64_t kApiTimeoutDefaultMs = 120'000;

// Any answer, whatever its status. Errors: kNotFound no such socket, kRefused nobody listens there
// or it is not ours, kTimeout, kInvalid what came is no answer, kIo everything else.
Result<wire::Response> request(const std::string& socket_path, wire::Method method,
                               const std::string& path, std::optional<Bytes> body = std::nullopt,
                               std::uint64_t timeout_ms = kApiTimeoutDefaultMs);

// The body of a 200 (empty when there is none). For another status an Error with the text of the
// answer as `detail`: kNotFound 404, kInvalid 400, kTimeout 408, kUnsupported 501, kAlreadyExists
// 409, kInternal the others.
Result<Bytes> body_of(const wire::Response& response);

// request() and body_of().
Result<Bytes> call(const std::string& socket_path, wire::Method method, const std::string& path,
                   std::optional<Bytes> body = std::nullopt,
                   std::uint64_t timeout_ms = kApiTimeoutDefaultMs);

// The same with a typed answer: call<NodeStatus>(path, Method::kGet, "/node").
template <class T>
Result<T> call(const std::string& socket_path, wire::Method method, const std::string& path,
               std::optional<Bytes> body = std::nullopt,
               std::uint64_t timeout_ms = kApiTimeoutDefaultMs) {
  Result<Bytes> answer = call(socket_path, method, path, std::move(body), timeout_ms);
  if (!answer) return pass(answer);
  return T::decode(*answer);
}

}  // namespace weir::api
