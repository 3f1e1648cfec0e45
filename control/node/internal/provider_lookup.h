// Asks identity providers for the authority, on helper threads: at most 16 at once, each for 10 s
// at most.
#pragma once

#include <memory>

#include "control/authority/authority.h"
#include "control/http/http_client.h"
#include "control/node/internal/core.h"

namespace weir::control {

class ProviderLookup {
 public:
  explicit ProviderLookup(NodeCore& core) : core_(core) {}

  void configure(const AuthorityConfig& config);
  // As AskProvider.
  bool ask(ProviderQuestion question, std::function<void(Result<oidc::Person>)> answered);

 private:
  NodeCore& core_;
  HttpExchange http_;
  // Shared with helper threads.
  std::shared_ptr<oidc::TokenCheck> check_;
  std::shared_ptr<const OktaEnrollment> okta_;
};

}  // namespace weir::control
