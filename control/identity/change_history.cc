#include "control/identity/change_history.h"

#include <algorithm>
#include <utility>

#include "control/identity/cbor_values.h"
#include "control/identity/secret_store.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

bool read_change(wire::CborReader& reader, Change& change) {
  cbor::StructReader fields(reader);
  ByteSpan data;
  if (!fields.required() || !reader.bytes(data)) return false;
  change.data = to_bytes(data);
  if (!fields.required() || !cbor::read_signature(reader, change.signature)) return false;
  if (fields.present()) {
    SignatureValue previous;
    bool known = false;
    if (!cbor::read_optional_signature(reader, previous, known)) return false;
    if (known) change.previous_signature = previous;
  }
  return fields.finish();
}

// Steps 1-3 of §2.8 for one change.
Result<VerifiedChange> check_chain(const Change& change, const VerifiedChange* previous) {
  VerifiedChange result;
  result.hash = hash_of(change.data);
  Result<ByteSpan> inner = open_envelope(change.data, DataType::kChange);
  if (!inner) return pass(inner);
  Result<ChangeData> data = ChangeData::decode(*inner);
  if (!data) return pass(data);
  if (previous == nullptr) {
    if (data->previous_change) return fail(Errc::kRefused, "the first change names one before it");
  } else {
    if (data->attestations_valid_from_s < previous->data.attestations_valid_from_s) {
      return fail(Errc::kRefused, "a change is valid from before the one it follows");
    }
    if (data->previous_change != previous->hash) {
      return fail(Errc::kRefused, "a change does not follow the one before it");
    }
  }
  result.data = std::move(*data);
  return result;
}

Status check_signatures(const Change& change, const VerifiedChange& verified,
                        const VerifiedChange* previous, SignatureMemo* memo) {
  if (previous != nullptr) {
    if (!change.previous_signature) {
      return fail(Errc::kRefused, "a change lacks the previous key's signature");
    }
    Status status = check_signature(previous->data.primary_public_key, verified.hash,
                                    *change.previous_signature, memo);
    if (!status) return status;
  }
  return check_signature(verified.data.primary_public_key, verified.hash, change.signature, memo);
}

ChangeData change_data(const VerifyingKey& key, const ChangeOptions& options,
                       std::optional<ChangeHash> previous) {
  ChangeData data;
  data.previous_change = previous;
  data.primary_public_key = key;
  data.revoke_all_purpose_keys = options.revoke_all_purpose_keys;
  data.attestations_valid_from_s = options.valid_from_s;
  data.attestations_valid_until_s = options.valid_until_s;
  return data;
}

}  // namespace

Bytes ChangeData::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.array(5);
  if (previous_change) {
    writer.bytes(previous_change->bytes);
  } else {
    writer.null();
  }
  cbor::write_verifying_key(writer, primary_public_key);
  writer.boolean(revoke_all_purpose_keys)
      .u64(attestations_valid_from_s)
      .u64(attestations_valid_until_s);
  return out;
}

Result<ChangeData> ChangeData::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  cbor::StructReader fields(reader);
  ChangeData data;
  if (fields.present()) {
    ChangeHash previous;
    if (cbor::read_hash(reader, previous)) data.previous_change = previous;
  }
  if (fields.required()) cbor::read_verifying_key(reader, data.primary_public_key);
  if (fields.required()) reader.boolean(data.revoke_all_purpose_keys);
  if (fields.required()) reader.u64(data.attestations_valid_from_s);
  if (fields.required()) reader.u64(data.attestations_valid_until_s);
  if (!fields.finish()) return fail(Errc::kInvalid, "malformed change");
  return data;
}

bool cbor::read_history(wire::CborReader& reader, ChangeHistory& history) {
  wire::ArrayHead items;
  if (!reader.array(items)) return false;
  while (reader.next(items)) {
    Change change;
    if (!read_change(reader, change)) return false;
    history.changes.push_back(std::move(change));
  }
  return reader.ok();
}

void cbor::write_history(wire::CborWriter& writer, const ChangeHistory& history) {
  writer.array(history.changes.size());
  for (const Change& change : history.changes) {
    writer.array(change.previous_signature ? 3 : 2).bytes(change.data);
    cbor::write_signature(writer, change.signature);
    if (change.previous_signature) cbor::write_signature(writer, *change.previous_signature);
  }
}

Result<ChangeHistory> ChangeHistory::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  ChangeHistory history;
  if (!cbor::read_history(reader, history)) return fail(Errc::kInvalid, "malformed change history");
  return history;
}

Bytes ChangeHistory::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  cbor::write_history(writer, *this);
  return out;
}

Result<Identifier> ChangeHistory::claimed_identifier() const {
  if (changes.empty()) return fail(Errc::kInvalid, "an empty change history");
  return Identifier::from_first_change(hash_of(changes.front().data));
}

Result<IdentityPtr> Identity::verify(ChangeHistory history,
                                     const std::optional<Identifier>& expected,
                                     SignatureMemo* memo) {
  // The chain of the whole list first, then the signatures: a broken list costs hashes only.
  Result<Identifier> identifier = history.claimed_identifier();
  if (!identifier) return pass(identifier);
  if (expected && *expected != *identifier) {
    return fail(Errc::kRefused, "the history of another identity");
  }
  std::vector<VerifiedChange> verified;
  verified.reserve(history.changes.size());
  for (const Change& change : history.changes) {
    Result<VerifiedChange> next =
        check_chain(change, verified.empty() ? nullptr : &verified.back());
    if (!next) return pass(next);
    verified.push_back(std::move(*next));
  }
  for (std::size_t i = 0; i < verified.size(); ++i) {
    Status status = check_signatures(history.changes[i], verified[i],
                                     i == 0 ? nullptr : &verified[i - 1], memo);
    if (!status) return pass(status);
  }
  std::shared_ptr<Identity> identity(new Identity);
  identity->identifier_ = *identifier;
  identity->encoded_ = history.encode();
  identity->history_ = std::move(history);
  identity->verified_ = std::move(verified);
  return identity;
}

Result<IdentityPtr> Identity::decode_and_verify(ByteSpan cbor,
                                                const std::optional<Identifier>& expected,
                                                SignatureMemo* memo) {
  Result<ChangeHistory> history = ChangeHistory::decode(cbor);
  if (!history) return pass(history);
  return verify(std::move(*history), expected, memo);
}

HistoryComparison compare_histories(const Identity& received, const Identity& known) {
  const std::vector<VerifiedChange>& a = received.changes();
  const std::vector<VerifiedChange>& b = known.changes();
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (a[i].hash != b[i].hash) return HistoryComparison::kConflict;
  }
  if (a.size() == b.size()) return HistoryComparison::kEqual;
  return a.size() > b.size() ? HistoryComparison::kNewer : HistoryComparison::kOlder;
}

Result<IdentityPtr> create_first_change(SecretStore& secrets, const VerifyingKey& key,
                                        const ChangeOptions& options) {
  Change change;
  change.data = wrap_envelope(DataType::kChange, change_data(key, options, std::nullopt).encode());
  Result<SignatureValue> signature = secrets.sign(key, hash_of(change.data).bytes);
  if (!signature) return pass(signature);
  change.signature = *signature;
  ChangeHistory history;
  history.changes.push_back(std::move(change));
  return Identity::verify(std::move(history));
}

Result<IdentityPtr> rotate(SecretStore& secrets, const Identity& identity,
                           const VerifyingKey& new_key, const ChangeOptions& options) {
  Change change;
  change.data = wrap_envelope(DataType::kChange,
                              change_data(new_key, options, identity.latest_hash()).encode());
  const ChangeHash hash = hash_of(change.data);
  Result<SignatureValue> signature = secrets.sign(new_key, hash.bytes);
  if (!signature) return pass(signature);
  Result<SignatureValue> previous = secrets.sign(identity.primary_key(), hash.bytes);
  if (!previous) return pass(previous);
  change.signature = *signature;
  change.previous_signature = *previous;
  ChangeHistory history = identity.history();
  history.changes.push_back(std::move(change));
  return Identity::verify(std::move(history), identity.identifier());
}

}  // namespace weir
