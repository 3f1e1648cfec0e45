// Authority, its part that makes members by the word of an identity provider. The only requests
// that are answered later: the provider is asked first. Everything that was true before may have
// changed by then, so rights are looked at again.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/authority/authority.h"
#include "control/oidc/json_text.h"
#include "crypto/secret.h"

namespace weir {

using wire::ApiStatus;
using wire::Method;

namespace {

constexpr char kAlreadyMember[] = "Already a member";

bool is_enroll_path(std::string_view path) { return path == "v0/enroll" || path == "/v0/enroll"; }

std::string json_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

struct Authority::Enrollment {
  AuthorityService service;
  Caller caller;
  wire::Request request;  // without its body
  Answered answered;
};

void Authority::handle(AuthorityService service, const Caller& caller, ByteSpan payload,
                       Answered answered) {
  if (service != AuthorityService::kOkta && service != AuthorityService::kProvider) {
    return answered(handle(service, caller, payload));
  }
  auto request = wire::decode_request(payload);
  if (!request) return answered({});
  Bytes body = std::move(request->body);
  request->body = {};
  begin_enrollment({service, caller, std::move(*request), std::move(answered)}, body);
  wipe(body);
}

void Authority::begin_enrollment(Enrollment enrollment, ByteSpan body) {
  const bool okta = enrollment.service == AuthorityService::kOkta;
  if (!enrollment.caller.identifier) {
    Answer no = okta ? refused("secure channel required") : bad("secure channel required");
    const std::uint32_t re = okta ? enrollment.request.id : 0;
    return enrollment.answered(encoded(enrollment.request, re, std::move(no)));
  }
  if (auto known = okta ? not_okta_enrollment(enrollment.request)
                        : not_provider_enrollment(enrollment.request)) {
    return answer_enrollment(enrollment, std::move(*known));
  }
  auto tokens = okta ? decode_okta_token(body) : decode_provider_tokens(body);
  if (!tokens) return answer_enrollment(enrollment, bad(tokens.error().text()));
  const Identifier who = *enrollment.caller.identifier;
  auto guarded = is_guarded(enrollment.service, who);
  if (!guarded) return answer_enrollment(enrollment, failed(guarded.error()));
  if (*guarded)
    return refuse_enrollment(enrollment, kAlreadyMember, "its rights are not a provider's");
  if (!enrolling_.insert(who).second) {
    return answer_enrollment(enrollment, busy("an enrollment of this identity is under way"));
  }
  ProviderQuestion question{okta, std::move(*tokens), enrollment_nonce(who), now_s()};
  auto shared = std::make_shared<Enrollment>(std::move(enrollment));
  const bool asked = ask_provider &&
                     ask_provider(std::move(question), [this, shared](Result<oidc::Person> person) {
                       enrolling_.erase(*shared->caller.identifier);
                       end_enrollment(*shared, std::move(person));
                     });
  if (asked) return;
  enrolling_.erase(who);
  answer_enrollment(*shared, busy("the authority is busy: try again in a few seconds"));
}

void Authority::end_enrollment(const Enrollment& enrollment, Result<oidc::Person> person) {
  const bool okta = enrollment.service == AuthorityService::kOkta;
  if (!person) {
    const Error& error = person.error();
    const bool decided = error.code == Errc::kRefused || error.code == Errc::kInvalid;
    if (decided || okta) return refuse_enrollment(enrollment, error.text(), error.text());
    log_refusal(enrollment, error.text());
    return answer_enrollment(
        enrollment, {ApiStatus::kInternalServerError, std::nullopt,
                     fmt::format("The identity provider cannot be asked: {}", error.what)});
  }
  const Identifier who = *enrollment.caller.identifier;
  auto guarded = is_guarded(enrollment.service, who);
  if (!guarded) return answer_enrollment(enrollment, failed(guarded.error()));
  if (*guarded)
    return refuse_enrollment(enrollment, kAlreadyMember, "its rights are not a provider's");
  auto texts = okta ? okta_attributes(person->claims)
                    : oidc::attributes_by(config_.oidc->claims, person->claims);
  if (!texts) return refuse_enrollment(enrollment, texts.error().text(), texts.error().text());
  const AttributeMap attributes = attributes_of(*texts);
  if (Status good = check_attributes(attributes); !good) {
    return refuse_enrollment(enrollment, good.error().text(), good.error().text());
  }
  const MemberRecord member{config_.identity.text(),      who.text(), who.text(), now_s(), false,
                            encode_attributes(attributes)};
  const Status stored =
      tables_.put_member(member, enrollment_line(enrollment, "member-enrolled",
                                                 {{"provider", provider_name(enrollment)},
                                                  {"subject", person->subject},
                                                  {"attributes", attribute_texts(attributes)}}));
  if (!stored) return answer_enrollment(enrollment, failed(stored.error()));
  set_revoked(who, false);
  answer_enrollment(enrollment, {});
}

// --- what needs no provider

std::optional<Authority::Answer> Authority::not_okta_enrollment(const wire::Request& request) {
  if (!request.method) {
    return Answer{ApiStatus::kNotImplemented, std::nullopt, "unknown method"};
  }
  if (request.method != Method::kPost) return Answer{ApiStatus::kMethodNotAllowed, {}, {}};
  if (!is_enroll_path(request.path)) return bad("unknown path");
  return std::nullopt;
}

std::optional<Authority::Answer> Authority::not_provider_enrollment(const wire::Request& request) {
  if (!config_.oidc) {
    return Answer{ApiStatus::kNotFound, std::nullopt, "No identity provider is configured"};
  }
  if (request.method == Method::kGet && request.path == "/") {
    return Answer{ApiStatus::kOk, ProviderDescription{config_.oidc->provider}.encode(), {}};
  }
  if (request.method != Method::kPost || !is_enroll_path(request.path)) return bad("unknown path");
  return std::nullopt;
}

// Whose rights an operator or an enroller gave: a provider neither raises nor lowers them. Ockam's
// service overwrites ordinary members, whoever made them.
Result<bool> Authority::is_guarded(AuthorityService service, const Identifier& who) {
  const auto roles = roles_of(who);
  if (!roles) return std::unexpected(roles.error());
  if (roles->by_account) return true;
  const auto member = find(who);
  if (!member) return std::unexpected(member.error());
  if (!*member) return false;
  if ((*member)->is_pre_trusted) return true;
  const bool by_others = (*member)->added_by != who.text();
  return by_others && (roles->enroller || service == AuthorityService::kProvider);
}

Result<std::map<std::string, std::string>> Authority::okta_attributes(
    const nlohmann::json& claims) const {
  std::map<std::string, std::string> attributes;
  for (const std::string& name : config_.okta->attributes) {
    if (auto text = oidc::text_member(claims, name.c_str(), oidc::kClaimTextBytesMax)) {
      attributes[name] = std::move(*text);
    }
  }
  return attributes;
}

// --- answers

Authority::Answer Authority::busy(std::string message) {
  return {ApiStatus::kConflict, std::nullopt, std::move(message)};
}

void Authority::answer_enrollment(const Enrollment& enrollment, Answer answer) {
  enrollment.answered(encoded(enrollment.request, enrollment.request.id, std::move(answer)));
}

std::string Authority::provider_name(const Enrollment& enrollment) const {
  if (enrollment.service == AuthorityService::kOkta) return config_.okta->tenant_base_url;
  return config_.oidc->provider.issuer;
}

AuditRecord Authority::enrollment_line(const Enrollment& enrollment, const char* action,
                                       const nlohmann::json& detail) const {
  const std::string who = enrollment.caller.identifier->text();
  return {0,   config_.identity.text(), now_s(), who, enrollment.caller.origin, action,
          who, json_text(detail)};
}

void Authority::log_refusal(const Enrollment& enrollment, const std::string& reason) {
  if (!may_log_refusal()) return;
  // A failing log must not hide the answer.
  (void)tables_.append(
      enrollment_line(enrollment, "enrollment-refused",
                      {{"provider", provider_name(enrollment)}, {"reason", reason}}));
}

void Authority::refuse_enrollment(const Enrollment& enrollment, std::string message,
                                  const std::string& reason) {
  log_refusal(enrollment, reason);
  const bool okta = enrollment.service == AuthorityService::kOkta;
  // Ockam's service says no more than this.
  if (okta && message != kAlreadyMember) message = "Forbidden";
  answer_enrollment(enrollment, refused(std::move(message)));
}

}  // namespace weir
