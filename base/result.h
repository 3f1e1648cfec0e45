// Result<T>: an operation's value or the reason why there is none. Broken peers are not errors but
// drop reasons (dataplane/telemetry); our own mistakes are CHECKs (base/check.h).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace weir {

enum class Errc : std::uint8_t {
  kInvalid,  // malformed input
  kNotFound,
  kAlreadyExists,
  kExhausted,  // a limit of ours
  kRefused,    // the peer, the policy or the signature says no
  kTimeout,
  kIo,
  kShutdown,
  kUnsupported,
  kInternal,
};

// `what` is a literal; `detail` is filled only by control-plane code, so making an Error in the
// data plane allocates nothing.
struct Error {
  Errc code = Errc::kInternal;
  const char* what = "";
  std::string detail = {};

  // "what" or "what: detail", for printing.
  std::string text() const {
    return detail.empty() ? std::string(what) : std::string(what) + ": " + detail;
  }
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Errc code, const char* what) {
  return std::unexpected<Error>(Error{code, what, {}});
}
inline std::unexpected<Error> fail(Errc code, const char* what, std::string detail) {
  return std::unexpected<Error>(Error{code, what, std::move(detail)});
}
// Passes another Result's error on under a different value type.
template <typename T>
std::unexpected<Error> pass(Result<T>& result) {
  return std::unexpected<Error>(std::move(result.error()));
}

}  // namespace weir
