// A membership authority: who is a member of a project, with which attributes, and credentials that
// say so (spec/04 section 8, spec/03 sections 8 and 9). Requests in, answers out: it knows no
// network and no thread; what it changes is durable, and in the audit log, before it answers.
//
// Stricter than Ockam where no honest client sees it: only an admin may overwrite a pre-trusted
// member or an enroller (Ockam protects them from deletion only); undecodable bodies are answered
// with 400 instead of silence; a removed member is revoked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/authority/attributes.h"
#include "control/authority/provider_enrollment.h"
#include "control/authority/requests.h"
#include "control/identity/identities.h"
#include "control/store/authority_store.h"
#include "dataplane/wire/envelope.h"

namespace weir {

enum class AuthorityService : std::uint8_t {
  kDirectAuthenticator,
  kTokenIssuer,
  kTokenAcceptor,
  kCredentialIssuer,
  kRevocations,  // ours
  kOkta,
  kProvider,  // ours
};
// Its worker address, "direct_authenticator" ..
const char* authority_service_address(AuthorityService service);
inline constexpr char kRevocationsAddress[] = "weir_revocations";
// GET `/` answers the revocations and their version, GET revocations_after(version) waits for
// another version, this long; then the answer has no list. Versions are random after a restart.
inline constexpr std::uint64_t kRevocationsHoldMs = 15'000;
std::string revocations_after(std::uint64_t version);

inline constexpr std::uint64_t kCredentialLifeDefaultS = 2'592'000;

struct TrustedMember {
  Identifier identifier;
  AttributeMap attributes;
};

struct AuthorityConfig {
  Identifier identity;
  std::string project_id;
  std::vector<TrustedMember> trusted;
  bool direct_authentication = true;
  bool token_enrollment = true;
  bool adds_trust_context = true;
  bool enforces_admin_checks = false;
  std::uint64_t credential_life_s = kCredentialLifeDefaultS;
  // Whose credentials with `project` = project_id make an admin.
  std::optional<Identifier> account_authority;
  // Whose word makes members.
  std::optional<OidcEnrollment> oidc;
  std::optional<OktaEnrollment> okta;
};

// Who asks: the identity at the other end of the innermost channel, and where from, for the log.
struct Caller {
  std::optional<Identifier> identifier;
  std::string origin = "local";
};

class Authority {
 public:
  // What an identity's credentials of `authority` say; nullopt: there are none in force.
  using AttributesOf = std::function<std::optional<AttributeMap>(const Identifier& who,
                                                                 const Identifier& authority)>;

  Authority(AuthorityConfig config, AuthorityTables& tables, Identities& identities, Rng& rng,
            AttributesOf attributes_of)
      : config_(std::move(config)),
        tables_(tables),
        identities_(identities),
        rng_(rng),
        attributes_of_(std::move(attributes_of)),
        revocations_version_(rng.next_u64()) {}

  // Writes the pre-trusted members anew, reads the revocations.
  Status start();
  std::vector<AuthorityService> services() const;
  // The encoded answer; empty: silence, for what is no request. Not for kOkta and kProvider.
  Bytes handle(AuthorityService service, const Caller& caller, ByteSpan request);
  // The same for all services; `answered` is called exactly once, perhaps before this returns.
  using Answered = std::function<void(Bytes)>;
  void handle(AuthorityService service, const Caller& caller, ByteSpan request, Answered answered);
  // Whether this is a member's GET revocations_after(the version that is): to be handled when
  // `revocations_changed` is called, or kRevocationsHoldMs later.
  bool waits(AuthorityService service, const Caller& caller, ByteSpan request);

  std::function<void()> revocations_changed;
  AskProvider ask_provider;  // unset: the provider's services are always busy
  const AuthorityConfig& config() const { return config_; }

 private:
  struct Roles {
    bool member = false;
    bool enroller = false;
    bool admin = false;
    bool by_account = false;  // an admin by the account authority's word
    AttributeMap attributes;  // of a stored member
  };
  // One request as its handlers see it.
  struct Call {
    const Caller& caller;
    const Identifier& from;
    const wire::Request& request;
    Roles roles;
  };
  struct Answer {
    wire::ApiStatus status = wire::ApiStatus::kOk;
    std::optional<Bytes> body;
    std::string message;  // of an error
  };
  static Answer refused(std::string message);
  static Answer bad(std::string message);
  static Answer failed(const Error& error);

  Answer direct(const Call& call);
  Answer add_member(const Call& call);
  Answer show_member(const Call& call, const Identifier& who);
  Answer list_members(const Call& call, bool ids_only);
  Answer delete_members(const Call& call);
  Answer delete_member(const Call& call, const Identifier& who);
  Answer issue_token(const Call& call);
  Answer accept_token(const Call& call);
  Answer issue_credential(const Call& call);
  Answer revocations(const Call& call);

  // provider_enrollment.cc
  struct Enrollment;
  void begin_enrollment(Enrollment enrollment, ByteSpan body);
  void end_enrollment(const Enrollment& enrollment, Result<oidc::Person> person);
  std::optional<Answer> not_okta_enrollment(const wire::Request& request);
  std::optional<Answer> not_provider_enrollment(const wire::Request& request);
  Result<bool> is_guarded(AuthorityService service, const Identifier& who);
  Result<std::map<std::string, std::string>> okta_attributes(const nlohmann::json& claims) const;
  static Answer busy(std::string message);
  void answer_enrollment(const Enrollment& enrollment, Answer answer);
  void refuse_enrollment(const Enrollment& enrollment, std::string message,
                         const std::string& reason);
  void log_refusal(const Enrollment& enrollment, const std::string& reason);
  std::string provider_name(const Enrollment& enrollment) const;
  AuditRecord enrollment_line(const Enrollment& enrollment, const char* action,
                              const nlohmann::json& detail) const;

  Result<Roles> roles_of(const Identifier& who);
  Result<std::optional<MemberRecord>> find(const Identifier& who);
  AuditRecord line(const Call& call, const char* action, std::string subject,
                   std::string detail) const;
  void set_revoked(const Identifier& who, bool revoked);
  std::uint64_t now_s() const { return identities_.clock().unix_seconds(); }
  Bytes encoded(const wire::Request& request, std::uint32_t re, Answer answer);

  AuthorityConfig config_;
  AuthorityTables& tables_;
  // True as often as refusals may be logged: strangers must not fill the disk.
  bool may_log_refusal();

  Identities& identities_;
  Rng& rng_;
  AttributesOf attributes_of_;
  std::set<Identifier> revoked_;  // as in the tables
  std::uint64_t revocations_version_;
  std::uint64_t refusals_minute_ = 0;
  std::uint32_t refusals_logged_ = 0;
  std::set<Identifier> enrolling_;  // by a provider, now: one at a time for each identity
};

}  // namespace weir
