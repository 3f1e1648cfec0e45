// weir enroll: join a project by signing in at the identity provider that its authority names
// (docs/trust.md). Without one: how to join with a ticket.
#include <fmt/core.h>

#include "control/authority/provider_enrollment.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/project_access.h"
#include "tools/weir/project_enroll.h"
#include "tools/weir/sign_in.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kAskMs = 15'000;
constexpr std::uint32_t kDiscoverMs = 10'000;

[[noreturn]] void no_provider(std::string cause) {
  give_up(Failure{"No identity provider is configured",
                  {std::move(cause)},
                  "ask an enroller of the project for a ticket (`weir project ticket`), then run "
                  "`weir project enroll TICKET`",
                  {},
                  kExitFailed});
}

Project project_to_join(Context& context, const Arguments& arguments) {
  const auto name = arguments.optional("project");
  if (!name) {
    auto known = context.state().projects().get_default();
    if (!known && known.error().code == Errc::kNotFound) {
      no_provider("there is no project on this machine that could name one");
    }
  }
  return stored_project(context, name);
}

oidc::Provider provider_of(Context& context, const Project& project,
                           const IdentityRecord& identity) {
  AuthorityAccess authority(context, project, identity);
  authority.set_timeout_ms(kAskMs);
  const auto body = authority.try_ask(kProviderAddress, wire::Method::kGet, "/");
  if (body) {
    return must(ProviderDescription::decode(*body),
                "The authority's description of the identity provider cannot be used")
        .provider;
  }
  if (authority.status() == wire::ApiStatus::kNotFound) {
    no_provider(fmt::format("the authority of project {} names none", project.name));
  }
  // Ockam's authorities have no such service, and are silent.
  if (!authority.status() && body.error().code == Errc::kTimeout) {
    no_provider(fmt::format("the authority of project {} did not answer the question for one",
                            project.name));
  }
  give_up(body.error());
}

void enroll_with(AuthorityAccess& authority, Context& context, const oidc::Tokens& tokens) {
  Bytes body = encode_provider_tokens(tokens);
  const auto done =
      authority.try_ask(kProviderAddress, wire::Method::kPost, kProviderEnrollPath, body);
  wipe(body);
  if (done) return;
  if (says_already_member(done.error())) {
    return context.note(done_line("Identity is already enrolled with the project"));
  }
  if (done.error().code != Errc::kRefused) give_up(done.error());
  give_up(Failure{"The authority refuses the enrollment",
                  {done.error().detail},
                  authority.status() == wire::ApiStatus::kForbidden
                      ? "its log says the same to the operator (`weir authority log`)"
                      : "try again in a moment",
                  {},
                  kExitFailed});
}

void run_enroll(Context& context, const Arguments& arguments) {
  const Project project = project_to_join(context, arguments);
  const IdentityRecord identity =
      arguments.has("identity") ? identity_or_new(context, arguments.text("identity"), Tell::kYes)
                                : default_identity(context, Tell::kYes);
  const oidc::Provider provider = provider_of(context, project, identity);
  if (arguments.has("issuer") && arguments.text("issuer") != provider.issuer) {
    give_up(Failure{
        fmt::format("The authority names another provider than {}", arguments.text("issuer")),
        {fmt::format("it names {}", provider.issuer)},
        {},
        {},
        kExitFailed});
  }
  const oidc::Endpoints endpoints =
      must(oidc::discover(http_exchange, provider, kDiscoverMs),
           fmt::format("The identity provider {} cannot be used", provider.issuer));
  oidc::DeviceFlow flow;
  flow.device_authorization = endpoints.device_authorization;
  flow.token = endpoints.token;
  flow.client_id = provider.client_id;
  flow.scope = provider.scope;
  flow.ca_pem = provider.ca_pem;
  flow.nonce = enrollment_nonce(must(Identifier::parse(identity.identifier)));
  const oidc::Tokens tokens = sign_in(context, flow, provider.issuer, !arguments.has("no-browser"));
  if (tokens.id_token.empty()) {
    give_up("The provider gave no ID token", "its client must be allowed the scope openid");
  }
  AuthorityAccess authority(context, project, identity);
  authority.set_timeout_ms(context.duration_ms(arguments, "timeout", kEnrollTimeoutMs));
  enroll_with(authority, context, tokens);
  Enrolled enrolled;
  enrolled.project_name = project.name;
  enrolled.credential = fetch_credential(authority, identity);
  print_enrolled(context, enrolled, identity);
}

}  // namespace

CommandSpec enroll_command() {
  return command("enroll",
                 "Join a project by signing in at the identity provider that its operator has "
                 "configured; without one see project enroll",
                 run_enroll)
      .with(option("identity", "IDENTITY_NAME", "Who enrols; made if missing"))
      .with(option("project", "PROJECT_NAME", "The project [default: the default one] (weir)"))
      .with(option("issuer", "URL", "Go on only if this is the provider that is named (weir)"))
      .with(flag("no-browser", "Do not open a browser (weir)"))
      .with(option("timeout", "TIMEOUT", "How long the authority may take (weir)")
                .by_default("240s")
                .checked(check_duration))
      .with(flag("authorization-code-flow", "No effect").hidden())
      .with(flag("force", "No effect").hidden())
      .with(flag("skip-resource-creation", "No effect").hidden());
}

}  // namespace weir::cli
