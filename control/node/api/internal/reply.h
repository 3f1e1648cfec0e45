// The one answer to a request: copyable, so that it can wait in a Done<T>; only the first answer
// counts. `re` is always the request's id.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "dataplane/wire/envelope.h"

namespace weir::api::internal {

using Send = std::function<void(Bytes response)>;

class Reply {
 public:
  // `pending` counts the requests that were not answered yet; shared, since answers may come after
  // the node manager is gone.
  Reply(const wire::Request& request, std::uint32_t response_id, Send send,
        std::shared_ptr<std::size_t> pending)
      : state_(std::make_shared<State>(request, response_id, std::move(send), std::move(pending))) {
  }

  void ok() const { send(wire::ApiStatus::kOk, false, {}); }    // no body
  void empty() const { send(wire::ApiStatus::kOk, true, {}); }  // a body of zero bytes
  void body(Bytes bytes) const { send(wire::ApiStatus::kOk, true, std::move(bytes)); }
  // spec/04 1.3: "no request" errors carry only the message, the others path and method too.
  void error(wire::ApiStatus status, std::string message) const {
    wire::ErrorBody error;
    error.message = std::move(message);
    send(status, true, wire::encode_error_body(error));
  }
  void error_with_request(wire::ApiStatus status, std::string message) const {
    wire::ErrorBody error{state_->path, state_->method, std::move(message), {}};
    send(status, true, wire::encode_error_body(error));
  }

 private:
  struct State {
    State(const wire::Request& request, std::uint32_t response_id_in, Send send_in,
          std::shared_ptr<std::size_t> pending_in)
        : request_id(request.id),
          response_id(response_id_in),
          path(request.path),
          method(request.method),
          send(std::move(send_in)),
          pending(std::move(pending_in)) {
      ++*pending;
    }
    ~State() { --*pending; }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    std::uint32_t request_id;
    std::uint32_t response_id;
    std::string path;
    std::optional<wire::Method> method;
    Send send;  // empty once used
    std::shared_ptr<std::size_t> pending;
  };

  void send(wire::ApiStatus status, bool has_body, Bytes body) const {
    const Send send = std::exchange(state_->send, nullptr);
    if (!send) return;
    wire::Response response;
    response.id = state_->response_id;
    response.re = state_->request_id;
    response.status = status;
    response.has_body = has_body;
    response.body = std::move(body);
    send(wire::encode_response(response));
  }

  std::shared_ptr<State> state_;
};

}  // namespace weir::api::internal
