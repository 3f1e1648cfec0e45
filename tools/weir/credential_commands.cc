// weir credential issue|verify|store|list (spec/03 section 5, spec/07 section 10).
#include <fmt/core.h>

#include <fstream>

#include "base/hex.h"
#include "control/authority/attributes.h"
#include "tools/weir/attribute_options.h"
#include "tools/weir/commands.h"
#include "tools/weir/credential_text.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/nodes.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kLifeMs = 1'800'000;

void run_issue(Context& context, const Arguments& arguments) {
  const auto attributes = attributes_given(arguments, false);
  IdentityRecord issuer;
  if (arguments.has("as")) {
    issuer = named_identity(context, arguments.text("as"));
  } else {
    issuer = must(context.state().identities().get_default());
  }
  const auto credential = issue_credential(context, issuer, identifier_of(arguments.text("for")),
                                           attributes_of(attributes),
                                           context.duration_ms(arguments, "ttl", kLifeMs) / 1000);
  const bool hex = arguments.text_or("encoding", "plain") == "hex";
  context.print({.plain = credential_text(credential),
                 .machine = hex ? to_hex(credential.encode()) : credential_description(credential),
                 .json = credential_json(credential)});
}

// Empty when neither was given, or what was given cannot be read.
std::string given_hex(const Arguments& arguments) {
  if (arguments.has("credential")) return arguments.text("credential");
  if (!arguments.has("credential-path")) return {};
  std::ifstream file(arguments.text("credential-path"), std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<VerifiedCredential> verified(Context& context, const Arguments& arguments,
                                    std::optional<CredentialAndPurposeKey>& credential) {
  const auto raw = from_hex(given_hex(arguments));
  if (!raw) return fail(Errc::kInvalid, "not the hex of a credential");
  auto decoded = CredentialAndPurposeKey::decode(*raw);
  if (!decoded) return pass(decoded);
  credential = std::move(*decoded);
  return verify_credential(context, *credential, identifier_of(arguments.text("issuer")));
}

void run_verify(Context& context, const Arguments& arguments) {
  context.progress("    Verifying credential...\n");
  std::optional<CredentialAndPurposeKey> credential;
  const auto good = verified(context, arguments, credential);
  if (!good) context.note(warning_line(good.error().text()));
  context.print({.plain = good ? done_line("Credential is valid")
                               : std::string("  \u2717 Credential is not valid"),
                 .machine = good ? "true" : "false",
                 .json = Json{{"is_valid", good.has_value()}}});
}

void run_store(Context& context, const Arguments& arguments) {
  const NodeRecord node = node_or_new(context, node_argument(arguments, "at"));
  context.progress("    Storing credential...\n");
  std::optional<CredentialAndPurposeKey> credential;
  const auto good = verified(context, arguments, credential);
  if (!good) {
    give_up(Failure{"Credential is not verified", {good.error().text()}, {}, {}, kExitFailed});
  }
  must(context.state().credentials().put({node.name, good->issuer.text(), good->subject.text(),
                                          arguments.text("scope"), credential->encode(),
                                          good->data.expires_at_s}));
  const std::string hex = to_hex(credential->encode());
  context.print({.plain = done_line("Credential stored"),
                 .machine = hex,
                 .json = Json{{"credential", hex}, {"issuer", good->issuer.text()}}});
}

void run_list(Context& context, const Arguments& arguments) {
  // As with Ockam, a node that is not there has none.
  const auto named = node_argument(arguments, "at");
  const std::string node = named ? *named : chosen_node(context, std::nullopt).name;
  Json json = Json::array();
  std::vector<std::string> blocks;
  for (const CredentialRecord& record : must(context.state().credentials().list(node))) {
    // Ockam accepts these two and ignores them.
    if (arguments.has("subject") && record.subject != arguments.text("subject")) continue;
    if (arguments.has("issuer") && record.issuer != arguments.text("issuer")) continue;
    const auto credential = CredentialAndPurposeKey::decode(record.credential);
    if (!credential) continue;
    json.push_back({{"credential", credential_json(*credential)},
                    {"is_verified", true},
                    {"scope", record.scope}});
    blocks.push_back(fmt::format("{}\n  scope: {}", credential_text(*credential), record.scope));
  }
  context.print({.plain = list_text(blocks, fmt::format("No credentials found for node {}", node)),
                 .machine = {},
                 .json = std::move(json)});
}

std::vector<OptionSpec> credential_options() {
  return {
      option("issuer", "IDENTIFIER", "Who issued it").required().checked(check_identifier),
      option("credential", "CREDENTIAL", "The credential in hex").conflicts_with("credential-path"),
      option("credential-path", "FILE", "A file with it")};
}

}  // namespace

CommandSpec credential_commands() {
  return group("credential", "Issue, verify and keep credentials")
      .with(
          command("issue", "Issue a credential as an identity of this machine", run_issue)
              .with(positional("VAULT_NAME", "No effect: the issuer's vault is known"))
              .with(option("as", "IDENTITY_NAME", "The issuer [default: the default identity]"))
              .with(option("for", "IDENTIFIER", "The subject, known on this machine")
                        .required()
                        .checked(check_identifier))
              .with(option("attribute", "ATTRIBUTE=VALUE", "What it says; may be repeated")
                        .short_form('a')
                        .repeatable())
              .with(option("ttl", "DURATION", "Its life").by_default("30m").checked(check_duration))
              .with(option("encoding", "ENCODING", "On a pipe").one_of({"plain", "hex"})))
      .with(command("verify", "Is a credential good?", run_verify).with(credential_options()))
      .with(
          command("store", "Keep a credential for a node to present", run_store)
              .with(credential_options())
              .with(
                  option("scope", "CREDENTIAL_SCOPE", "The name under which it is kept").required())
              .with(option("at", "NODE", "The node")))
      .with(
          command("list", "List the credentials that a node keeps", run_list)
              .with(option("at", "NODE", "The node"))
              .with(option("subject", "IDENTIFIER", "Only of this one").checked(check_identifier))
              .with(
                  option("issuer", "IDENTIFIER", "Only from this one").checked(check_identifier)));
}

}  // namespace weir::cli
