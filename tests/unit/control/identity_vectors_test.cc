// identity.json: what the published implementation made of histories, attestations and credentials.
#include "identity_fixture.h"

namespace weir::test {
namespace {

const Json& identity_vectors() { return vectors("identity.json"); }

std::optional<Identifier> optional_identifier(const Json& text) {
  if (text.is_null()) return std::nullopt;
  return identifier(text);
}

// A verifier that knows the histories of all parties.
std::unique_ptr<MemoryNode> verifier() {
  auto node = std::make_unique<MemoryNode>();
  for (const Json& party : identity_vectors()["parties"]) {
    Result<IdentityPtr> known = node->identities.import_bytes(hex(party["exported"]));
    CHECK(known && (*known)->identifier() == identifier(party["identifier"]));
  }
  return node;
}

TEST(IdentityVectors, IdentifierTextsReadAsOckamReadsThem) {
  int ran = 0;
  for (const Json& vector : identity_vectors()["identifier_texts"]) {
    const std::string text = vector["text"];
    const Result<Identifier> id = Identifier::parse(text);
    EXPECT_EQ(id.has_value(), vector["verdict"]["ok"].get<bool>()) << text;
    if (id && !vector["bytes"].is_null()) {
      EXPECT_EQ(to_hex(id->bytes), vector["bytes"].get<std::string>());
    }
    ++ran;
  }
  std::printf("identifier_texts: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(IdentityVectors, HistoriesRebuildFromTheirKeys) {
  int changes = 0;
  int signatures_equal = 0;
  int signatures_verified = 0;
  for (const Json& vector : identity_vectors()["histories"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    SeededRng rng(1);
    MemorySecretStore secrets(rng);
    IdentityPtr identity;
    for (std::size_t i = 0; i < vector["keys"].size(); ++i) {
      const Json& key = vector["keys"][i];
      const VerifyingKey verifying =
          secrets.import_signing_key(signing_key(kind_of(key["type"]), key["secret"]));
      const ChangeOptions options{key["attestations_valid_from"], key["attestations_valid_until"],
                                  key["revoke_all_purpose_keys"]};
      Result<IdentityPtr> next = identity ? rotate(secrets, *identity, verifying, options)
                                          : create_first_change(secrets, verifying, options);
      ASSERT_TRUE(next.has_value()) << next.error().text();
      identity = *next;
      const Json& expected = vector["changes"][i];
      const Change& change = identity->history().changes[i];
      EXPECT_EQ(to_hex(change.data), expected["data"].get<std::string>());
      EXPECT_EQ(identity->latest_hash().text(), expected["change_hash"].get<std::string>());
      EXPECT_EQ(to_hex(verifying.bytes),
                expected["primary_public_key"]["bytes"].get<std::string>());
      const auto check = [&](const SignatureValue& ours, const Json& theirs) {
        // ECDSA draws a nonce, so only Ed25519 signatures can be equal; the others were verified.
        if (ours.kind == KeyKind::kP256) {
          ++signatures_verified;
        } else {
          ++signatures_equal;
          EXPECT_EQ(to_hex(ours.bytes), theirs["bytes"].get<std::string>());
        }
      };
      check(change.signature, expected["signature"]);
      EXPECT_EQ(change.previous_signature.has_value(), !expected["previous_signature"].is_null());
      if (change.previous_signature) {
        check(*change.previous_signature, expected["previous_signature"]);
      }
      ++changes;
    }
    EXPECT_EQ(identity->identifier().text(), vector["identifier"].get<std::string>());
    const Result<IdentityPtr> imported = Identity::decode_and_verify(hex(vector["exported"]));
    ASSERT_TRUE(imported.has_value()) << imported.error().text();
    EXPECT_EQ(to_hex((*imported)->encoded()), vector["exported_as_string"].get<std::string>());
    EXPECT_EQ((*imported)->identifier(), identity->identifier());
    EXPECT_EQ((*imported)->latest_hash().text(), vector["latest_change_hash"].get<std::string>());
    EXPECT_EQ(compare_histories(**imported, *identity), HistoryComparison::kEqual);
  }
  std::printf("histories: %zu with %d changes, %d signatures equal, %d (P-256) verified\n",
              identity_vectors()["histories"].size(), changes, signatures_equal,
              signatures_verified);
  EXPECT_GT(changes, 0);
}

TEST(IdentityVectors, HistoriesAreJudgedAsOckamJudgesThem) {
  int ran = 0;
  for (const Json& vector : identity_vectors()["history_verdicts"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    MemoryNode node;
    const Result<IdentityPtr> identity = node.identities.import_bytes(
        hex(vector["history"]), optional_identifier(vector["expected_identifier"]));
    EXPECT_EQ(identity.has_value(), vector["verdict"]["ok"].get<bool>())
        << (identity ? "accepted" : identity.error().text());
    if (identity) {
      EXPECT_EQ((*identity)->identifier().text(), vector["identifier"].get<std::string>());
    }
    EXPECT_EQ(node.store.histories(), identity ? 1u : 0u);
    ++ran;
  }
  std::printf("history_verdicts: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(IdentityVectors, ReceivedHistoriesCompareWithKnownOnes) {
  int ran = 0;
  for (const Json& vector : identity_vectors()["history_comparison"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    MemoryNode node;
    const Result<IdentityPtr> known = node.identities.import_bytes(hex(vector["known"]));
    ASSERT_TRUE(known.has_value());
    const Result<IdentityPtr> received = node.identities.verify(hex(vector["received"]));
    ASSERT_TRUE(received.has_value());
    static const char* const kNames[] = {"Equal", "Newer", "Older", "Conflict"};
    EXPECT_STREQ(kNames[static_cast<int>(compare_histories(**received, **known))],
                 vector["received_compared_with_known"].get<std::string>().c_str());
    EXPECT_EQ(node.identities.import_bytes(hex(vector["received"])).has_value(),
              vector["import_verdict"]["ok"].get<bool>());
    ++ran;
  }
  std::printf("history_comparison: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(IdentityVectors, PurposeKeysAreAttestedByteForByte) {
  int equal_bytes = 0;
  int verified_only = 0;
  for (const Json& vector : identity_vectors()["purpose_keys"]) {
    SCOPED_TRACE(vector["subject_name"].get<std::string>());
    const auto node = verifier();
    const Json& expected = vector["attestation"];
    for (const Json& party : identity_vectors()["parties"]) {
      node->secrets.import_signing_key(signing_key(kind_of(party["type"]), party["secret"]));
    }
    const Result<IdentityPtr> subject = node->identities.get(identifier(expected["subject"]));
    ASSERT_TRUE(subject.has_value());
    PurposePublicKey key;
    if (vector["purpose_key_type"] == "X25519") {
      key = node->secrets.import_x25519(Secret<32>::from_span(hex(vector["purpose_secret"])));
    } else {
      key = node->secrets.import_signing_key(
          signing_key(kind_of(vector["purpose_key_type"]), vector["purpose_secret"]));
    }
    const Result<PurposeKeyAttestation> made =
        attest(node->secrets, **subject, key, expected["created_at"], expected["expires_at"]);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(to_hex(made->data), expected["data"].get<std::string>());
    EXPECT_TRUE(node->identities.verify_attestation(*made, (*subject)->identifier()));
    if ((*subject)->primary_key().kind == KeyKind::kEd25519) {
      EXPECT_EQ(to_hex(made->encode()), expected["encoded"].get<std::string>());
      ++equal_bytes;
    } else {
      ++verified_only;
    }
    const Result<PurposeKeyAttestation> theirs =
        PurposeKeyAttestation::decode(hex(expected["encoded"]));
    ASSERT_TRUE(theirs.has_value());
    EXPECT_EQ(to_hex(theirs->encode()), expected["encoded"].get<std::string>());
    EXPECT_TRUE(node->identities.verify_attestation(*theirs, std::nullopt));
  }
  std::printf("purpose_keys: %d equal, %d (P-256 signer) verified\n", equal_bytes, verified_only);
  EXPECT_GT(equal_bytes + verified_only, 0);
}

TEST(IdentityVectors, AttestationsAreJudgedAsOckamJudgesThem) {
  int ran = 0;
  for (const Json& vector : identity_vectors()["attestation_verdicts"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const auto node = verifier();
    node->clock.now_s = vector["now"];
    const Result<PurposeKeyAttestation> attestation =
        PurposeKeyAttestation::decode(hex(vector["attestation"]));
    const bool accepted =
        attestation && node->identities.verify_attestation(
                           *attestation, optional_identifier(vector["expected_subject"]));
    EXPECT_EQ(accepted, vector["verdict"]["ok"].get<bool>());
    ++ran;
  }
  std::printf("attestation_verdicts: %d\n", ran);
  EXPECT_GT(ran, 0);
}

TEST(IdentityVectors, RotationRevokesEarlierPurposeKeys) {
  const Json& vector = identity_vectors()["attestation_after_rotation"];
  MemoryNode node;
  node.clock.now_s = vector["now"];
  const Result<PurposeKeyAttestation> attestation =
      PurposeKeyAttestation::decode(hex(vector["attestation"]));
  ASSERT_TRUE(attestation.has_value());
  const Identifier id = identifier(vector["identifier"]);
  ASSERT_TRUE(node.identities.import_bytes(hex(vector["history_before"]), id));
  EXPECT_EQ(node.identities.verify_attestation(*attestation, id).has_value(),
            vector["verdict_before"]["ok"].get<bool>());
  ASSERT_TRUE(node.identities.import_bytes(hex(vector["history_after"]), id));
  EXPECT_EQ(node.identities.verify_attestation(*attestation, id).has_value(),
            vector["verdict_after"]["ok"].get<bool>());
  std::printf("attestation_after_rotation: 1\n");
}

TEST(IdentityVectors, CredentialsReadAndRebuildByteForByte) {
  int equal_bytes = 0;
  int verified_only = 0;
  for (const Json& vector : identity_vectors()["credentials"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const Json& expected = vector["credential"];
    const auto node = verifier();
    for (const Json& key : identity_vectors()["purpose_keys"]) {
      if (key["purpose_key_type"] == "X25519") continue;  // signs nothing
      node->secrets.import_signing_key(
          signing_key(kind_of(key["purpose_key_type"]), key["purpose_secret"]));
    }
    const Result<CredentialAndPurposeKey> decoded =
        CredentialAndPurposeKey::decode(hex(expected["encoded"]));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(to_hex(decoded->encode()), expected["encoded"].get<std::string>());
    const Result<CredentialData> data = decoded->content();
    ASSERT_TRUE(data.has_value());
    EXPECT_EQ(data->subject, identifier(expected["subject"]));
    EXPECT_EQ(data->subject_latest_change_hash->text(),
              expected["subject_latest_change_hash"].get<std::string>());
    EXPECT_EQ(data->schema, expected["schema"].get<std::uint64_t>());
    EXPECT_EQ(data->created_at_s, expected["created_at"].get<std::uint64_t>());
    EXPECT_EQ(data->expires_at_s, expected["expires_at"].get<std::uint64_t>());
    ASSERT_EQ(data->attributes.size(), expected["attributes"].size());
    for (const Json& attribute : expected["attributes"]) {
      const auto found = data->attributes.find(hex(attribute["key"]));
      ASSERT_NE(found, data->attributes.end());
      EXPECT_EQ(found->second, hex(attribute["value"]));
    }
    const Result<CredentialAndPurposeKey> signed_again =
        sign_credential(node->secrets, *data, decoded->attestation);
    ASSERT_TRUE(signed_again.has_value()) << signed_again.error().text();
    EXPECT_EQ(to_hex(signed_again->credential.data), expected["data"].get<std::string>());
    const std::vector<Identifier> authorities{
        identifier(expected["purpose_key_attestation"]["subject"])};
    EXPECT_TRUE(node->identities.verify_credential(*signed_again, data->subject, authorities));
    if (signed_again->credential.signature.kind == KeyKind::kEd25519) {
      EXPECT_EQ(to_hex(signed_again->encode()), expected["encoded"].get<std::string>());
      ++equal_bytes;
    } else {
      ++verified_only;
    }
  }
  std::printf("credentials: %d equal, %d (P-256 key) verified\n", equal_bytes, verified_only);
  EXPECT_GT(equal_bytes + verified_only, 0);
}

TEST(IdentityVectors, CredentialsAreJudgedAsOckamJudgesThem) {
  int ran = 0;
  for (const Json& vector : identity_vectors()["credential_verdicts"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    const auto node = verifier();
    node->clock.now_s = vector["now"];
    std::vector<Identifier> authorities;
    for (const Json& authority : vector["authorities"])
      authorities.push_back(identifier(authority));
    const Result<CredentialAndPurposeKey> credential =
        CredentialAndPurposeKey::decode(hex(vector["credential_and_purpose_key"]));
    Result<VerifiedCredential> verified = fail(Errc::kInvalid, "does not decode");
    if (credential) {
      verified = node->identities.verify_credential(
          *credential, optional_identifier(vector["expected_subject"]), authorities);
    }
    EXPECT_EQ(verified.has_value(), vector["verdict"]["ok"].get<bool>())
        << (verified ? "accepted" : verified.error().text());
    ++ran;
  }
  std::printf("credential_verdicts: %d\n", ran);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace weir::test
