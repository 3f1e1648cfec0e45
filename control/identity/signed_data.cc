#include "control/identity/signed_data.h"

#include "control/identity/cbor_values.h"
#include "control/identity/signature_memo.h"
#include "crypto/hash.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {
constexpr std::uint8_t kEnvelopeVersion = 1;
}  // namespace

ChangeHash hash_of(ByteSpan envelope) { return ChangeHash{sha256(envelope)}; }

Bytes wrap_envelope(DataType type, ByteSpan inner) {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(3).u64(kEnvelopeVersion).u64(static_cast<std::uint64_t>(type)).bytes(inner);
  return out;
}

Result<ByteSpan> open_envelope(ByteSpan envelope, DataType type) {
  wire::CborReader reader(envelope);
  cbor::StructReader fields(reader);
  std::uint8_t version = 0;
  std::uint8_t data_type = 0;
  ByteSpan inner;
  if (fields.required()) reader.u8(version);
  if (fields.required()) reader.u8(data_type);
  if (fields.required()) reader.bytes(inner);
  if (!fields.finish()) return fail(Errc::kInvalid, "malformed signed data");
  if (version != kEnvelopeVersion) {
    return fail(Errc::kUnsupported, "unknown version of signed data");
  }
  if (data_type != static_cast<std::uint8_t>(type)) {
    return fail(Errc::kInvalid, "signed data of another type");
  }
  return inner;
}

Status check_signature(const VerifyingKey& key, const ChangeHash& message,
                       const SignatureValue& signature, SignatureMemo* memo) {
  if (key.kind != signature.kind) {
    return fail(Errc::kRefused, "key and signature are of different kinds");
  }
  SignatureMemo::Key memo_key;
  if (memo != nullptr) {
    memo_key = SignatureMemo::key_of(key, message, signature);
    if (memo->recall(memo_key)) return {};
  }
  const Result<bool> held = verify(key, message.bytes, signature.bytes);
  if (!held) return fail(Errc::kRefused, "unusable key or signature", held.error().text());
  if (!*held) return fail(Errc::kRefused, "the signature does not hold");
  if (memo != nullptr) memo->remember(memo_key);
  return {};
}

}  // namespace weir
