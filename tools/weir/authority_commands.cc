// weir authority create|log (spec/07 11.1, spec/04 8.1, spec/08 section 9).
#include <fmt/core.h>

#include <ctime>

#include "base/hex.h"
#include "control/authority/config_json.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/names.h"
#include "tools/weir/node_here.h"
#include "tools/weir/nodes.h"
#include "tools/weir/oidc_options.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint32_t kLinesAtOnce = 1000;

std::string check_trusted(std::string_view text) {
  return trusted_from_json(text) ? std::string() : "Cannot parse the trusted identities";
}

std::string check_ip_port(std::string_view text) {
  return wire::SocketAddress::parse(text) ? std::string() : "an address is IP:PORT";
}

std::uint64_t credential_life_s(Context& context, const Arguments& arguments) {
  if (arguments.has("credential-ttl")) {
    return context.duration_ms(arguments, "credential-ttl", 0) / 1000;
  }
  const auto text = context.env()("CREDENTIAL_TTL_SECS");
  if (!text || text->empty()) return kCredentialLifeDefaultS;
  const auto life = parse_duration(*text);
  if (!life) give_up(fmt::format("Invalid value for CREDENTIAL_TTL_SECS: {}", *text));
  return life->ms / 1000;
}

// As Ockam: all three, or there is no such service.
std::optional<OktaEnrollment> okta_given(Context& context, const Arguments& arguments) {
  int given = 0;
  for (const char* key : {"tenant-base-url", "certificate", "attributes"}) {
    given += arguments.has(key) ? 1 : 0;
  }
  if (given == 0) return std::nullopt;
  if (given < 3) {
    context.note(warning_line(
        "Okta needs --tenant-base-url, --certificate and --attributes: without one of them nobody "
        "can enroll with it"));
    return std::nullopt;
  }
  OktaEnrollment okta{arguments.text("tenant-base-url"), arguments.text("certificate"),
                      arguments.list("attributes")};
  must(okta.check());
  return okta;
}

NodeOptions options_of(Context& context, const Arguments& arguments, const std::string& name) {
  AuthoritySettings settings;
  AuthorityConfig& config = settings.config;
  config.project_id = arguments.text("project-identifier");
  config.trusted = must(trusted_from_json(arguments.text("trusted-identities")));
  config.direct_authentication = !arguments.has("no-direct-authentication");
  config.token_enrollment = !arguments.has("no-token-enrollment");
  config.adds_trust_context = !arguments.has("disable-trust-context-id");
  config.enforces_admin_checks = arguments.has("enforce-admin-checks");
  config.credential_life_s = credential_life_s(context, arguments);
  settings.account_authority_history = arguments.text_or("account-authority", "");
  config.oidc = oidc_given(arguments);
  config.okta = okta_given(context, arguments);
  NodeOptions options;
  options.tcp_listener_address = arguments.text_or("tcp-listener-address", "127.0.0.1:4000");
  options.identity = arguments.text_or("identity", name);
  options.no_status_endpoint = true;
  options.authority = authority_json(settings);
  return options;
}

// Authorities of old had one name for their identity (spec/08 section 9).
void rename_legacy_identity(Context& context, const std::string& name) {
  IdentityTable& identities = context.state().identities();
  if (identities.get(name)) return;
  auto legacy = identities.get("authority");
  if (!legacy) return;
  legacy->name = name;
  must(identities.create(*legacy, {}));
  context.note(info_line(fmt::format("The identity authority is called {} now", name)));
}

void run_create(Context& context, const Arguments& arguments) {
  const std::string name = "authority-" + arguments.text("project-identifier");
  if (auto valid = check_node_name(name); !valid) {
    give_up(fmt::format("Invalid project identifier: {}", arguments.text("project-identifier")),
            valid.error().text());
  }
  const NodeOptions options = options_of(context, arguments, name);
  if (!arguments.has("identity")) rename_legacy_identity(context, name);
  if (arguments.has("foreground")) return run_node_here(context, arguments, name, options);
  refuse_running(context, name, arguments);
  start_node(context, name, options, false, arguments.has("skip-is-running-check"));
}

// --- log

NodeRecord authority_node(Context& context, const Arguments& arguments) {
  if (arguments.has("NODE")) {
    NodeRecord node = named_node(context, arguments.text("NODE"));
    if (!node.is_authority) give_up(fmt::format("Node {} is no authority", node.name));
    return node;
  }
  std::vector<NodeRecord> found;
  for (NodeRecord& node : must(context.state().nodes().list())) {
    if (node.is_authority) found.push_back(std::move(node));
  }
  if (found.empty()) {
    give_up("There is no authority on this machine", "make one with `weir project create NAME`");
  }
  if (found.size() > 1) give_up("There are several authorities", "name one of `weir node list`");
  return found.front();
}

std::string time_text(std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm day{};
  ::gmtime_r(&seconds, &day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", day.tm_year + 1900, day.tm_mon + 1,
                     day.tm_mday, day.tm_hour, day.tm_min, day.tm_sec);
}

Json line_json(const AuditRecord& line) {
  Json detail = Json::parse(line.detail, nullptr, false);
  if (detail.is_discarded()) detail = line.detail;
  return {{"sequence", line.sequence},  {"at", line.at},         {"actor", line.actor},
          {"origin", line.origin},      {"action", line.action}, {"subject", line.subject},
          {"detail", std::move(detail)}};
}

std::string line_text(const AuditRecord& line) {
  return fmt::format("{:>6}  {}  {}  {}  by {} from {}{}", line.sequence, time_text(line.at),
                     line.action, line.subject.empty() ? "-" : line.subject, line.actor,
                     line.origin, line.detail == "{}" ? "" : "  " + line.detail);
}

void run_log(Context& context, const Arguments& arguments) {
  const NodeRecord node = authority_node(context, arguments);
  std::uint64_t after = 0;
  if (arguments.has("since")) after = std::stoull(arguments.text("since"));
  Json all = Json::array();
  std::string plain;
  std::string lines;
  while (true) {
    const auto part = must(context.state().authority().log(node.identifier, after, kLinesAtOnce));
    for (const AuditRecord& line : part) {
      plain += line_text(line) + "\n";
      lines += json_text(line_json(line), true) + "\n";
      all.push_back(line_json(line));
      after = line.sequence;
    }
    if (part.size() < kLinesAtOnce) break;
  }
  if (arguments.has("json-lines")) {
    return context.print({.plain = lines, .machine = lines, .json = std::nullopt});
  }
  if (plain.empty()) plain = info_line("Nothing has changed yet.");
  context.print({.plain = plain, .machine = std::nullopt, .json = std::move(all)});
}

std::string check_number(std::string_view text) {
  const bool good = !text.empty() && text.size() < 19 &&
                    text.find_first_not_of("0123456789") == std::string_view::npos;
  return good ? std::string() : "a number of a line";
}

CommandSpec create_command() {
  return command("create", "Create an authority: members, tickets and credentials of a project",
                 run_create)
      .with(flag("foreground", "Run it in this process").short_form('f'))
      .with(flag("skip-is-running-check", "Do not refuse when it seems to run").short_form('s'))
      .with(option("tcp-listener-address", "SOCKET_ADDRESS", "Where it listens: IP:PORT")
                .short_form('t')
                .by_default("127.0.0.1:4000")
                .checked(check_ip_port))
      .with(option("identity", "IDENTITY_NAME",
                   "Its identity, made if missing [default: authority-PROJECT_IDENTIFIER]"))
      .with(option("project-identifier", "PROJECT_IDENTIFIER", "Whose members it knows").required())
      .with(
          option("trusted-identities", "JSON", R"(First members: {"I..": {"attribute": "value"}})")
              .required()
              .checked(check_trusted))
      .with(flag("no-direct-authentication", "Members cannot be added, listed or deleted"))
      .with(flag("no-token-enrollment", "No tickets"))
      .with(option("account-authority", "ACCOUNT_AUTHORITY_CHANGE_HISTORY",
                   "Identity whose credentials make administrators (hex)")
                .checked(check_hex))
      .with(flag("enforce-admin-checks", "Enrollers are no administrators"))
      .with(flag("disable-trust-context-id", "Leave trust_context_id out of credentials"))
      .with(option("credential-ttl", "DURATION",
                   "Life of the credentials [default: 30d; env: CREDENTIAL_TTL_SECS] (weir)")
                .checked(check_duration))
      .with(option("project-identity-identifier-file", "PATH", "No effect").hidden())
      .with(option("project-access-route", "ROUTE", "No effect").hidden())
      .with(oidc_options())
      .with(option("tenant-base-url", "URL", "Okta: whose users may enroll"))
      .with(option("certificate", "STRING", "Okta: the text of its certificate (PEM)"))
      .with(option("attributes", "ATTRIBUTE_NAME",
                   "Okta: a claim that becomes an attribute; may be "
                   "repeated")
                .repeatable());
}

}  // namespace

CommandSpec authority_commands() {
  return group("authority", "Run an authority")
      .with(create_command())
      .with(command("log", "Show every change of members, tickets and rights (weir)", run_log)
                .with(positional("NODE", "The authority; by default the only one"))
                .with(option("since", "SEQUENCE", "Only lines behind this number")
                          .checked(check_number))
                .with(flag("json-lines", "One JSON object per line")));
}

}  // namespace weir::cli
