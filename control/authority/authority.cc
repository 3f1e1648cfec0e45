#include "control/authority/authority.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace weir {

using wire::ApiStatus;
using wire::Method;

namespace {

constexpr char kAfter[] = "/after/";

bool is_enroller(const AttributeMap& attributes) {
  return attribute_text(attributes, kAttributeRole) == kRoleEnroller;
}

std::string json_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string attributes_json(const AttributeMap& attributes) {
  return json_text({{"attributes", attribute_texts(attributes)}});
}

// The version that GET `/after/VERSION` of the revocations names.
std::optional<std::uint64_t> version_in(const wire::Request& request) {
  std::string_view rest = request.path;
  if (request.method != Method::kGet || !rest.starts_with(kAfter)) return std::nullopt;
  rest.remove_prefix(sizeof kAfter - 1);
  std::uint64_t version = 0;
  const char* end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data(), end, version);
  if (error != std::errc() || stop != end) return std::nullopt;
  return version;
}

bool is_root(std::string_view path, std::string_view other) { return path == "/" || path == other; }

}  // namespace

std::string revocations_after(std::uint64_t version) { return kAfter + std::to_string(version); }

const char* authority_service_address(AuthorityService service) {
  switch (service) {
    case AuthorityService::kDirectAuthenticator:
      return "direct_authenticator";
    case AuthorityService::kTokenIssuer:
      return "enrollment_token_issuer";
    case AuthorityService::kTokenAcceptor:
      return "enrollment_token_acceptor";
    case AuthorityService::kCredentialIssuer:
      return "credential_issuer";
    case AuthorityService::kRevocations:
      return kRevocationsAddress;
    case AuthorityService::kOkta:
      return kOktaAddress;
    case AuthorityService::kProvider:
      return kProviderAddress;
  }
  return "";
}

Status Authority::start() {
  if (config_.oidc) {
    if (Status good = config_.oidc->check(); !good) return good;
  }
  if (config_.okta) {
    if (Status good = config_.okta->check(); !good) return good;
  }
  std::vector<MemberRecord> members;
  nlohmann::json listed = nlohmann::json::object();
  for (const TrustedMember& one : config_.trusted) {
    if (Status good = check_attributes(one.attributes); !good) return good;
    members.push_back({config_.identity.text(), one.identifier.text(), config_.identity.text(),
                       now_s(), true, encode_attributes(one.attributes)});
    listed[one.identifier.text()] = attribute_texts(one.attributes);
  }
  const Status replaced =
      tables_.replace_pre_trusted(config_.identity.text(), members,
                                  {0, config_.identity.text(), now_s(), "operator", "local",
                                   "trusted-identities-set", "", json_text({{"members", listed}})});
  if (!replaced) return replaced;
  const auto records = tables_.revocations(config_.identity.text());
  if (!records) return std::unexpected(records.error());
  revoked_.clear();
  for (const RevocationRecord& one : *records) {
    if (const auto who = Identifier::parse(one.identifier)) revoked_.insert(*who);
  }
  return {};
}

std::vector<AuthorityService> Authority::services() const {
  std::vector<AuthorityService> all = {AuthorityService::kCredentialIssuer,
                                       AuthorityService::kRevocations, AuthorityService::kProvider};
  if (config_.okta) all.push_back(AuthorityService::kOkta);
  if (config_.direct_authentication) all.push_back(AuthorityService::kDirectAuthenticator);
  if (config_.token_enrollment) {
    all.push_back(AuthorityService::kTokenIssuer);
    all.push_back(AuthorityService::kTokenAcceptor);
  }
  return all;
}

Authority::Answer Authority::refused(std::string message) {
  return {ApiStatus::kForbidden, std::nullopt, std::move(message)};
}
Authority::Answer Authority::bad(std::string message) {
  return {ApiStatus::kBadRequest, std::nullopt, std::move(message)};
}
Authority::Answer Authority::failed(const Error& error) {
  return {ApiStatus::kInternalServerError, std::nullopt, error.text()};
}

Bytes Authority::encoded(const wire::Request& request, std::uint32_t re, Answer answer) {
  wire::Response response;
  response.id = static_cast<std::uint32_t>(rng_.next_u64() | 1);
  response.re = re;
  response.status = answer.status;
  if (answer.status == ApiStatus::kOk) {
    response.has_body = answer.body.has_value();
    if (answer.body) response.body = std::move(*answer.body);
  } else {
    wire::ErrorBody error;
    if (re != 0) {
      error.path = request.path;
      error.method = request.method;
    }
    error.message = std::move(answer.message);
    response.has_body = true;
    response.body = wire::encode_error_body(error);
  }
  return wire::encode_response(response);
}

Bytes Authority::handle(AuthorityService service, const Caller& caller, ByteSpan payload) {
  const auto request = wire::decode_request(payload);
  if (!request) return {};
  if (!caller.identifier) return encoded(*request, 0, bad("secure channel required"));
  auto roles = roles_of(*caller.identifier);
  if (!roles) return encoded(*request, request->id, failed(roles.error()));
  const Call call{caller, *caller.identifier, *request, std::move(*roles)};
  Answer answer;
  switch (service) {
    case AuthorityService::kDirectAuthenticator:
      answer = direct(call);
      break;
    case AuthorityService::kTokenIssuer:
      answer = issue_token(call);
      break;
    case AuthorityService::kTokenAcceptor:
      answer = accept_token(call);
      break;
    case AuthorityService::kCredentialIssuer:
      answer = issue_credential(call);
      break;
    case AuthorityService::kRevocations:
      answer = revocations(call);
      break;
    case AuthorityService::kOkta:
    case AuthorityService::kProvider:
      return {};  // answered later: the other handle
  }
  return encoded(*request, request->id, std::move(answer));
}

// --- roles

Result<std::optional<MemberRecord>> Authority::find(const Identifier& who) {
  return tables_.find_member(config_.identity.text(), who.text());
}

Result<Authority::Roles> Authority::roles_of(const Identifier& who) {
  auto member = find(who);
  if (!member) return pass(member);
  Roles roles;
  if (*member) {
    auto attributes = decode_attributes((*member)->attributes);
    if (!attributes) return pass(attributes);
    roles.member = true;
    roles.attributes = std::move(*attributes);
    roles.enroller = is_enroller(roles.attributes);
  }
  if (!config_.account_authority) {
    roles.admin = roles.enroller;
    return roles;
  }
  const auto attested = attributes_of_(who, *config_.account_authority);
  roles.by_account = attested && attribute_text(*attested, kAttributeProject) == config_.project_id;
  roles.admin = roles.by_account || (roles.enroller && !config_.enforces_admin_checks);
  roles.enroller = roles.enroller || roles.by_account;
  roles.member = roles.member || roles.by_account;
  return roles;
}

AuditRecord Authority::line(const Call& call, const char* action, std::string subject,
                            std::string detail) const {
  return {0,      config_.identity.text(), now_s(),          call.from.text(), call.caller.origin,
          action, std::move(subject),      std::move(detail)};
}

// --- members

Authority::Answer Authority::direct(const Call& call) {
  const std::string& path = call.request.path;
  const auto method = call.request.method;
  std::string_view rest = path;
  if (rest.starts_with("/members/")) {
    rest.remove_prefix(9);
  } else if (rest.starts_with("/")) {
    rest.remove_prefix(1);
  }
  if (method == Method::kPost && is_root(path, "/members")) return add_member(call);
  if (method == Method::kGet && is_root(path, "/members")) return list_members(call, false);
  if (method == Method::kGet && path == "/member_ids") return list_members(call, true);
  if (method == Method::kDelete && path == "/members") return delete_members(call);
  const bool is_name = !rest.empty() && rest.find('/') == std::string_view::npos;
  if (!is_name || (method != Method::kGet && method != Method::kDelete)) {
    return bad("unknown path");
  }
  const auto who = Identifier::parse(rest);
  if (!who) return bad(fmt::format("{} is no identifier", rest));
  return method == Method::kGet ? show_member(call, *who) : delete_member(call, *who);
}

Authority::Answer Authority::add_member(const Call& call) {
  const auto request = AddMember::decode(call.request.body);
  if (!request) return bad(request.error().text());
  const std::string who = request->member.text();
  if (!call.roles.enroller) {
    return refused(
        fmt::format("Non-enroller {} is trying to add a member {}", call.from.text(), who));
  }
  if (is_enroller(request->attributes) && !call.roles.admin) {
    return refused("Not pre trusted enroller is trying to create an enroller");
  }
  if (Status good = check_attributes(request->attributes); !good) return bad(good.error().text());
  auto before = find(request->member);
  if (!before) return failed(before.error());
  if (*before && !call.roles.admin) {
    const auto attributes = decode_attributes((*before)->attributes);
    if ((*before)->is_pre_trusted || (attributes && is_enroller(*attributes))) {
      return refused("Not admin is trying to change an enroller");
    }
  }
  const MemberRecord member{config_.identity.text(),
                            who,
                            call.from.text(),
                            now_s(),
                            false,
                            encode_attributes(request->attributes)};
  const Status stored =
      tables_.put_member(member, line(call, *before ? "member-changed" : "member-added", who,
                                      attributes_json(request->attributes)));
  if (!stored) return refused("Error adding member");
  set_revoked(request->member, false);
  return {};
}

namespace {

Result<MemberEntry> entry_of(const MemberRecord& record) {
  auto attributes = decode_attributes(record.attributes);
  if (!attributes) return pass(attributes);
  MemberEntry entry;
  entry.attributes = std::move(*attributes);
  entry.added_at_s = record.added_at;
  if (auto by = Identifier::parse(record.added_by)) entry.attested_by = *by;
  return entry;
}

}  // namespace

Authority::Answer Authority::show_member(const Call& call, const Identifier& who) {
  if (!call.roles.enroller) return refused("Non-enroller is trying to retrieve a member");
  auto member = find(who);
  if (!member) return failed(member.error());
  if (!*member) return refused(fmt::format("Member {} not found", who.text()));
  const auto entry = entry_of(**member);
  if (!entry) return failed(entry.error());
  return {ApiStatus::kOk, entry->encode(), {}};
}

Authority::Answer Authority::list_members(const Call& call, bool ids_only) {
  if (!call.roles.enroller) return refused("Non-enroller is trying to list members");
  auto members = tables_.members(config_.identity.text());
  if (!members) return failed(members.error());
  MemberList list;
  std::vector<Identifier> ids;
  for (const MemberRecord& record : *members) {
    const auto id = Identifier::parse(record.identifier);
    auto entry = entry_of(record);
    if (!id || !entry) continue;
    ids.push_back(*id);
    list.emplace_back(*id, std::move(*entry));
  }
  return {ApiStatus::kOk, ids_only ? encode_member_ids(ids) : encode_member_list(list), {}};
}

Authority::Answer Authority::delete_member(const Call& call, const Identifier& who) {
  if (!call.roles.enroller) return refused("Non-enroller is trying to delete a member");
  auto member = find(who);
  if (!member) return failed(member.error());
  if (!*member) return {};
  const auto attributes = decode_attributes((*member)->attributes);
  if ((*member)->is_pre_trusted) {
    return refused("Enroller is trying to delete a pre trusted identity");
  }
  if (attributes && is_enroller(*attributes) && !call.roles.admin) {
    return refused("Not admin is trying to delete an enroller");
  }
  auto removed = tables_.remove_member(config_.identity.text(), who.text(),
                                       line(call, "member-removed", who.text(), "{}"));
  if (!removed) return failed(removed.error());
  if (*removed) set_revoked(who, true);
  return {};
}

Authority::Answer Authority::delete_members(const Call& call) {
  if (!call.roles.enroller) return refused("Non-enroller is trying to delete a member");
  auto members = tables_.members(config_.identity.text());
  if (!members) return failed(members.error());
  for (const MemberRecord& record : *members) {
    const auto who = Identifier::parse(record.identifier);
    if (!who || *who == call.from) continue;
    const Answer one = delete_member(call, *who);
    if (one.status == ApiStatus::kInternalServerError) return one;
  }
  return {};
}

// --- tokens

Authority::Answer Authority::issue_token(const Call& call) {
  if (call.request.method != Method::kPost || !is_root(call.request.path, "/tokens")) {
    return bad("unknown path");
  }
  if (!call.roles.enroller) {
    return refused("Non-enroller is trying to issue an enrollment token");
  }
  const auto request = CreateToken::decode(call.request.body);
  if (!request) return bad(request.error().text());
  if (is_enroller(request->attributes) && !call.roles.admin) {
    return refused("Not admin is trying to issue an enrollment token for an enroller");
  }
  if (Status good = check_attributes(request->attributes); !good) return bad(good.error().text());
  OneTimeCode code;
  rng_.fill(code.bytes);
  std::string reference(10, '0');
  for (char& c : reference) c = "0123456789abcdefghijklmnopqrstuvwxyz"[rng_.next_u64() % 36];
  const std::uint64_t life_s =
      std::min(request->life_s.value_or(kTokenLifeDefaultS), std::uint64_t{100} * 365 * 86'400);
  const std::uint64_t uses = std::clamp<std::uint64_t>(request->uses.value_or(1), 1, 0x7fffffff);
  const EnrollmentTokenRecord token{code.text(),
                                    reference,
                                    call.from.text(),
                                    now_s(),
                                    now_s() + life_s,
                                    static_cast<std::uint32_t>(uses),
                                    encode_attributes(request->attributes)};
  const Status stored =
      tables_.put_token(token, line(call, "ticket-issued", reference,
                                    json_text({{"attributes", attribute_texts(request->attributes)},
                                               {"expires_at", token.expires_at},
                                               {"uses", uses}})));
  if (!stored) return failed(stored.error());
  return {ApiStatus::kOk, code.encode(), {}};
}

Authority::Answer Authority::accept_token(const Call& call) {
  if (call.request.method != Method::kPost || !is_root(call.request.path, "/credential")) {
    return bad("unknown path");
  }
  const auto code = OneTimeCode::decode(call.request.body);
  if (!code) return bad(code.error().text());
  if (call.roles.member) return refused("Already a member");
  const auto done = tables_.redeem(
      code->text(), now_s(), {config_.identity.text(), call.from.text(), {}, now_s(), false, {}},
      line(call, "member-enrolled", call.from.text(), {}));
  if (!done) {
    return refused("Error using the enrollment token: " + done.error().text());
  }
  switch (*done) {
    case AuthorityTables::Redeemed::kDone:
      set_revoked(call.from, false);
      return {};
    case AuthorityTables::Redeemed::kAlreadyMember:
      return refused("Already a member");
    case AuthorityTables::Redeemed::kUnknownToken:
      break;
  }
  // A failing log must not hide the answer.
  if (may_log_refusal()) {
    (void)tables_.append(line(call, "ticket-refused", call.from.text(), "{}"));
  }
  return refused("Unknown enrollment token");
}

bool Authority::may_log_refusal() {
  constexpr std::uint32_t kPerMinuteMax = 20;
  const std::uint64_t minute = now_s() / 60;
  if (minute != std::exchange(refusals_minute_, minute)) refusals_logged_ = 0;
  return ++refusals_logged_ <= kPerMinuteMax;
}

// --- credentials

Authority::Answer Authority::issue_credential(const Call& call) {
  if (call.request.method != Method::kPost || !is_root(call.request.path, "/credential")) {
    return bad("unknown path");
  }
  if (!call.roles.member) return refused("unauthorized member");
  std::map<std::string, std::string> fixed;
  if (config_.adds_trust_context) fixed[kAttributeTrustContext] = config_.project_id;
  if (call.roles.by_account) {
    fixed[kAttributeRelay] = "*";
    fixed[kAttributeTls] = "true";
  }
  AttributeMap attributes = attributes_of(fixed);
  if (!call.roles.by_account) {
    for (const auto& [key, value] : call.roles.attributes) attributes[key] = value;
  }
  const auto credential = identities_.issue_credential(
      config_.identity, call.from, std::move(attributes), config_.credential_life_s);
  if (!credential) return failed(credential.error());
  return {ApiStatus::kOk, credential->encode(), {}};
}

// --- revocations

void Authority::set_revoked(const Identifier& who, bool revoked) {
  const bool is_change = revoked ? revoked_.insert(who).second : revoked_.erase(who) != 0;
  if (!is_change) return;
  ++revocations_version_;
  if (revocations_changed) revocations_changed();
}

bool Authority::waits(AuthorityService service, const Caller& caller, ByteSpan payload) {
  if (service != AuthorityService::kRevocations || !caller.identifier) return false;
  const auto request = wire::decode_request(payload);
  if (!request || version_in(*request) != revocations_version_) return false;
  const auto roles = roles_of(*caller.identifier);
  return roles && roles->member;
}

Authority::Answer Authority::revocations(const Call& call) {
  const auto version = version_in(call.request);
  const bool is_all = call.request.method == Method::kGet && call.request.path == "/";
  if (!version && !is_all) return bad("unknown path");
  if (!call.roles.member) return refused("unauthorized member");
  Revocations list;
  list.version = revocations_version_;
  if (version == revocations_version_) return {ApiStatus::kOk, list.encode(), {}};
  list.identifiers.emplace(revoked_.begin(), revoked_.end());
  return {ApiStatus::kOk, list.encode(), {}};
}

}  // namespace weir
