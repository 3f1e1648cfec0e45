#include "control/node/internal/authority_client.h"

#include "control/node/internal/round_trip.h"

namespace weir::control {

Result<wire::MultiAddr> service_route(const wire::MultiAddr& listener, const char* service) {
  auto to = secured(listener);
  if (to) to->push_back(wire::Proto::kService, service);
  return to;
}

ConnectOptions authority_options(const Identifier& authority,
                                 const std::optional<Identifier>& identity,
                                 std::uint64_t timeout_ms) {
  ConnectOptions options;
  options.identity = identity;
  options.authorized = std::vector<Identifier>{authority};
  options.channel_timeout_ms = timeout_ms;
  options.link_timeout_ms = timeout_ms;
  options.present_credential = false;
  return options;
}

Result<Bytes> body_of(const Reply& reply) {
  auto response = wire::decode_response(reply.payload);
  if (!response) return pass(response);
  if (response->status == wire::ApiStatus::kOk) return std::move(response->body);
  const wire::ErrorBody error = wire::response_error(*response);
  return fail(Errc::kRefused, "the authority refuses", error.message.value_or(""));
}

void AuthorityClient::ask(const AuthorityRequest& request, Done<Bytes> done) {
  const auto to = service_route(request.listener, request.service.c_str());
  if (!to) return done(std::unexpected(to.error()));
  wire::Request message;
  message.id = static_cast<std::uint32_t>(core_.rng.next_u64() | 1);
  message.path = request.path;
  message.method = request.method;
  message.has_body = request.body.has_value();
  if (request.body) message.body = *request.body;
  round_trip(connections_, messenger_, *to,
             authority_options(request.authority, request.identity, request.timeout_ms),
             wire::encode_request(message), request.timeout_ms, nullptr,
             [done = std::move(done)](Result<Reply> reply) {
               if (!reply) return done(pass(reply));
               done(body_of(*reply));
             });
}

}  // namespace weir::control
