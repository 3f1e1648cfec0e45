#include "control/identity/credential.h"

#include <algorithm>
#include <utility>

#include "control/identity/cbor_values.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

bool read_attributes(wire::CborReader& reader, CredentialData& data) {
  cbor::StructReader fields(reader);
  if (!fields.required() || !reader.u64(data.schema)) return false;
  wire::MapHead items;
  if (!fields.required() || !reader.map(items)) return false;
  while (reader.next(items)) {
    ByteSpan key;
    ByteSpan value;
    if (!reader.bytes(key) || !reader.bytes(value)) return false;
    data.attributes.insert_or_assign(to_bytes(key), to_bytes(value));
  }
  return fields.finish();
}

void write_attributes(wire::CborWriter& writer, const CredentialData& data) {
  writer.array(2).u64(data.schema).map(data.attributes.size());
  for (const auto& [key, value] : data.attributes) writer.bytes(key).bytes(value);
}

// Steps 6-10 of §4.3.
Status check_content(const CredentialData& data, const std::optional<Identifier>& expected_subject,
                     const PurposeKeyAttestationData& issuer_key, UnixSeconds now_s) {
  if (!data.subject) return fail(Errc::kRefused, "the credential names no subject");
  if (expected_subject && *expected_subject != *data.subject) {
    return fail(Errc::kRefused, "the credential of another subject");
  }
  if (data.created_at_s < issuer_key.created_at_s) {
    return fail(Errc::kRefused, "the credential is older than the key that signed it");
  }
  if (data.expires_at_s > issuer_key.expires_at_s) {
    return fail(Errc::kRefused, "the credential outlives the key that signed it");
  }
  if (data.created_at_s > now_s && data.created_at_s - now_s > kAllowedDriftSeconds) {
    return fail(Errc::kRefused, "the credential is from the future");
  }
  if (data.expires_at_s < now_s) return fail(Errc::kRefused, "the credential has expired");
  return {};
}

}  // namespace

Bytes CredentialData::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(5);
  if (subject) {
    writer.bytes(subject->bytes);
  } else {
    writer.null();
  }
  if (subject_latest_change_hash) {
    writer.bytes(subject_latest_change_hash->bytes);
  } else {
    writer.null();
  }
  write_attributes(writer, *this);
  writer.u64(created_at_s).u64(expires_at_s);
  return out;
}

Result<CredentialData> CredentialData::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  cbor::StructReader fields(reader);
  CredentialData data;
  if (fields.present()) {
    Identifier subject;
    if (cbor::read_identifier(reader, subject)) data.subject = subject;
  }
  if (fields.present()) {
    ChangeHash hash;
    if (cbor::read_hash(reader, hash)) data.subject_latest_change_hash = hash;
  }
  if (fields.required()) read_attributes(reader, data);
  if (fields.required()) reader.u64(data.created_at_s);
  if (fields.required()) reader.u64(data.expires_at_s);
  if (!fields.finish()) return fail(Errc::kInvalid, "malformed credential");
  return data;
}

bool cbor::read_credential(wire::CborReader& reader, CredentialAndPurposeKey& out) {
  StructReader fields(reader);
  return fields.required() && read_signed(reader, out.credential.data, out.credential.signature) &&
         fields.required() &&
         read_signed(reader, out.attestation.data, out.attestation.signature) && fields.finish();
}

void cbor::write_credential(wire::CborWriter& writer, const CredentialAndPurposeKey& credential) {
  writer.array(2);
  write_signed(writer, credential.credential.data, credential.credential.signature);
  write_signed(writer, credential.attestation.data, credential.attestation.signature);
}

Result<CredentialAndPurposeKey> CredentialAndPurposeKey::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  CredentialAndPurposeKey result;
  if (!cbor::read_credential(reader, result)) return fail(Errc::kInvalid, "malformed credential");
  return result;
}

Bytes CredentialAndPurposeKey::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  cbor::write_credential(writer, *this);
  return out;
}

Result<CredentialData> CredentialAndPurposeKey::content() const {
  Result<ByteSpan> inner = open_envelope(credential.data, DataType::kCredential);
  if (!inner) return pass(inner);
  return CredentialData::decode(*inner);
}

Result<VerifiedCredential> verify_credential(const CredentialAndPurposeKey& credential,
                                             const std::optional<Identifier>& expected_subject,
                                             std::span<const Identifier> authorities,
                                             const FindIdentity& find, UnixSeconds now_s,
                                             SignatureMemo* memo) {
  // Who the issuer claims to be decides first, so that strangers cost us no signature check.
  Result<PurposeKeyAttestationData> claimed = credential.attestation.content();
  if (!claimed) return pass(claimed);
  if (std::ranges::find(authorities, claimed->subject) == authorities.end()) {
    return fail(Errc::kRefused, "the credential of an unknown authority", claimed->subject.text());
  }
  Result<IdentityPtr> issuer = find(claimed->subject);
  if (!issuer) return pass(issuer);
  Result<PurposeKeyAttestationData> key =
      verify_attestation(credential.attestation, **issuer, now_s, memo);
  if (!key) return pass(key);
  const VerifyingKey* signing_key = std::get_if<VerifyingKey>(&key->public_key);
  if (signing_key == nullptr) {
    return fail(Errc::kRefused, "the credential is signed by a secure channel key");
  }
  Status status = check_signature(*signing_key, hash_of(credential.credential.data),
                                  credential.credential.signature, memo);
  if (!status) return pass(status);
  Result<CredentialData> data = credential.content();
  if (!data) return pass(data);
  status = check_content(*data, expected_subject, *key, now_s);
  if (!status) return pass(status);
  const Identifier subject = *data->subject;
  return VerifiedCredential{key->subject, subject, std::move(*data)};
}

Result<CredentialAndPurposeKey> sign_credential(SecretStore& secrets, const CredentialData& data,
                                                const PurposeKeyAttestation& attestation) {
  Result<PurposeKeyAttestationData> content = attestation.content();
  if (!content) return pass(content);
  const VerifyingKey* key = std::get_if<VerifyingKey>(&content->public_key);
  if (key == nullptr) return fail(Errc::kInvalid, "not the attestation of a credential key");
  CredentialAndPurposeKey result;
  result.attestation = attestation;
  result.credential.data = wrap_envelope(DataType::kCredential, data.encode());
  Result<SignatureValue> signature = secrets.sign(*key, hash_of(result.credential.data).bytes);
  if (!signature) return pass(signature);
  result.credential.signature = *signature;
  return result;
}

}  // namespace weir
