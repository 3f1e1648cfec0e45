// Bytes of strangers as histories, attestations, credentials and the messages made of them. The
// first byte chooses. What decodes must encode to something that decodes to the same, and what
// verifies must verify again from its own encoding.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "control/handshake/identity_payload.h"
#include "control/identity/change_history.h"
#include "control/identity/credential.h"
#include "control/identity/identifier.h"
#include "control/identity/purpose_key.h"

namespace {

constexpr weir::UnixSeconds kNowSeconds = 1'750'000'000;

void try_history(weir::ByteSpan input) {
  const weir::Result<weir::ChangeHistory> history = weir::ChangeHistory::decode(input);
  if (!history) return;
  const weir::Bytes encoded = history->encode();
  const weir::Result<weir::ChangeHistory> again = weir::ChangeHistory::decode(encoded);
  CHECK(again && again->changes == history->changes && again->encode() == encoded);
  for (const weir::Change& change : history->changes) {
    const auto inner = weir::open_envelope(change.data, weir::DataType::kChange);
    if (inner) (void)weir::ChangeData::decode(*inner);
  }
  // Curve arithmetic is slow and not ours; a few signatures are enough.
  if (history->changes.size() > 4) return;
  const weir::Result<weir::IdentityPtr> identity = weir::Identity::verify(*history);
  if (!identity) return;
  CHECK((*identity)->identifier() == history->claimed_identifier().value());
  CHECK(weir::Identity::decode_and_verify((*identity)->encoded(), (*identity)->identifier()));
}

void try_attestation(weir::ByteSpan input) {
  const auto attestation = weir::PurposeKeyAttestation::decode(input);
  if (!attestation) return;
  const auto again = weir::PurposeKeyAttestation::decode(attestation->encode());
  CHECK(again && again->data == attestation->data && again->signature == attestation->signature);
  const auto content = attestation->content();
  if (!content) return;
  const auto decoded = weir::PurposeKeyAttestationData::decode(content->encode());
  CHECK(decoded && decoded->public_key == content->public_key &&
        decoded->expires_at_s == content->expires_at_s);
}

void try_credential(weir::ByteSpan input) {
  const auto credential = weir::CredentialAndPurposeKey::decode(input);
  if (!credential) return;
  CHECK(weir::CredentialAndPurposeKey::decode(credential->encode()));
  const auto content = credential->content();
  if (content) {
    const auto decoded = weir::CredentialData::decode(content->encode());
    CHECK(decoded && decoded->attributes == content->attributes &&
          decoded->subject == content->subject);
  }
  const auto verified = weir::verify_credential(
      *credential, std::nullopt, {},
      [](const weir::Identifier&) -> weir::Result<weir::IdentityPtr> {
        return weir::fail(weir::Errc::kNotFound, "nobody is known");
      },
      kNowSeconds);
  CHECK(!verified);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const weir::ByteSpan input(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      try_history(input);
      break;
    case 1:
      try_attestation(input);
      break;
    case 2:
      try_credential(input);
      break;
    case 3:
      (void)weir::IdentityAndCredentials::decode(input);
      break;
    case 4:
      (void)weir::RefreshCredentials::decode(input);
      break;
    default:
      if (const auto id = weir::Identifier::parse(weir::as_text(input))) {
        CHECK(weir::Identifier::parse(id->text()) == *id);
      }
  }
  return 0;
}
