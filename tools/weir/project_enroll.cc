#include "tools/weir/project_enroll.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/hex.h"
#include "control/authority/provider_enrollment.h"
#include "control/http/http_client.h"
#include "control/oidc/provider.h"
#include "tools/weir/attribute_options.h"
#include "tools/weir/commands.h"
#include "tools/weir/credential_text.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/project_access.h"
#include "tools/weir/sign_in.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

}  // namespace

bool says_already_member(const Error& refusal) {
  if (refusal.code != Errc::kRefused) return false;
  std::string lower = refusal.detail;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("already a member") != std::string::npos;
}

CredentialAndPurposeKey fetch_credential(AuthorityAccess& authority,
                                         const IdentityRecord& identity) {
  const Bytes body = authority.ask("credential_issuer", wire::Method::kPost, "/");
  CredentialAndPurposeKey credential = must(CredentialAndPurposeKey::decode(body));
  must(authority.identities().verify_credential(
           credential, must(Identifier::parse(identity.identifier)),
           std::vector<Identifier>{*authority.project().authority}),
       "The authority's credential does not verify");
  return credential;
}

void print_enrolled(Context& context, const Enrolled& enrolled, const IdentityRecord& identity) {
  std::string plain = done_line(fmt::format("Successfully enrolled identity {} to the {} project.",
                                            identity.name, enrolled.project_name));
  if (enrolled.credential) {
    plain += "\n" + attribute_lines(
                        attribute_texts(must(enrolled.credential->content()).attributes), "      ");
  }
  context.print({.plain = plain, .machine = {}, .json = enrolled_json(enrolled, identity)});
}

namespace {

// Ockam's flow with Okta: the addresses are below the tenant's, the authority gets the access token
// (spec/04 8.7).
void use_okta(Context& context, const Project& project, const IdentityRecord& identity,
              std::uint64_t timeout_ms, bool opens_browser) {
  const auto text = [&project](const char* key) {
    const Json& config = *project.okta_config;
    const auto found = config.find(key);
    return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!project.okta_config || !project.okta_config->is_object()) {
    give_up("Okta addon not configured",
            "the project's JSON has no okta_config; see `weir enroll` for other providers");
  }
  std::string tenant = text("tenant_base_url");
  while (tenant.ends_with('/')) tenant.pop_back();
  must(oidc::check_url(tenant));
  oidc::DeviceFlow flow;
  flow.device_authorization = tenant + "/v1/device/authorize";
  flow.token = tenant + "/v1/token";
  flow.client_id = text("client_id");
  flow.scope = oidc::kScopeDefault;
  flow.ca_pem = text("certificate");
  const oidc::Tokens tokens = sign_in(context, flow, tenant, opens_browser);
  AuthorityAccess authority(context, project, identity);
  authority.set_timeout_ms(timeout_ms);
  Bytes body = encode_okta_token(tokens);
  const auto done = authority.try_ask(kOktaAddress, wire::Method::kPost, "v0/enroll", body);
  wipe(body);
  if (done) return;
  if (!says_already_member(done.error())) give_up(done.error());
  context.note(done_line("Identity is already enrolled with the project"));
}

void run_enroll(Context& context, const Arguments& arguments) {
  const IdentityRecord identity =
      arguments.has("identity") ? identity_or_new(context, arguments.text("identity"), Tell::kYes)
                                : default_identity(context, Tell::kYes);
  const std::uint64_t timeout_ms = context.duration_ms(arguments, "timeout", kEnrollTimeoutMs);
  const bool with_credential = !arguments.has("skip-credential-issue");
  if (arguments.has("ENROLLMENT_TICKET")) {
    const Ticket ticket = read_ticket(context, arguments.text("ENROLLMENT_TICKET"));
    return print_enrolled(context, enroll(context, ticket, identity, timeout_ms, with_credential),
                          identity);
  }
  const Project project = stored_project(context, arguments.optional("project"));
  if (arguments.has("okta")) {
    use_okta(context, project, identity, timeout_ms, !arguments.has("no-browser"));
  }
  AuthorityAccess authority(context, project, identity);
  authority.set_timeout_ms(timeout_ms);
  Enrolled enrolled;
  enrolled.project_name = project.name;
  if (with_credential) enrolled.credential = fetch_credential(authority, identity);
  print_enrolled(context, enrolled, identity);
}

}  // namespace

namespace {

// Ockam takes plain http here; so must scripts that were written for it.
std::string ticket_behind(Context& context, const std::string& url) {
  if (!oidc::check_url(url)) {
    const std::string secure = url.starts_with("http://") ? "https://" + url.substr(7) : url;
    if (const Status good = oidc::check_url(secure); !good) give_up(good.error());
    context.note(
        warning_line("Who listens on the way can use this ticket: it is fetched without TLS"));
  }
  HttpCall call;
  call.url = url;
  call.method = HttpMethod::kGet;
  const auto reply = http_exchange(call);
  if (!reply) {
    give_up(Failure{"The ticket cannot be fetched", {reply.error().text()}, {}, {}, kExitFailed});
  }
  if (reply->status != 200) {
    give_up(fmt::format("The ticket cannot be fetched: {} answers {}", url, reply->status),
            "redirects are not followed");
  }
  return reply->body;
}

}  // namespace

Ticket read_ticket(Context& context, const std::string& given) {
  std::string text = is_url(given) ? ticket_behind(context, given) : given;
  std::error_code failed;
  if (given.size() < 4096 && std::filesystem::is_regular_file(given, failed)) {
    std::ifstream file(given, std::ios::binary);
    text.resize(kTicketBytesMax + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
  }
  auto ticket = Ticket::parse(text);
  if (ticket) return std::move(*ticket);
  give_up(Failure{ticket.error().text(),
                  {},
                  "a ticket is the text that `project ticket` made, a file with it, or a URL",
                  {},
                  kExitFailed});
}

void check_project(Context& context, const Project& project) {
  // Histories are only stored when they verify.
  if (project.project_change_history) {
    const auto own = import_history(context, *project.project_change_history);
    if (project.identity && own->identifier() != *project.identity) {
      give_up("The project's identity is not that of its change history");
    }
  }
  if (project.authority_identity) import_history(context, *project.authority_identity);
  if (!project.access_route.empty()) must(wire::MultiAddr::parse(project.access_route));
  if (project.authority_access_route) must(wire::MultiAddr::parse(*project.authority_access_route));
}

Enrolled enroll(Context& context, const Ticket& ticket, const IdentityRecord& identity,
                std::uint64_t timeout_ms, bool with_credential) {
  Project project = ticket.project();
  check_project(context, project);
  store_project(context, project);
  AuthorityAccess authority(context, project, identity);
  authority.set_timeout_ms(timeout_ms);
  Enrolled enrolled;
  enrolled.project_name = project.name;
  const auto used = authority.try_ask("enrollment_token_acceptor", wire::Method::kPost, "/",
                                      ticket.code.encode());
  if (!used) {
    enrolled.was_member = says_already_member(used.error());
    if (!enrolled.was_member) {
      if (used.error().code == Errc::kRefused) {
        give_up(
            Failure{used.error().detail,
                    {},
                    "a ticket can be used for its time and number of uses only: ask for a new one",
                    {},
                    kExitFailed});
      }
      give_up(used.error());
    }
    context.note(done_line("Identity is already enrolled with the project"));
  }
  if (with_credential) enrolled.credential = fetch_credential(authority, identity);
  return enrolled;
}

Json enrolled_json(const Enrolled& enrolled, const IdentityRecord& identity) {
  return {
      {"credential", enrolled.credential ? credential_json(*enrolled.credential) : Json(nullptr)},
      {"identity",
       {{"identifier", identity.identifier},
        {"is_default", identity.is_default},
        {"name", identity.name},
        {"vault_name", identity.vault_name}}},
      {"project_name", enrolled.project_name}};
}

CommandSpec project_enroll_command() {
  return command("enroll", "Become a member of a project with a ticket", run_enroll)
      .with(positional("ENROLLMENT_TICKET", "The ticket, the name of a file with it, or a URL"))
      .with(option("identity", "IDENTITY_NAME", "Who becomes a member; made if missing"))
      .with(option("project", "PROJECT_NAME", "Without a ticket: get a new credential of this one"))
      .with(option("timeout", "TIMEOUT", "How long the authority may take")
                .by_default("240s")
                .checked(check_duration))
      .with(flag("skip-credential-issue", "Do not get a credential").hidden())
      .with(flag("okta", "Sign in with Okta instead: the project's JSON has an okta_config")
                .conflicts_with("ENROLLMENT_TICKET"))
      .with(flag("no-browser", "With --okta: do not open a browser (weir)").only_with("okta"));
}

}  // namespace weir::cli
