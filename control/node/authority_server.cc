#include "control/node/internal/authority_server.h"

#include "control/identity/identities.h"
#include "control/store/state.h"

namespace weir::control {

Status AuthorityServer::start(AuthorityConfig config, Authority::AttributesOf attributes_of) {
  if (state_ == nullptr) return fail(Errc::kRefused, "an authority needs a state on disk");
  authority_ = std::make_unique<Authority>(std::move(config), state_->authority(), core_.identities,
                                           core_.rng, std::move(attributes_of));
  if (Status started = authority_->start(); !started) return started;
  for (const AuthorityService service : authority_->services()) {
    const char* address = authority_service_address(service);
    const Status added = workers_.add({.address = address,
                                       .allowed = {core_.api_flow},
                                       .handle = [this, service](MessageEvent& message) {
                                         answer(service, message);
                                         return false;
                                       }});
    if (!added) return added;
    core_.log(LogLevel::kInfo, "authority service at {}", address);
  }
  return {};
}

void AuthorityServer::answer(AuthorityService service, const MessageEvent& message) {
  if (message.ret.count == 0) return;
  Caller caller;
  caller.identifier = core_.principals.identifier(message.principal);
  if (const SocketAddress* peer = links_.peer_of(message.link)) caller.origin = peer->text();
  core_.count(ControlCounter::kAuthorityRequests);
  Bytes response = authority_->handle(service, caller, message.payload);
  if (response.empty()) return core_.count(ControlCounter::kAuthorityMalformed);
  core_.send_message(message.ret, encoded_local(authority_service_address(service)),
                     std::move(response));
}

}  // namespace weir::control
