// Change histories: an identity's keys, oldest first (spec/03 §2.4-2.9).
//
// ChangeHistory is what was decoded, unverified. Identity is a history whose every hash and
// signature was checked: immutable, shared by pointer, and the only type that the rest of the node
// trusts. Signed bytes are kept as received; re-encoding drops only what CBOR let us skip.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identifier.h"
#include "control/identity/signed_data.h"

namespace weir {

class SecretStore;

// One change as it travels: `data` is the signed envelope.
struct Change {
  Bytes data;
  SignatureValue signature;                          // by the key introduced here
  std::optional<SignatureValue> previous_signature;  // by the key before; not read on the first

  bool operator==(const Change&) const = default;
};

struct ChangeData {
  std::optional<ChangeHash> previous_change;
  VerifyingKey primary_public_key;
  bool revoke_all_purpose_keys = false;  // stored and shown; every rotation revokes anyway (§2.7)
  UnixSeconds attestations_valid_from_s = 0;
  UnixSeconds attestations_valid_until_s = 0;

  Bytes encode() const;
  static Result<ChangeData> decode(ByteSpan cbor);
};

struct ChangeHistory {
  std::vector<Change> changes;

  // Ignores trailing bytes. An empty list decodes (and then does not verify).
  static Result<ChangeHistory> decode(ByteSpan cbor);
  Bytes encode() const;
  // What the history claims to be, unverified. kInvalid when empty.
  Result<Identifier> claimed_identifier() const;
};

// A change with its hash and its decoded content.
struct VerifiedChange {
  ChangeHash hash;
  ChangeData data;
};

// A verified history.
class Identity {
 public:
  // §2.8. Never looks at the clock. kRefused, or kInvalid for malformed content.
  static Result<std::shared_ptr<const Identity>> verify(
      ChangeHistory history, const std::optional<Identifier>& expected = std::nullopt,
      SignatureMemo* memo = nullptr);
  static Result<std::shared_ptr<const Identity>> decode_and_verify(
      ByteSpan cbor, const std::optional<Identifier>& expected = std::nullopt,
      SignatureMemo* memo = nullptr);

  const Identifier& identifier() const { return identifier_; }
  const std::vector<VerifiedChange>& changes() const { return verified_; }
  const VerifiedChange& latest() const { return verified_.back(); }
  const ChangeHash& latest_hash() const { return verified_.back().hash; }
  const VerifyingKey& primary_key() const { return verified_.back().data.primary_public_key; }
  const ChangeHistory& history() const { return history_; }
  // CBOR of the history; what is exported, stored and presented.
  const Bytes& encoded() const { return encoded_; }

 private:
  Identity() = default;

  Identifier identifier_;
  ChangeHistory history_;
  std::vector<VerifiedChange> verified_;  // never empty
  Bytes encoded_;
};

using IdentityPtr = std::shared_ptr<const Identity>;

// How `received` stands to `known` (§2.9). Only change hashes count, not signatures.
enum class HistoryComparison : std::uint8_t { kEqual, kNewer, kOlder, kConflict };
HistoryComparison compare_histories(const Identity& received, const Identity& known);

// Options of a new change; by default valid from now for ten years.
struct ChangeOptions {
  UnixSeconds valid_from_s = 0;
  UnixSeconds valid_until_s = 0;
  bool revoke_all_purpose_keys = false;

  static ChangeOptions starting_at(UnixSeconds now_s) {
    return {now_s, now_s + kIdentityLifeSeconds, false};
  }
};

// The history of a new identity whose first key is `key`; the store signs. Verified before return.
Result<IdentityPtr> create_first_change(SecretStore& secrets, const VerifyingKey& key,
                                        const ChangeOptions& options);
// `identity` with one more change that introduces `new_key` (§2.7). Both secrets must be in the
// store; deleting the old one, after the new history is stored, is the caller's.
Result<IdentityPtr> rotate(SecretStore& secrets, const Identity& identity,
                           const VerifyingKey& new_key, const ChangeOptions& options);

}  // namespace weir
