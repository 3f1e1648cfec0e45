// Reading and writing the values that identity structures share, the way minicbor's derive does
// (spec/03 §1): struct arrays of either length form, fields that may be cut off at the end, and
// unions written as [variant, [value]].
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "control/identity/identifier.h"
#include "control/identity/signed_data.h"
#include "dataplane/wire/cbor.h"

namespace weir {
struct ChangeHistory;
struct CredentialAndPurposeKey;
}  // namespace weir

namespace weir::cbor {

// A struct array, field by field. Every function is false once anything failed; finish() skips
// surplus elements and tells whether all went well.
class StructReader {
 public:
  explicit StructReader(wire::CborReader& reader) : reader_(reader) { reader_.array(items_); }

  // The next field must be there; afterwards the reader stands at it.
  bool required() { return reader_.ok() && (reader_.next(items_) || reader_.fail()); }
  // False when it is null, cut off, or something failed (finish() tells).
  bool present() { return reader_.ok() && reader_.next(items_) && !reader_.skip_null(); }
  bool finish() { return reader_.ok() && reader_.skip_rest(items_); }

 private:
  wire::CborReader& reader_;
  wire::ArrayHead items_;
};

// A byte string of exactly out.size() bytes.
bool read_fixed(wire::CborReader& reader, MutableByteSpan out);
bool read_hash(wire::CborReader& reader, ChangeHash& out);
bool read_identifier(wire::CborReader& reader, Identifier& out);

// PrimaryPublicKey and CredentialVerifyingKey: [0, [32 bytes]] or [1, [65 bytes]]. Whether a P-256
// key is a point is found out when it verifies.
bool read_verifying_key(wire::CborReader& reader, VerifyingKey& out);
void write_verifying_key(wire::CborWriter& writer, const VerifyingKey& key);

// [0 or 1, [64 bytes]].
bool read_signature(wire::CborReader& reader, SignatureValue& out);
// Where minicbor reads an optional union, an unknown variant is None: `known` is then false and the
// reader stands behind it.
bool read_optional_signature(wire::CborReader& reader, SignatureValue& out, bool& known);
void write_signature(wire::CborWriter& writer, const SignatureValue& signature);

// [data, signature], the shape of attestations and credentials.
bool read_signed(wire::CborReader& reader, Bytes& data, SignatureValue& signature);
void write_signed(wire::CborWriter& writer, ByteSpan data, const SignatureValue& signature);

// Whole structures, for the messages that contain them.
bool read_history(wire::CborReader& reader, ChangeHistory& out);
void write_history(wire::CborWriter& writer, const ChangeHistory& history);
bool read_credential(wire::CborReader& reader, CredentialAndPurposeKey& out);
void write_credential(wire::CborWriter& writer, const CredentialAndPurposeKey& credential);

}  // namespace weir::cbor
