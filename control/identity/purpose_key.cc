#include "control/identity/purpose_key.h"

#include <algorithm>
#include <utility>

#include "control/identity/cbor_values.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

enum PurposeVariant : std::uint8_t { kSecureChannelStatic = 0, kCredentialSigning = 1 };

bool read_purpose_key(wire::CborReader& reader, PurposePublicKey& out) {
  std::uint64_t variant = 0;
  if (!reader.enum_variant(variant)) return false;
  if (variant > kCredentialSigning) return reader.fail();
  cbor::StructReader body(reader);
  if (!body.required()) return false;
  if (variant == kSecureChannelStatic) {
    X25519Public key{};
    if (!cbor::read_fixed(reader, key)) return false;
    out = key;
  } else {
    VerifyingKey key;
    if (!cbor::read_verifying_key(reader, key)) return false;
    out = std::move(key);
  }
  return body.finish();
}

void write_purpose_key(wire::CborWriter& writer, const PurposePublicKey& key) {
  if (const X25519Public* x25519_key = std::get_if<X25519Public>(&key)) {
    writer.enum_variant(kSecureChannelStatic).array(1).bytes(*x25519_key);
  } else {
    writer.enum_variant(kCredentialSigning).array(1);
    cbor::write_verifying_key(writer, std::get<VerifyingKey>(key));
  }
}

}  // namespace

Bytes PurposeKeyAttestationData::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(5).bytes(subject.bytes).bytes(subject_latest_change_hash.bytes);
  write_purpose_key(writer, public_key);
  writer.u64(created_at_s).u64(expires_at_s);
  return out;
}

Result<PurposeKeyAttestationData> PurposeKeyAttestationData::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  cbor::StructReader fields(reader);
  PurposeKeyAttestationData data;
  if (fields.required()) cbor::read_identifier(reader, data.subject);
  if (fields.required()) cbor::read_hash(reader, data.subject_latest_change_hash);
  if (fields.required()) read_purpose_key(reader, data.public_key);
  if (fields.required()) reader.u64(data.created_at_s);
  if (fields.required()) reader.u64(data.expires_at_s);
  if (!fields.finish()) return fail(Errc::kInvalid, "malformed purpose key attestation");
  return data;
}

Result<PurposeKeyAttestation> PurposeKeyAttestation::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  PurposeKeyAttestation attestation;
  if (!cbor::read_signed(reader, attestation.data, attestation.signature)) {
    return fail(Errc::kInvalid, "malformed purpose key attestation");
  }
  return attestation;
}

Bytes PurposeKeyAttestation::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  cbor::write_signed(writer, data, signature);
  return out;
}

Result<PurposeKeyAttestationData> PurposeKeyAttestation::content() const {
  Result<ByteSpan> inner = open_envelope(data, DataType::kPurposeKeyAttestation);
  if (!inner) return pass(inner);
  return PurposeKeyAttestationData::decode(*inner);
}

Status check_attestation_times(const PurposeKeyAttestationData& data, const Identity& subject,
                               UnixSeconds now_s) {
  const ChangeData& change = subject.latest().data;
  if (data.expires_at_s > change.attestations_valid_until_s) {
    return fail(Errc::kRefused, "the purpose key outlives the identity's key");
  }
  if (data.created_at_s < change.attestations_valid_from_s) {
    return fail(Errc::kRefused, "the purpose key is older than the identity's key");
  }
  if (data.created_at_s > now_s && data.created_at_s - now_s > kAllowedDriftSeconds) {
    return fail(Errc::kRefused, "the purpose key is from the future");
  }
  if (data.expires_at_s < now_s) return fail(Errc::kRefused, "the purpose key has expired");
  return {};
}

Result<PurposeKeyAttestationData> verify_attestation(const PurposeKeyAttestation& attestation,
                                                     const Identity& subject, UnixSeconds now_s,
                                                     SignatureMemo* memo) {
  Result<PurposeKeyAttestationData> data = attestation.content();
  if (!data) return data;
  if (data->subject != subject.identifier()) {
    return fail(Errc::kRefused, "the purpose key of another identity");
  }
  if (data->subject_latest_change_hash != subject.latest_hash()) {
    return fail(Errc::kRefused, "the purpose key was not attested by the identity's latest key");
  }
  Status status = check_attestation_times(*data, subject, now_s);
  if (!status) return pass(status);
  status = check_signature(subject.primary_key(), hash_of(attestation.data), attestation.signature,
                           memo);
  if (!status) return pass(status);
  return data;
}

Result<PurposeKeyAttestation> attest(SecretStore& secrets, const Identity& subject,
                                     const PurposePublicKey& key, UnixSeconds created_at_s,
                                     UnixSeconds expires_at_s) {
  PurposeKeyAttestationData data;
  data.subject = subject.identifier();
  data.subject_latest_change_hash = subject.latest_hash();
  data.public_key = key;
  data.created_at_s = created_at_s;
  data.expires_at_s = std::min(expires_at_s, subject.latest().data.attestations_valid_until_s);
  PurposeKeyAttestation attestation;
  attestation.data = wrap_envelope(DataType::kPurposeKeyAttestation, data.encode());
  Result<SignatureValue> signature =
      secrets.sign(subject.primary_key(), hash_of(attestation.data).bytes);
  if (!signature) return pass(signature);
  attestation.signature = *signature;
  return attestation;
}

}  // namespace weir
