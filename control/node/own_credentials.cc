#include "control/node/internal/own_credentials.h"

#include <algorithm>

#include "control/authority/authority.h"
#include "control/identity/identities.h"
#include "control/store/state.h"

namespace weir::control {
namespace {

constexpr std::uint64_t kSkewS = 60;   // treated as ended this much early
constexpr std::uint64_t kRenewS = 60;  // renewed this much before that
constexpr std::uint64_t kRetryMs = 10'000;
constexpr std::uint64_t kLookMs = 60'000;
constexpr std::uint64_t kRetryMsMax = 300'000;

}  // namespace

OwnCredentials::~OwnCredentials() {
  for (auto& [id, held] : held_) core_.timers.cancel(held.timer);
}

void OwnCredentials::start() {
  if (!configured()) return;
  get(core_.config.identity, [this](const Result<std::vector<Bytes>>& credentials) {
    if (credentials) return;
    core_.log(LogLevel::kWarn, "no credential from the authority: {}", credentials.error().text());
  });
}

bool OwnCredentials::usable(const Held& held) const {
  // From the future after a clock was set back: nobody accepts it.
  const std::uint64_t now_s = core_.clock.unix_seconds();
  return !held.encoded.empty() && held.expires_at_s > now_s + kSkewS &&
         held.created_at_s <= now_s + kSkewS;
}

OwnCredentials::Held& OwnCredentials::held(const Identifier& identity) {
  Held& held = held_[identity];
  if (!held.looked_up) look_up(identity, held);
  return held;
}

void OwnCredentials::look_up(const Identifier& identity, Held& held) {
  held.looked_up = true;
  if (state_ == nullptr || !configured()) return;
  const CredentialSource& source = *core_.config.credential_source;
  const auto row = state_->credentials().find(core_.config.name, source.authority.text(),
                                              identity.text(), source.scope);
  if (!row || !*row) return;
  if (take(identity, (*row)->credential, false)) renew_later(identity, held);
}

std::vector<Bytes> OwnCredentials::current(const Identifier& identity) {
  if (!configured()) return {};
  Held& own = held(identity);
  if (usable(own)) return {own.encoded};
  fetch(identity);
  return {};
}

void OwnCredentials::get(const Identifier& identity, Done<std::vector<Bytes>> done) {
  if (!configured()) return done(std::vector<Bytes>{});
  Held& own = held(identity);
  if (usable(own)) return done(std::vector<Bytes>{own.encoded});
  own.waiting.push_back(std::move(done));
  fetch(identity);
}

void OwnCredentials::fetch(const Identifier& identity) {
  const auto& source = core_.config.credential_source;
  if (!source || !source->listener) {
    // Only what is stored counts; that was looked up.
    return fetched(identity, fail(Errc::kNotFound, "there is no stored credential"));
  }
  Held& own = held(identity);
  if (std::exchange(own.fetching, true)) return;
  AuthorityRequest request;
  request.listener = *source->listener;
  request.authority = source->authority;
  request.identity = identity;
  request.service = authority_service_address(AuthorityService::kCredentialIssuer);
  client_.ask(request,
              [this, identity](Result<Bytes> body) { fetched(identity, std::move(body)); });
}

void OwnCredentials::fetched(const Identifier& identity, Result<Bytes> body) {
  Held& own = held(identity);
  own.fetching = false;
  Status taken = body ? take(identity, *body, true) : Status(std::unexpected(body.error()));
  const auto waiting = std::exchange(own.waiting, {});
  if (taken) {
    own.failures = 0;
    core_.count(ControlCounter::kCredentialsFetched);
    renew_later(identity, own);
    for (const auto& done : waiting) done(std::vector<Bytes>{own.encoded});
    return;
  }
  ++own.failures;
  core_.count(ControlCounter::kCredentialFetchesFailed);
  const std::uint64_t pause = std::min(kRetryMs << std::min(own.failures - 1, 5U), kRetryMsMax);
  core_.timers.cancel(own.timer);
  own.timer = core_.after_ms(pause + core_.random_below(pause / 2 + 1),
                             [this, identity] { fetch(identity); });
  for (const auto& done : waiting) {
    done(fail(taken.error().code, "no credential from the authority", taken.error().text()));
  }
}

Status OwnCredentials::take(const Identifier& identity, ByteSpan encoded, bool is_new) {
  const CredentialSource& source = *core_.config.credential_source;
  auto credential = CredentialAndPurposeKey::decode(encoded);
  if (!credential) return pass(credential);
  const auto verified = core_.identities.verify_credential(
      *credential, identity, std::vector<Identifier>{source.authority});
  if (!verified) return fail(verified.error().code, verified.error().what, verified.error().detail);
  Held& own = held_[identity];
  own.encoded = credential->encode();
  own.created_at_s = verified->data.created_at_s;
  own.expires_at_s = verified->data.expires_at_s;
  if (!is_new) return {};
  if (state_ != nullptr && core_.config.persist) {
    const Status stored =
        state_->credentials().put({core_.config.name, source.authority.text(), identity.text(),
                                   source.scope, own.encoded, own.expires_at_s});
    if (!stored) {
      core_.log(LogLevel::kWarn, "credential not kept: {}", stored.error().text());
    }
  }
  if (renewed) renewed(identity, own.encoded);
  return {};
}

void OwnCredentials::renew_later(const Identifier& identity, Held& own) {
  if (!core_.config.credential_source->listener) return;
  const std::uint64_t now_s = core_.clock.unix_seconds();
  const std::uint64_t left_s = own.expires_at_s > now_s ? own.expires_at_s - now_s : 0;
  const std::uint64_t life_s = own.expires_at_s - std::min(own.created_at_s, own.expires_at_s);
  // A short-lived one is renewed when half of it is left, so that there is time to try again.
  const std::uint64_t early_s =
      std::max(kSkewS + kRenewS, std::min<std::uint64_t>(life_s / 2, 3600));
  std::uint64_t wait_ms = left_s > early_s ? (left_s - early_s) * 1000 : 0;
  // Timers count monotonic time: look again soon, in case the wall clock moved.
  wait_ms = std::clamp<std::uint64_t>(wait_ms, kRetryMs, kLookMs);
  wait_ms -= core_.random_below(wait_ms / 10 + 1);
  core_.timers.cancel(own.timer);
  own.timer = core_.after_ms(wait_ms, [this, identity, early_s] {
    Held& mine = held(identity);
    const std::uint64_t now = core_.clock.unix_seconds();
    if (usable(mine) && mine.expires_at_s > now + early_s + 10) return renew_later(identity, mine);
    fetch(identity);
  });
}

}  // namespace weir::control
