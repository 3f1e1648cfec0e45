#include "control/identity/identities.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"

namespace weir {

Identities::Identities(IdentityStore& store, SecretStore& secrets, Clock& clock,
                       std::size_t max_remembered_signatures)
    : store_(store), secrets_(secrets), clock_(clock), memo_(max_remembered_signatures) {}

// --- identities of our own

Result<VerifyingKey> Identities::new_signing_key(std::optional<KeyKind> kind) {
  if (kind) return secrets_.create_signing_key(*kind);
  Result<VerifyingKey> key = secrets_.create_signing_key(KeyKind::kEd25519);
  if (key || key.error().code != Errc::kUnsupported) return key;
  return secrets_.create_signing_key(KeyKind::kP256);
}

Result<IdentityPtr> Identities::create(std::optional<KeyKind> kind) {
  Result<VerifyingKey> key = new_signing_key(kind);
  if (!key) return pass(key);
  return create_with_key(*key, ChangeOptions::starting_at(clock_.unix_seconds()));
}

Result<IdentityPtr> Identities::create_with_key(const VerifyingKey& key,
                                                const ChangeOptions& options) {
  Result<IdentityPtr> identity = create_first_change(secrets_, key, options);
  if (!identity) return identity;
  return remember(*identity, OlderHistory::kRefuse);
}

Result<IdentityPtr> Identities::rotate_key(const Identifier& id, std::optional<KeyKind> kind) {
  Result<IdentityPtr> old = get(id);
  if (!old) return old;
  // Before a new key is made: there is nothing to rotate without the old one.
  if (!secrets_.has_signing_key((*old)->primary_key())) {
    return fail(Errc::kNotFound, "the identity's present key is not in the vault", id.text());
  }
  Result<VerifyingKey> key = secrets_.create_signing_key(kind.value_or((*old)->primary_key().kind));
  if (!key) return pass(key);
  // A clock that went back must not produce a history that nobody accepts.
  ChangeOptions options = ChangeOptions::starting_at(
      std::max(clock_.unix_seconds(), (*old)->latest().data.attestations_valid_from_s));
  Result<IdentityPtr> rotated = rotate(secrets_, **old, *key, options);
  if (!rotated) return rotated;
  rotated = remember(*rotated, OlderHistory::kRefuse);
  // Somebody else rotated at the same time. (A disk that failed may hold the history all the same.)
  if (!rotated && rotated.error().code == Errc::kRefused) (void)secrets_.remove_signing_key(*key);
  // Only now is the old secret of no use; a crash before this line leaves one too many, not one too
  // few. Failing to delete it changes nothing for the identity.
  if (rotated) (void)secrets_.remove_signing_key((*old)->primary_key());
  return rotated;
}

Result<std::optional<Identities::Stored>> Identities::stored_attestation(const Identity& identity,
                                                                         Purpose purpose) {
  Result<std::optional<Bytes>> raw = store_.purpose_key(identity.identifier(), purpose);
  if (!raw) return pass(raw);
  if (!*raw) return std::optional<Stored>{};
  Result<PurposeKeyAttestation> attestation = PurposeKeyAttestation::decode(**raw);
  if (!attestation) return std::optional<Stored>{};
  Result<PurposeKeyAttestationData> data =
      weir::verify_attestation(*attestation, identity, clock_.unix_seconds(), &memo_);
  if (!data) return std::optional<Stored>{};
  return Stored{std::move(*attestation), std::move(*data)};
}

Result<Identities::Stored> Identities::attest_and_store(const Identity& identity, Purpose purpose,
                                                        const PurposePublicKey& key) {
  const UnixSeconds now_s = clock_.unix_seconds();
  Result<PurposeKeyAttestation> attestation =
      attest(secrets_, identity, key, now_s, now_s + kPurposeKeyLifeSeconds);
  if (!attestation) return pass(attestation);
  Result<PurposeKeyAttestationData> data =
      weir::verify_attestation(*attestation, identity, now_s, &memo_);
  if (!data) return pass(data);
  Status stored = store_.put_purpose_key(identity.identifier(), purpose, attestation->encode());
  if (!stored) return pass(stored);
  return Stored{std::move(*attestation), std::move(*data)};
}

Result<std::optional<Secret<32>>> Identities::static_secret_of(const Stored& stored) {
  const X25519Public* key = std::get_if<X25519Public>(&stored.data.public_key);
  if (key == nullptr) return std::optional<Secret<32>>{};
  Result<Secret<32>> secret = secrets_.x25519_secret(*key);
  if (secret) return std::optional<Secret<32>>(std::move(*secret));
  if (secret.error().code == Errc::kNotFound) return std::optional<Secret<32>>{};
  return pass(secret);
}

Result<bool> Identities::is_current(InUse& own) {
  const Identity& identity = *own.identity;
  if (!check_attestation_times(own.stored.data, identity, clock_.unix_seconds())) return false;
  const std::uint64_t now_ns = clock_.now_ns();
  if (now_ns - own.compared_at_ns < kOwnHistoryAgeMaxNs) return true;
  Result<std::optional<Bytes>> known = known_history(identity.identifier());
  if (!known) return pass(known);
  own.compared_at_ns = now_ns;
  return *known == identity.encoded();
}

Result<StaticKey> Identities::secure_channel_key(const Identifier& id) {
  if (const auto own = own_keys_.find(id); own != own_keys_.end()) {
    Result<bool> current = is_current(own->second.use);
    if (!current) return pass(current);
    if (*current) return own->second.key;
    own_keys_.erase(own);
  }
  Result<IdentityPtr> identity = get(id);
  if (!identity) return pass(identity);
  Result<std::optional<Stored>> stored = stored_attestation(**identity, Purpose::kSecureChannel);
  if (!stored) return pass(stored);
  std::optional<Secret<32>> secret;
  if (*stored) {
    Result<std::optional<Secret<32>>> found = static_secret_of(**stored);
    if (!found) return pass(found);
    secret = std::move(*found);
  }
  if (!secret) {
    Result<X25519Public> key = secrets_.create_x25519_key();
    if (!key) return pass(key);
    Result<Secret<32>> created = secrets_.x25519_secret(*key);
    if (!created) return pass(created);
    Result<Stored> fresh = attest_and_store(**identity, Purpose::kSecureChannel, *key);
    if (!fresh) return pass(fresh);
    secret = std::move(*created);
    *stored = std::move(*fresh);
  }
  OwnKey own;
  own.key.identity = *identity;
  own.key.key = X25519Key(*secret);
  own.key.attestation = (*stored)->attestation;
  own.use = {*identity, std::move(**stored), clock_.now_ns()};
  return own_keys_.insert_or_assign(id, std::move(own)).first->second.key;
}

Result<const Identities::InUse*> Identities::credential_key_in_use(const Identifier& id) {
  if (const auto own = credential_keys_.find(id); own != credential_keys_.end()) {
    Result<bool> current = is_current(own->second);
    if (!current) return pass(current);
    if (*current) return &own->second;
    credential_keys_.erase(own);
  }
  Result<IdentityPtr> identity = get(id);
  if (!identity) return pass(identity);
  Result<std::optional<Stored>> stored = stored_attestation(**identity, Purpose::kCredentials);
  if (!stored) return pass(stored);
  const VerifyingKey* key =
      *stored ? std::get_if<VerifyingKey>(&(*stored)->data.public_key) : nullptr;
  if (key == nullptr || !secrets_.has_signing_key(*key)) {
    Result<VerifyingKey> created = new_signing_key(std::nullopt);
    if (!created) return pass(created);
    Result<Stored> fresh = attest_and_store(**identity, Purpose::kCredentials, *created);
    if (!fresh) return pass(fresh);
    *stored = std::move(*fresh);
  }
  InUse use{*identity, std::move(**stored), clock_.now_ns()};
  return &credential_keys_.insert_or_assign(id, std::move(use)).first->second;
}

Result<PurposeKeyAttestation> Identities::credential_key(const Identifier& id) {
  Result<const InUse*> key = credential_key_in_use(id);
  if (!key) return pass(key);
  return (*key)->stored.attestation;
}

Result<CredentialAndPurposeKey> Identities::issue_credential(const Identifier& issuer,
                                                             const Identifier& subject,
                                                             AttributeMap attributes,
                                                             UnixSeconds life_s,
                                                             std::uint64_t schema) {
  Result<const InUse*> key = credential_key_in_use(issuer);
  if (!key) return pass(key);
  const PurposeKeyAttestationData& key_data = (*key)->stored.data;
  Result<IdentityPtr> known = get(subject);
  if (!known) return pass(known);
  CredentialData data;
  data.subject = subject;
  data.subject_latest_change_hash = (*known)->latest_hash();
  data.schema = schema;
  data.attributes = std::move(attributes);
  // The key may be younger than a clock that went back: nobody accepts a credential older than it.
  data.created_at_s = std::max(clock_.unix_seconds(), key_data.created_at_s);
  const UnixSeconds longest_s =
      key_data.expires_at_s - std::min(key_data.expires_at_s, data.created_at_s);
  data.expires_at_s = data.created_at_s + std::min(life_s, longest_s);
  auto credential = sign_credential(secrets_, data, (*key)->stored.attestation);
  // The secret may have been taken out of the vault: the next one looks.
  if (!credential) credential_keys_.erase(issuer);
  return credential;
}

// --- identities of anybody

Result<std::optional<Bytes>> Identities::known_history(const Identifier& id) {
  if (const auto met = met_.find(id); met != met_.end()) return met->second;
  return store_.history(id);
}

Result<IdentityPtr> Identities::get(const Identifier& id) {
  Result<std::optional<Bytes>> known = known_history(id);
  if (!known) return pass(known);
  if (!*known) return fail(Errc::kNotFound, "identity not found for identifier", id.text());
  return verify(**known, id);
}

Result<IdentityPtr> Identities::verify(ByteSpan history,
                                       const std::optional<Identifier>& expected) {
  return Identity::decode_and_verify(history, expected, &memo_);
}

Result<IdentityPtr> Identities::verify(ChangeHistory history,
                                       const std::optional<Identifier>& expected) {
  return Identity::verify(std::move(history), expected, &memo_);
}

Result<Standing> Identities::compare(const IdentityPtr& received, const std::optional<Bytes>& known,
                                     OlderHistory older) {
  if (!known) return Standing{Standing::Kind::kUnknown, received};
  // The usual case, and no signature or hash says more about the same bytes.
  if (*known == received->encoded()) return Standing{Standing::Kind::kKnown, received};
  Result<IdentityPtr> identity = verify(*known, received->identifier());
  if (!identity) return pass(identity);
  switch (compare_histories(*received, **identity)) {
    case HistoryComparison::kNewer:
      return Standing{Standing::Kind::kNewer, received};
    case HistoryComparison::kEqual:
      return Standing{Standing::Kind::kKnown, *identity};
    case HistoryComparison::kOlder:
      if (older == OlderHistory::kIgnore) return Standing{Standing::Kind::kKnown, *identity};
      return fail(Errc::kRefused, "an older history than the known one",
                  received->identifier().text());
    case HistoryComparison::kConflict:
      break;
  }
  return fail(Errc::kRefused, "the history contradicts the known one",
              received->identifier().text());
}

Result<Standing> Identities::check_against_known(const IdentityPtr& received, OlderHistory older) {
  Result<std::optional<Bytes>> known = known_history(received->identifier());
  if (!known) return pass(known);
  return compare(received, *known, older);
}

Result<IdentityPtr> Identities::remember(const IdentityPtr& received, OlderHistory older) {
  if (met_.contains(received->identifier())) {
    if (Status stored = store_met(); !stored) return pass(stored);
  }
  IdentityPtr newest = received;
  Status status = store_.update_history(
      received->identifier(),
      [&](const std::optional<Bytes>& stored) -> Result<std::optional<Bytes>> {
        Result<Standing> standing = compare(received, stored, older);
        if (!standing) return pass(standing);
        newest = standing->newest;
        if (standing->kind == Standing::Kind::kKnown) return std::optional<Bytes>{};
        return std::optional<Bytes>(received->encoded());
      });
  if (!status) return pass(status);
  if (const auto own = own_keys_.find(newest->identifier());
      own != own_keys_.end() && own->second.key.identity->latest_hash() != newest->latest_hash()) {
    own_keys_.erase(own);
  }
  if (const auto own = credential_keys_.find(newest->identifier());
      own != credential_keys_.end() &&
      own->second.identity->latest_hash() != newest->latest_hash()) {
    credential_keys_.erase(own);
  }
  return newest;
}

Status Identities::meet(const IdentityPtr& stranger) {
  const Bytes& history = stranger->encoded();
  if (met_.size() >= kMetMax || met_bytes_ + history.size() > kMetBytesMax) {
    if (Status stored = store_met(); !stored) return stored;
  }
  if (met_.try_emplace(stranger->identifier(), history).second) met_bytes_ += history.size();
  return {};
}

Status Identities::store_met() {
  if (met_.empty()) return {};
  std::vector<Identifier> ids;
  ids.reserve(met_.size());
  for (const auto& [id, history] : met_) ids.push_back(id);
  Status stored = store_.update_histories(
      ids, [&](std::size_t i, const std::optional<Bytes>& known) -> Result<std::optional<Bytes>> {
        const Bytes& history = met_.at(ids[i]);
        if (!known) return std::optional<Bytes>(history);
        // Another process was faster. What it knows is not made worse; a contradiction is met
        // again, and refused, when one of the two comes back.
        Result<IdentityPtr> identity = verify(history, ids[i]);
        if (!identity) return pass(identity);
        Result<Standing> standing = compare(*identity, known, OlderHistory::kIgnore);
        if (!standing || standing->kind == Standing::Kind::kKnown) return std::optional<Bytes>{};
        return std::optional<Bytes>(history);
      });
  if (!stored) return stored;
  met_.clear();
  met_bytes_ = 0;
  return {};
}

Result<IdentityPtr> Identities::import_bytes(ByteSpan history,
                                             const std::optional<Identifier>& expected,
                                             OlderHistory older) {
  Result<IdentityPtr> identity = verify(history, expected);
  if (!identity) return identity;
  return remember(*identity, older);
}

Result<IdentityPtr> Identities::import_hex(std::string_view text,
                                           const std::optional<Identifier>& expected,
                                           OlderHistory older) {
  const std::optional<Bytes> raw = from_hex(text);
  if (!raw) return fail(Errc::kInvalid, "a change history is hexadecimal text");
  return import_bytes(*raw, expected, older);
}

Result<Bytes> Identities::export_bytes(const Identifier& id) {
  Result<IdentityPtr> identity = get(id);
  if (!identity) return pass(identity);
  return (*identity)->encoded();
}

Result<std::string> Identities::export_hex(const Identifier& id) {
  Result<IdentityPtr> identity = get(id);
  if (!identity) return pass(identity);
  return to_hex((*identity)->encoded());
}

Result<PurposeKeyAttestationData> Identities::verify_attestation(
    const PurposeKeyAttestation& attestation, const std::optional<Identifier>& expected_subject) {
  Result<PurposeKeyAttestationData> claimed = attestation.content();
  if (!claimed) return claimed;
  if (expected_subject && *expected_subject != claimed->subject) {
    return fail(Errc::kRefused, "the purpose key of another identity");
  }
  Result<IdentityPtr> subject = get(claimed->subject);
  if (!subject) return pass(subject);
  return verify_attestation(attestation, **subject);
}

Result<PurposeKeyAttestationData> Identities::verify_attestation(
    const PurposeKeyAttestation& attestation, const Identity& subject) {
  return weir::verify_attestation(attestation, subject, clock_.unix_seconds(), &memo_);
}

Result<VerifiedCredential> Identities::verify_credential(
    const CredentialAndPurposeKey& credential, const std::optional<Identifier>& expected_subject,
    std::span<const Identifier> authorities) {
  return weir::verify_credential(
      credential, expected_subject, authorities, [this](const Identifier& id) { return get(id); },
      clock_.unix_seconds(), &memo_);
}

}  // namespace weir
