#include "control/node/internal/authority_server.h"

#include "control/identity/identities.h"
#include "control/store/state.h"
#include "crypto/secret.h"

namespace weir::control {

Status AuthorityServer::start(AuthorityConfig config, Authority::AttributesOf attributes_of) {
  if (state_ == nullptr) return fail(Errc::kRefused, "an authority needs a state on disk");
  authority_ = std::make_unique<Authority>(std::move(config), state_->authority(), core_.identities,
                                           core_.rng, std::move(attributes_of));
  if (Status started = authority_->start(); !started) return started;
  authority_->revocations_changed = [this] { answer_all_soon(); };
  providers_.configure(authority_->config());
  authority_->ask_provider = [this](ProviderQuestion question, auto answered) {
    return providers_.ask(std::move(question), std::move(answered));
  };
  for (const AuthorityService service : authority_->services()) {
    const char* address = authority_service_address(service);
    const Status added = workers_.add({.address = address,
                                       .allowed = {core_.api_flow},
                                       .handle = [this, service](MessageEvent& message) {
                                         return on_message(service, message);
                                       }});
    if (!added) return added;
    core_.log(LogLevel::kInfo, "authority service at {}", address);
  }
  return {};
}

bool AuthorityServer::on_message(AuthorityService service, const MessageEvent& message) {
  if (message.ret.count == 0) return false;
  Waiting one{service, {}, message.payload, message.ret};
  one.caller.identifier = core_.principals.identifier(message.principal);
  if (const SocketAddress* peer = links_.peer_of(message.link)) one.caller.origin = peer->text();
  core_.count(ControlCounter::kAuthorityRequests);
  if (service == AuthorityService::kOkta || service == AuthorityService::kProvider) {
    const bool later = ask_provider(one, message.link);
    wipe(one.request);  // it has tokens
    return later;
  }
  if (authority_->waits(service, one.caller, one.request)) {
    wait(std::move(one));
  } else {
    answer(one);
  }
  return false;
}

bool AuthorityServer::ask_provider(const Waiting& one, const LinkId& link) {
  // Answered while this runs: the caller gives the credit back. Later: whoever answers does.
  struct Progress {
    bool answered = false;
    bool later = false;
  };
  auto progress = std::make_shared<Progress>();
  authority_->handle(one.service, one.caller, one.request,
                     [this, progress, service = one.service, link, ret = one.ret](Bytes response) {
                       progress->answered = true;
                       if (progress->later) core_.message_done(link);
                       send(ret, service, std::move(response));
                     });
  progress->later = !progress->answered;
  return progress->later;
}

void AuthorityServer::answer(const Waiting& one) {
  send(one.ret, one.service, authority_->handle(one.service, one.caller, one.request));
}

void AuthorityServer::send(const EncodedRoute& ret, AuthorityService service, Bytes response) {
  if (response.empty()) return core_.count(ControlCounter::kAuthorityMalformed);
  core_.send_message(ret, encoded_local(authority_service_address(service)), std::move(response));
}

// --- requests that wait

void AuthorityServer::wait(Waiting one) {
  std::size_t& of_one = waiting_of_[*one.caller.identifier];
  if (of_one >= kWaitingOfOneMax || waiting_.size() >= kWaitingMax) return answer(one);
  ++of_one;
  one.until_ns = core_.now_ns() + kRevocationsHoldMs * kNsPerMs;
  waiting_.push_back(std::move(one));
  if (timer_ == kNoTimer) answer_due();
}

void AuthorityServer::answer_first() {
  const Waiting one = std::move(waiting_.front());
  waiting_.pop_front();
  const auto count = waiting_of_.find(*one.caller.identifier);
  if (--count->second == 0) waiting_of_.erase(count);
  answer(one);
}

void AuthorityServer::answer_all_soon() {
  for (Waiting& one : waiting_) one.until_ns = 0;
  core_.timers.cancel(timer_);
  timer_ = core_.after_ms(0, [this] { answer_due(); });
}

void AuthorityServer::answer_due() {
  timer_ = kNoTimer;
  const std::uint64_t now_ns = core_.now_ns();
  for (std::size_t i = 0; i < kAnswersAtOnceMax; ++i) {
    if (waiting_.empty()) return;
    if (waiting_.front().until_ns > now_ns) break;
    answer_first();
  }
  if (waiting_.empty()) return;
  const std::uint64_t due_ns = waiting_.front().until_ns;
  const std::uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / kNsPerMs + 1 : 0;
  timer_ = core_.after_ms(wait_ms, [this] { answer_due(); });
}

}  // namespace weir::control
