// Identities: everything the node does with identities, over a store, a keeper of secrets, a clock
// and randomness. Single-threaded (the control thread); a call may block on the store.
//
// Verified histories are remembered by the hash of their bytes, so that meeting a known identity
// costs no signature check; the memory is bounded, the least recently used one goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "control/identity/change_history.h"
#include "control/identity/credential.h"
#include "control/identity/identity_store.h"
#include "control/identity/purpose_key.h"
#include "control/identity/secret_store.h"
#include "crypto/secret.h"

namespace weir {

// What to do with a received history that is shorter than the known one (spec/03 §2.9).
enum class OlderHistory : std::uint8_t { kRefuse, kIgnore };

// A secure channel's static key, ready for a handshake.
struct StaticKey {
  Secret<32> secret;
  X25519Public public_key{};
  PurposeKeyAttestation attestation;
};

class Identities {
 public:
  static constexpr std::size_t kDefaultCachedHistories = 4096;

  Identities(IdentityStore& store, SecretStore& secrets, Clock& clock,
             std::size_t max_cached_histories = kDefaultCachedHistories);
  ~Identities();
  Identities(const Identities&) = delete;
  Identities& operator=(const Identities&) = delete;

  // --- identities of our own
  Result<IdentityPtr> create(KeyKind kind = KeyKind::kEd25519);
  // From a signing key that the secret store already has (a KMS key, an imported secret).
  Result<IdentityPtr> create_with_key(const VerifyingKey& key, const ChangeOptions& options);
  // New key, new history; the old secret goes (§2.7), and with it every purpose key made so far.
  Result<IdentityPtr> rotate_key(const Identifier& id, KeyKind kind = KeyKind::kEd25519);
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
  // kRefused if a known history conflicts with (or is newer than) this one; stores nothing. Returns
  // the newest known of both.
  Result<IdentityPtr> check_against_known(const IdentityPtr& received, OlderHistory older);
  // The same rules, and stores what is new, in one transaction of the store.
  Result<IdentityPtr> remember(const IdentityPtr& received, OlderHistory older);
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
  // §4.3 at the clock's time.
  Result<VerifiedCredential> verify_credential(const CredentialAndPurposeKey& credential,
                                               const std::optional<Identifier>& expected_subject,
                                               std::span<const Identifier> authorities);

  struct CacheStats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;  // histories whose signatures were checked
    std::size_t entries = 0;
  };
  CacheStats cache_stats() const { return {hits_, misses_, cache_.size()}; }
  Clock& clock() { return clock_; }
  IdentityStore& store() { return store_; }

 private:
  struct Cached {
    ChangeHash key;
    IdentityPtr identity;
  };

  Result<IdentityPtr> verified(const ChangeHash& key, ChangeHistory history);
  Result<std::optional<StaticKey>> stored_channel_key(const Identity& identity);
  Result<StaticKey> make_channel_key(const Identity& identity);

  IdentityStore& store_;
  SecretStore& secrets_;
  Clock& clock_;
  std::size_t max_cached_;
  std::list<Cached> recent_;  // most recently used first
  std::unordered_map<ChangeHash, std::list<Cached>::iterator> cache_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace weir
