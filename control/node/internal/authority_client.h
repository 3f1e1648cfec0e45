// One request to a service of an authority (spec/04 1.4, SecureClient): a connection, a channel
// whose other end must be the authority, the request, and all of it closed again. No credential is
// presented.
#pragma once

#include <optional>
#include <string>

#include "control/node/internal/connections.h"
#include "control/node/internal/messenger.h"
#include "dataplane/wire/envelope.h"

namespace weir::control {

struct AuthorityRequest {
  wire::MultiAddr listener;  // ../service/api
  Identifier authority;
  std::optional<Identifier> identity;  // who asks; default: the node's
  std::string service;
  wire::Method method = wire::Method::kPost;
  std::string path = "/";
  std::optional<Bytes> body;
  std::uint64_t timeout_ms = 30'000;
};

// `listener`'s channel, then the service.
Result<wire::MultiAddr> service_route(const wire::MultiAddr& listener, const char* service);
// For a connection at whose end must be the authority.
ConnectOptions authority_options(const Identifier& authority,
                                 const std::optional<Identifier>& identity,
                                 std::uint64_t timeout_ms);
// Of a 200; else kRefused with the authority's words, or kInvalid.
Result<Bytes> body_of(const Reply& reply);

class AuthorityClient {
 public:
  AuthorityClient(NodeCore& core, Connections& connections, Messenger& messenger)
      : core_(core), connections_(connections), messenger_(messenger) {}

  // The body of a 200; else kRefused with the authority's words, or why there is no answer.
  void ask(const AuthorityRequest& request, Done<Bytes> done);

 private:
  NodeCore& core_;
  Connections& connections_;
  Messenger& messenger_;
};

}  // namespace weir::control
