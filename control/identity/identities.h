// Identities: everything the node does with identities, over a store, a keeper of secrets, a clock
// and randomness. Single-threaded (the control thread); a call may block on the store.
//
// Verified histories are remembered by the hash of their bytes, so that meeting a known identity
// costs no signature check; the memory is bounded, the least recently used one goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "control/identity/change_history.h"
#include "control/identity/credential.h"
#include "control/identity/identity_store.h"
#include "control/identity/purpose_key.h"
#include "control/identity/secret_store.h"
#include "control/identity/signature_memo.h"
#include "crypto/secret.h"

namespace weir {

// What to do with a received history that is shorter than the known one (spec/03 §2.9).
enum class OlderHistory : std::uint8_t { kRefuse, kIgnore };

// How a verified history stands to what was known.
struct Standing {
  enum class Kind : std::uint8_t { kUnknown, kNewer, kKnown };
  Kind kind = Kind::kUnknown;
  IdentityPtr newest;  // of both
};

// A secure channel's static key, ready for a handshake.
struct StaticKey {
  IdentityPtr identity;  // whose it is
  X25519Key key;
  PurposeKeyAttestation attestation;
};

class Identities {
 public:
  Identities(IdentityStore& store, SecretStore& secrets, Clock& clock,
             std::size_t max_remembered_signatures = SignatureMemo::kDefaultEntriesMax);
  Identities(const Identities&) = delete;
  Identities& operator=(const Identities&) = delete;

  // --- identities of our own
  // Without a kind: Ed25519, or P-256 where the secret store can only make that.
  Result<IdentityPtr> create(std::optional<KeyKind> kind = std::nullopt);
  // From a signing key that the secret store already has (a KMS key, an imported secret).
  Result<IdentityPtr> create_with_key(const VerifyingKey& key, const ChangeOptions& options);
  // New key, new history; the old secret goes (§2.7), and with it every purpose key made so far.
  // Other processes with this identity present it within kOwnHistoryAgeMaxNs. Without a kind: that
  // of the old key. Of two rotations at once one is kRefused.
  Result<IdentityPtr> rotate_key(const Identifier& id, std::optional<KeyKind> kind = std::nullopt);
  static constexpr std::uint64_t kOwnHistoryAgeMaxNs = 1'000'000'000;
  // The stored attestation if it still verifies and its secret is here; else a new key replaces it.
  // A failing store is an error (Ockam would replace the key; spec/03 §12).
  Result<StaticKey> secure_channel_key(const Identifier& id);
  Result<PurposeKeyAttestation> credential_key(const Identifier& id);
  // Signed by `issuer`; the subject must be known (§4.2). The life is clamped to the purpose key's.
  Result<CredentialAndPurposeKey> issue_credential(const Identifier& issuer,
                                                   const Identifier& subject,
                                                   AttributeMap attributes, UnixSeconds life_s,
                                                   std::uint64_t schema = kProjectMemberSchema);

  // --- identities of anybody
  // The newest known history, verified. kNotFound when unknown.
  Result<IdentityPtr> get(const Identifier& id);
  // Verifies without storing; free of signature checks when these bytes were verified before.
  Result<IdentityPtr> verify(ByteSpan history,
                             const std::optional<Identifier>& expected = std::nullopt);
  Result<IdentityPtr> verify(ChangeHistory history,
                             const std::optional<Identifier>& expected = std::nullopt);
  // kRefused if a known history conflicts with (or is newer than) this one; stores nothing.
  Result<Standing> check_against_known(const IdentityPtr& received, OlderHistory older);
  // The same rules, and stores what is new, in one transaction of the store: done when it returns.
  Result<IdentityPtr> remember(const IdentityPtr& received, OlderHistory older);

  // For strangers (Standing::kUnknown), who may come by the thousand: what is known of them is kept
  // in memory and stored by the next store_met(), all in one transaction. Who is killed before that
  // forgets them, which is as if they had never met; a change of a known identity never waits, so
  // that nobody goes back to a key that was acted against. Stores at once, and fails as the store
  // does, when kMetMax or kMetBytesMax wait already.
  Status meet(const IdentityPtr& stranger);
  Status store_met();
  std::size_t met() const { return met_.size(); }
  static constexpr std::size_t kMetMax = 4096;
  static constexpr std::size_t kMetBytesMax = 4 << 20;
  // verify + remember.
  Result<IdentityPtr> import_bytes(ByteSpan history,
                                   const std::optional<Identifier>& expected = std::nullopt,
                                   OlderHistory older = OlderHistory::kRefuse);
  Result<IdentityPtr> import_hex(std::string_view text,
                                 const std::optional<Identifier>& expected = std::nullopt,
                                 OlderHistory older = OlderHistory::kRefuse);
  Result<Bytes> export_bytes(const Identifier& id);
  Result<std::string> export_hex(const Identifier& id);

  // §3.3 against the stored history of the subject.
  Result<PurposeKeyAttestationData> verify_attestation(
      const PurposeKeyAttestation& attestation, const std::optional<Identifier>& expected_subject);
  // The same for an identity at hand: verified, and known to be the newest.
  Result<PurposeKeyAttestationData> verify_attestation(const PurposeKeyAttestation& attestation,
                                                       const Identity& subject);
  // §4.3 at the clock's time.
  Result<VerifiedCredential> verify_credential(const CredentialAndPurposeKey& credential,
                                               const std::optional<Identifier>& expected_subject,
                                               std::span<const Identifier> authorities);

  const SignatureMemo& memo() const { return memo_; }
  Clock& clock() { return clock_; }
  SecretStore& secrets() { return secrets_; }

 private:
  struct Stored {
    PurposeKeyAttestation attestation;
    PurposeKeyAttestationData data;
  };
  // A purpose key in use, and when its identity was last compared with the store's history.
  struct InUse {
    IdentityPtr identity;
    Stored stored;
    std::uint64_t compared_at_ns = 0;
  };
  struct OwnKey {
    StaticKey key;
    InUse use;
  };

  Result<VerifyingKey> new_signing_key(std::optional<KeyKind> kind);
  // Whether it may be presented now: in time, and no other process has rotated its identity.
  Result<bool> is_current(InUse& own);
  Result<const InUse*> credential_key_in_use(const Identifier& id);
  // In memory or in the store.
  Result<std::optional<Bytes>> known_history(const Identifier& id);
  Result<Standing> compare(const IdentityPtr& received, const std::optional<Bytes>& known,
                           OlderHistory older);
  // The attestation in the store, if it still verifies now.
  Result<std::optional<Stored>> stored_attestation(const Identity& identity, Purpose purpose);
  // A fresh one from now on, verified and stored.
  Result<Stored> attest_and_store(const Identity& identity, Purpose purpose,
                                  const PurposePublicKey& key);
  Result<std::optional<Secret<32>>> static_secret_of(const Stored& stored);

  IdentityStore& store_;
  SecretStore& secrets_;
  Clock& clock_;
  SignatureMemo memo_;
  std::map<Identifier, OwnKey> own_keys_;        // as many as this node has identities in use
  std::map<Identifier, InUse> credential_keys_;  // the same of those that issue credentials
  std::map<Identifier, Bytes> met_;  // encoded histories that the store does not have yet
  std::size_t met_bytes_ = 0;
};

}  // namespace weir
