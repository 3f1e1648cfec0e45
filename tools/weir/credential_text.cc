#include "tools/weir/credential_text.h"

#include <fmt/core.h>

#include <ctime>

#include "base/hex.h"
#include "control/authority/attributes.h"
#include "dataplane/wire/cbor.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

std::string iso_time(std::uint64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm day{};
  ::gmtime_r(&seconds, &day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", day.tm_year + 1900, day.tm_mon + 1,
                     day.tm_mday, day.tm_hour, day.tm_min, day.tm_sec);
}

std::string printable(ByteSpan bytes) {
  return wire::valid_utf8(bytes) ? std::string(as_text(bytes)) : "**binary**";
}

std::map<std::string, std::string> printable_attributes(const CredentialData& data) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : data.attributes) texts[printable(key)] = printable(value);
  return texts;
}

std::string key_text(const PurposePublicKey& key) {
  if (const auto* signing = std::get_if<VerifyingKey>(&key)) {
    return fmt::format("Credentials Key -> {}: {}",
                       signing->kind == KeyKind::kEd25519 ? "Ed25519" : "P256",
                       to_hex(signing->bytes));
  }
  return "Secure Channel Key";
}

}  // namespace

Json credential_json(const CredentialAndPurposeKey& credential) {
  const CredentialData data = must(credential.content());
  const PurposeKeyAttestationData issuer = must(credential.attestation.content());
  return {{"attributes", printable_attributes(data)},
          {"created_at", data.created_at_s},
          {"credential", to_hex(credential.encode())},
          {"expires_at", data.expires_at_s},
          {"issuer", issuer.subject.text()},
          {"subject", data.subject ? data.subject->text() : ""}};
}

std::string credential_text(const CredentialAndPurposeKey& credential) {
  const Json json = credential_json(credential);
  return fmt::format(
      "Credential:\n  subject: {}\n  issuer: {}\n  created at: {}\n  expires at: {}\n  attributes: "
      "{}\n  :credential {}",
      json["subject"].get<std::string>(), json["issuer"].get<std::string>(),
      json["created_at"].get<std::uint64_t>(), json["expires_at"].get<std::uint64_t>(),
      json["attributes"].dump(), json["credential"].get<std::string>());
}

std::string credential_description(const CredentialAndPurposeKey& credential) {
  const CredentialData data = must(credential.content());
  const PurposeKeyAttestationData key = must(credential.attestation.content());
  const std::string hash =
      data.subject_latest_change_hash ? data.subject_latest_change_hash->text() : "none";
  std::string attributes;
  for (const auto& [name, value] : printable_attributes(data)) {
    attributes += fmt::format("{}{}: {}", attributes.empty() ? "" : ", ", Json(name).dump(),
                              Json(value).dump());
  }
  return fmt::format(
      "    Credential:\n"
      "    Version:                    1\n"
      "    Subject:                    {}\n"
      "    Subject Latest Change Hash: {}\n"
      "    Created:                    {}\n"
      "    Expires:                    {}\n"
      "    Attributes: \n"
      "      Schema: {}; {{{}}}\n"
      "    \n"
      "    Purpose key:\n"
      "    Version:                    1\n"
      "    Subject:                    {}\n"
      "    Subject Latest Change Hash: {}\n"
      "    Created:                    {}\n"
      "    Expires:                    {}\n"
      "    Public Key -> {}",
      data.subject ? data.subject->text() : "", hash, iso_time(data.created_at_s),
      iso_time(data.expires_at_s), data.schema, attributes, key.subject.text(),
      key.subject_latest_change_hash.text(), iso_time(key.created_at_s), iso_time(key.expires_at_s),
      key_text(key.public_key));
}

}  // namespace weir::cli
