#include "control/node/internal/revocation_watch.h"

#include <algorithm>

#include "control/authority/authority.h"
#include "control/node/internal/authority_client.h"

namespace weir::control {
namespace {

constexpr std::uint64_t kAnswerMs = 10'000;
constexpr std::uint64_t kRetryFirstMs = 500;
constexpr std::uint64_t kRetryMsMax = 20'000;
constexpr std::uint64_t kRefusedMs = 20'000;
constexpr std::uint64_t kUnknownServiceMs = 600'000;
constexpr std::uint64_t kAtOnceMs = 1'000;
// An authority that holds no request, because too many wait there, is not asked more often.
constexpr std::uint64_t kHeldMsMin = 1'000;

}  // namespace

RevocationWatch::~RevocationWatch() { core_.timers.cancel(timer_); }

void RevocationWatch::start() {
  const auto& source = core_.config.credential_source;
  if (source && source->listener) open();
}

void RevocationWatch::check() {
  if (opening_ || connection_ || !version_) return;
  const std::uint64_t since_ms = (core_.now_ns() - opened_ns_) / kNsPerMs;
  open_in(since_ms >= kAtOnceMs ? 0 : kAtOnceMs - since_ms);
}

// The earlier of two times counts.
void RevocationWatch::open_in(std::uint64_t ms) {
  const std::uint64_t due_ns = core_.now_ns() + ms * kNsPerMs;
  if (timer_ != kNoTimer && due_ns_ <= due_ns) return;
  core_.timers.cancel(timer_);
  due_ns_ = due_ns;
  timer_ = core_.after_ms(ms, [this] {
    timer_ = kNoTimer;
    open();
  });
}

void RevocationWatch::open() {
  if (opening_ || connection_) return;
  opened_ns_ = core_.now_ns();
  const CredentialSource& source = *core_.config.credential_source;
  auto to = service_route(*source.listener, kRevocationsAddress);
  if (!to) return failed(to.error());
  opening_ = true;
  connections_.open(
      *to, authority_options(source.authority, std::nullopt, kAnswerMs),
      [this](Result<Connection> connection) {
        opening_ = false;
        if (!connection) return failed(connection.error());
        connection_ = std::move(*connection);
        ask();
      },
      [this](const std::string& why) { failed(Error{Errc::kIo, "connection lost", why}); });
}

void RevocationWatch::ask() {
  asked_ns_ = core_.now_ns();
  wire::Request request;
  request.id = static_cast<std::uint32_t>(core_.rng.next_u64() | 1);
  request.method = wire::Method::kGet;
  request.path = version_ ? revocations_after(*version_) : "/";
  request_ = messenger_.request(connection_->route, wire::encode_request(request),
                                kAnswerMs + (version_ ? kRevocationsHoldMs : 0),
                                [this](Result<Reply> reply) {
                                  request_ = 0;
                                  answered(reply ? body_of(*reply) : Result<Bytes>(pass(reply)));
                                });
}

void RevocationWatch::answered(Result<Bytes> body) {
  auto list = body ? Revocations::decode(*body) : Result<Revocations>(pass(body));
  if (!list) return failed(list.error());
  failures_ = 0;
  version_ = list->version;
  if (list->identifiers && revoked) {
    revoked(core_.config.credential_source->authority, *list->identifiers);
  }
  const std::uint64_t held_ms = (core_.now_ns() - asked_ns_) / kNsPerMs;
  if (list->identifiers || held_ms >= kHeldMsMin) return ask();
  close();
  open_in(kRevocationsHoldMs + core_.random_below(kRevocationsHoldMs / 4));
}

void RevocationWatch::failed(const Error& error) {
  const bool is_silent = connection_ && error.code == Errc::kTimeout;
  close();
  ++failures_;
  std::uint64_t pause = std::min(kRetryFirstMs << std::min(failures_, 6U), kRetryMsMax);
  // Who is no member yet is answered soon enough after he has become one.
  if (error.code == Errc::kRefused) {
    pause = kRefusedMs;
  } else if (!version_ && is_silent) {
    pause = kUnknownServiceMs;
  }
  open_in(pause / 2 + core_.random_below(pause / 2 + 1));
}

void RevocationWatch::close() {
  messenger_.cancel(std::exchange(request_, 0));
  if (!connection_) return;
  const ControlId id = connection_->id;
  connection_.reset();
  connections_.close(id);
}

}  // namespace weir::control
