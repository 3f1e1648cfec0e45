#include "tools/weir/oidc_options.h"

#include <fmt/core.h>

#include <fstream>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

std::string check_issuer(std::string_view text) {
  const Status good = oidc::check_url(text);
  return good ? std::string() : good.error().text();
}

std::string check_rule(std::string_view text) {
  const auto rule = oidc::ClaimRule::parse(text);
  return rule ? std::string() : rule.error().text();
}

std::string check_required(std::string_view text) {
  const auto required = oidc::RequiredClaim::parse(text);
  return required ? std::string() : required.error().text();
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(oidc::kCertificatesBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    give_up(fmt::format("There are no certificates in {}", path), "a PEM file is needed");
  }
  return text;
}

}  // namespace

std::vector<OptionSpec> oidc_options() {
  return {
      option("oidc-issuer", "URL",
             "An identity provider whose users may join with `weir enroll`: its issuer, exactly as "
             "it writes it (weir)")
          .checked(check_issuer),
      option("oidc-client-id", "ID", "Our client there: public, with the device-code flow (weir)")
          .only_with("oidc-issuer"),
      option("oidc-scope", "SCOPES", "What the client asks for, in one argument (weir)")
          .by_default(oidc::kScopeDefault)
          .only_with("oidc-issuer"),
      option("oidc-claim", "CLAIM[VALUE]=ATTRIBUTE",
             "A claim that becomes an attribute: department=team, 'groups[dba]=may-dump', "
             "'groups[ops]=ockam-role=enroller'; may be repeated; sub always does (weir)")
          .repeatable()
          .checked(check_rule)
          .only_with("oidc-issuer"),
      option("oidc-require", "CLAIM=VALUE",
             "Only accounts with this claim (or this item in its list) may join; may be repeated "
             "(weir)")
          .repeatable()
          .checked(check_required)
          .only_with("oidc-issuer"),
      option("oidc-ca", "FILE",
             "Certificates for the provider, PEM [default: those of the system] (weir)")
          .only_with("oidc-issuer")};
}

std::optional<OidcEnrollment> oidc_given(const Arguments& arguments) {
  if (!arguments.has("oidc-issuer")) return std::nullopt;
  if (!arguments.has("oidc-client-id")) refuse_usage("--oidc-issuer needs --oidc-client-id");
  OidcEnrollment enrollment;
  enrollment.provider.issuer = arguments.text("oidc-issuer");
  enrollment.provider.client_id = arguments.text("oidc-client-id");
  enrollment.provider.scope = arguments.text_or("oidc-scope", oidc::kScopeDefault);
  if (arguments.has("oidc-ca")) enrollment.provider.ca_pem = file_text(arguments.text("oidc-ca"));
  for (const std::string& text : arguments.list("oidc-claim")) {
    enrollment.claims.rules.push_back(must(oidc::ClaimRule::parse(text)));
  }
  for (const std::string& text : arguments.list("oidc-require")) {
    enrollment.claims.required.push_back(must(oidc::RequiredClaim::parse(text)));
  }
  must(enrollment.check());
  return enrollment;
}

}  // namespace weir::cli
