#include "control/node/internal/authority_client.h"

#include "control/node/internal/round_trip.h"

namespace weir::control {
namespace {

Result<Bytes> body_of(const Reply& reply) {
  auto response = wire::decode_response(reply.payload);
  if (!response) return pass(response);
  if (response->status == wire::ApiStatus::kOk) return std::move(response->body);
  const wire::ErrorBody error = wire::response_error(*response);
  return fail(Errc::kRefused, "the authority refuses", error.message.value_or(""));
}

}  // namespace

void AuthorityClient::ask(const AuthorityRequest& request, Done<Bytes> done) {
  auto to = secured(request.listener);
  if (!to) return done(pass(to));
  to->push_back(wire::Proto::kService, request.service);
  ConnectOptions options;
  options.identity = request.identity;
  options.authorized = std::vector<Identifier>{request.authority};
  options.channel_timeout_ms = request.timeout_ms;
  options.link_timeout_ms = request.timeout_ms;
  options.present_credential = false;
  wire::Request message;
  message.id = static_cast<std::uint32_t>(core_.rng.next_u64() | 1);
  message.path = request.path;
  message.method = request.method;
  message.has_body = request.body.has_value();
  if (request.body) message.body = *request.body;
  round_trip(connections_, messenger_, *to, std::move(options), wire::encode_request(message),
             request.timeout_ms, nullptr, [done = std::move(done)](Result<Reply> reply) {
               if (!reply) return done(pass(reply));
               done(body_of(*reply));
             });
}

}  // namespace weir::control
