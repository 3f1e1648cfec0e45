#include "control/handshake/identity_payload.h"

#include <utility>

#include "control/identity/cbor_values.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

bool read_credentials(wire::CborReader& reader, std::vector<CredentialAndPurposeKey>& out) {
  wire::ArrayHead items;
  if (!reader.array(items)) return false;
  while (reader.next(items)) {
    CredentialAndPurposeKey credential;
    if (!cbor::read_credential(reader, credential)) return false;
    out.push_back(std::move(credential));
  }
  return reader.ok();
}

void write_credentials(wire::CborWriter& writer, std::span<const Bytes> credentials) {
  writer.array(credentials.size());
  for (const Bytes& credential : credentials) writer.raw(credential);
}

}  // namespace

Result<IdentityAndCredentials> IdentityAndCredentials::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  cbor::StructReader fields(reader);
  IdentityAndCredentials result;
  if (fields.required()) cbor::read_history(reader, result.history);
  if (fields.required()) {
    cbor::read_signed(reader, result.attestation.data, result.attestation.signature);
  }
  if (fields.required()) read_credentials(reader, result.credentials);
  if (!fields.finish()) return fail(Errc::kInvalid, "malformed identity and credentials");
  return result;
}

Result<RefreshCredentials> RefreshCredentials::decode(ByteSpan body) {
  wire::CborReader reader(body);
  cbor::StructReader variant(reader);
  RefreshCredentials result;
  if (variant.required()) {
    cbor::StructReader fields(reader);
    if (fields.required()) cbor::read_history(reader, result.history);
    if (fields.required()) read_credentials(reader, result.credentials);
    fields.finish();
  }
  if (!variant.finish()) return fail(Errc::kInvalid, "malformed credential refresh");
  return result;
}

Bytes encode_identity_and_credentials(ByteSpan history, ByteSpan attestation,
                                      std::span<const Bytes> credentials) {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(3).raw(history).raw(attestation);
  write_credentials(writer, credentials);
  return out;
}

Bytes encode_refresh(ByteSpan history, std::span<const Bytes> credentials) {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(1).array(2).raw(history);
  write_credentials(writer, credentials);
  return out;
}

}  // namespace weir
