#include "control/identity/cbor_values.h"

#include <cstring>

namespace weir::cbor {
namespace {

// The body of a one-field variant: an array whose first element is a byte string of out.size()
// bytes.
bool read_body(wire::CborReader& reader, MutableByteSpan out) {
  StructReader body(reader);
  return body.required() && read_fixed(reader, out) && body.finish();
}

bool read_signature_body(wire::CborReader& reader, std::uint64_t variant, SignatureValue& out) {
  out.kind = variant == 0 ? KeyKind::kEd25519 : KeyKind::kP256;
  return read_body(reader, out.bytes);
}

}  // namespace

bool read_fixed(wire::CborReader& reader, MutableByteSpan out) {
  ByteSpan value;
  if (!reader.bytes(value)) return false;
  if (value.size() != out.size()) return reader.fail();
  std::memcpy(out.data(), value.data(), out.size());
  return true;
}

bool read_hash(wire::CborReader& reader, ChangeHash& out) { return read_fixed(reader, out.bytes); }

bool read_identifier(wire::CborReader& reader, Identifier& out) {
  return read_fixed(reader, out.bytes);
}

bool read_verifying_key(wire::CborReader& reader, VerifyingKey& out) {
  std::uint64_t variant = 0;
  if (!reader.enum_variant(variant)) return false;
  if (variant > 1) return reader.fail();
  out.kind = variant == 0 ? KeyKind::kEd25519 : KeyKind::kP256;
  out.bytes.resize(public_key_bytes(out.kind));
  return read_body(reader, out.bytes);
}

void write_verifying_key(wire::CborWriter& writer, const VerifyingKey& key) {
  writer.enum_variant(key.kind == KeyKind::kEd25519 ? 0 : 1).array(1).bytes(key.bytes);
}

bool read_signature(wire::CborReader& reader, SignatureValue& out) {
  std::uint64_t variant = 0;
  if (!reader.enum_variant(variant)) return false;
  if (variant > 1) return reader.fail();
  return read_signature_body(reader, variant, out);
}

bool read_optional_signature(wire::CborReader& reader, SignatureValue& out, bool& known) {
  std::uint64_t variant = 0;
  known = false;
  if (!reader.enum_variant(variant)) return false;
  if (variant > 1) return reader.skip();
  known = true;
  return read_signature_body(reader, variant, out);
}

void write_signature(wire::CborWriter& writer, const SignatureValue& signature) {
  writer.enum_variant(signature.kind == KeyKind::kEd25519 ? 0 : 1).array(1).bytes(signature.bytes);
}

bool read_signed(wire::CborReader& reader, Bytes& data, SignatureValue& signature) {
  StructReader fields(reader);
  ByteSpan raw;
  if (!fields.required() || !reader.bytes(raw)) return false;
  data = to_bytes(raw);
  return fields.required() && read_signature(reader, signature) && fields.finish();
}

void write_signed(wire::CborWriter& writer, ByteSpan data, const SignatureValue& signature) {
  writer.array(2).bytes(data);
  write_signature(writer, signature);
}

}  // namespace weir::cbor
