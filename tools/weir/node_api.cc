#include "tools/weir/node_api.h"

#include <fmt/core.h>

#include <algorithm>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kResourcesTimeoutMs = 1'000;

Errc errc_of(const wire::Response& response) {
  switch (response.status.value_or(wire::ApiStatus::kInternalServerError)) {
    case wire::ApiStatus::kNotFound:
      return Errc::kNotFound;
    case wire::ApiStatus::kConflict:
      return Errc::kAlreadyExists;
    case wire::ApiStatus::kTimeout:
      return Errc::kTimeout;
    case wire::ApiStatus::kNotImplemented:
      return Errc::kUnsupported;
    default:
      return Errc::kInvalid;
  }
}

// The node's words, or its status where it gave none.
std::string words_of(const wire::Response& response) {
  const wire::ErrorBody error = wire::response_error(response);
  if (error.message && !error.message->empty()) return *error.message;
  const std::string text = error.text();
  if (!text.empty()) return text;
  return "The node answered " +
         (response.status ? wire::status_text(*response.status) : std::string("without a status"));
}

}  // namespace

Result<Bytes> NodeApi::try_call(wire::Method method, const std::string& path,
                                std::optional<Bytes> body) const {
  auto response = api::request(node_.api_socket, method, path, std::move(body), timeout_ms_);
  if (!response) {
    const Error& error = response.error();
    if (error.code == Errc::kNotFound || error.code == Errc::kRefused) {
      return fail(Errc::kIo, "",
                  fmt::format("Failed to connect to node {} at {}", node_.name,
                              node_.tcp_listener_address));
    }
    return pass(response);
  }
  if (response->status != wire::ApiStatus::kOk) {
    return fail(errc_of(*response), "", words_of(*response));
  }
  return std::move(response->body);
}

Bytes NodeApi::call(wire::Method method, const std::string& path, std::optional<Bytes> body) const {
  auto answer = try_call(method, path, std::move(body));
  if (answer) return std::move(*answer);
  const Error& error = answer.error();
  const bool is_ours = *error.what == '\0';
  Failure failure;
  failure.message = is_ours ? error.detail : fmt::format("No answer from node {}", node_.name);
  if (!is_ours) failure.causes.push_back(error.text());
  if (error.code == Errc::kIo) {
    failure.help = fmt::format("is it running? `weir node start {}` starts it", node_.name);
  }
  give_up(std::move(failure));
}

std::optional<api::NodeResources> NodeApi::resources() const {
  NodeApi impatient = *this;
  impatient.timeout_ms_ = std::min(timeout_ms_, kResourcesTimeoutMs);
  const auto body = impatient.try_call(wire::Method::kGet, "/node/resources");
  if (!body) return std::nullopt;
  auto resources = api::NodeResources::decode(*body);
  if (!resources) return std::nullopt;
  return std::move(*resources);
}

void NodeApi::give_up_undecodable(const Error& error) const {
  give_up(Failure{fmt::format("Node {} answered something that is no answer", node_.name),
                  {error.text()},
                  "is the node of another version? stop and start it",
                  {},
                  kExitFailed});
}

}  // namespace weir::cli
