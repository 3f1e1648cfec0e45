// The facade: own identities, what is stored when, what costs a signature check, and the CBOR that
// a decoder must take or refuse beyond what the vectors say.
#include "identity_fixture.h"

namespace weir::test {
namespace {

TEST(Identities, CreatedIdentityIsStoredAndExported) {
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    MemoryNode node;
    const Result<IdentityPtr> identity = node.identities.create(kind);
    ASSERT_TRUE(identity.has_value()) << identity.error().text();
    EXPECT_EQ((*identity)->encoded().size(), kind == KeyKind::kEd25519 ? 128u : 161u);
    const ChangeData& data = (*identity)->latest().data;
    EXPECT_EQ(data.attestations_valid_from_s, kVectorTimeSeconds);
    EXPECT_EQ(data.attestations_valid_until_s, kVectorTimeSeconds + 315'360'000);
    const Result<std::string> text = node.identities.export_hex((*identity)->identifier());
    ASSERT_TRUE(text.has_value());
    MemoryNode other(2);
    const Result<IdentityPtr> imported = other.identities.import_hex(*text);
    ASSERT_TRUE(imported.has_value());
    EXPECT_EQ((*imported)->identifier(), (*identity)->identifier());
    EXPECT_FALSE(other.identities.import_hex(" " + *text));
    EXPECT_FALSE(other.identities.import_hex(*text + "\n"));
  }
}

TEST(Identities, KnownIdentityCostsNoSignatureCheck) {
  MemoryNode node;
  const IdentityPtr identity = node.identities.create().value();
  const std::uint64_t before = node.identities.memo().verified();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(node.identities.import_bytes(identity->encoded()));
  // The first import checks (creating one verified without the memo), the others remember.
  EXPECT_LE(node.identities.memo().verified(), before + 1);
  EXPECT_GE(node.identities.memo().recalled(), 9u);
}

TEST(Identities, SignatureMemoStaysBoundedAndForgetsTheOldest) {
  SignatureMemo memo(2);
  SignatureMemo::Key a;
  SignatureMemo::Key b;
  SignatureMemo::Key c;
  b.bytes[0] = 1;
  c.bytes[0] = 2;
  memo.remember(a);
  memo.remember(b);
  EXPECT_TRUE(memo.recall(a));
  memo.remember(c);
  EXPECT_EQ(memo.entries(), 2u);
  EXPECT_TRUE(memo.recall(a));
  EXPECT_FALSE(memo.recall(b));
  SignatureMemo none(0);
  none.remember(a);
  EXPECT_FALSE(none.recall(a));
}

TEST(Identities, SignatureMemoDoesNotMixUpKeyMessageAndSignature) {
  MemoryNode node;
  SignatureMemo memo;
  const VerifyingKey key = node.secrets.create_signing_key(KeyKind::kEd25519).value();
  const VerifyingKey other = node.secrets.create_signing_key(KeyKind::kEd25519).value();
  ChangeHash message;
  const SignatureValue signature = node.secrets.sign(key, message.bytes).value();
  ASSERT_TRUE(check_signature(key, message, signature, &memo));
  ASSERT_TRUE(check_signature(key, message, signature, &memo));
  EXPECT_FALSE(check_signature(other, message, signature, &memo));
  ChangeHash changed = message;
  changed.bytes[31] ^= 1;
  EXPECT_FALSE(check_signature(key, changed, signature, &memo));
  SignatureValue forged = signature;
  forged.bytes[5] ^= 1;
  EXPECT_FALSE(check_signature(key, message, forged, &memo));
  forged = signature;
  forged.kind = KeyKind::kP256;
  EXPECT_FALSE(check_signature(key, message, forged, &memo));
}

TEST(Identities, ChannelKeyIsMadeOnceAndKept) {
  MemoryNode node;
  const Identifier id = node.identities.create().value()->identifier();
  const StaticKey first = node.identities.secure_channel_key(id).value();
  const StaticKey second = node.identities.secure_channel_key(id).value();
  EXPECT_EQ(first.key.public_key(), second.key.public_key());
  EXPECT_EQ(std::get<X25519Public>(second.attestation.content().value().public_key),
            second.key.public_key());
  // And a node that starts again finds it in its store.
  Identities restarted(node.store, node.secrets, node.clock);
  EXPECT_EQ(restarted.secure_channel_key(id).value().key.public_key(), first.key.public_key());
}

TEST(Identities, ExpiredChannelKeyIsReplaced) {
  MemoryNode node;
  const Identifier id = node.identities.create().value()->identifier();
  const StaticKey first = node.identities.secure_channel_key(id).value();
  node.clock.now_s += kPurposeKeyLifeSeconds;
  EXPECT_EQ(node.identities.secure_channel_key(id).value().key.public_key(),
            first.key.public_key());
  node.clock.now_s += 1;
  const Result<StaticKey> second = node.identities.secure_channel_key(id);
  ASSERT_TRUE(second.has_value()) << second.error().text();
  EXPECT_NE(second->key.public_key(), first.key.public_key());
}

TEST(Identities, PurposeKeyNeverOutlivesTheIdentity) {
  MemoryNode node;
  const Identifier id = node.identities.create().value()->identifier();
  node.clock.now_s += 6 * 365 * kSecondsPerDay;  // Ockam cannot open channels from here on
  const Result<StaticKey> key = node.identities.secure_channel_key(id);
  ASSERT_TRUE(key.has_value()) << key.error().text();
  EXPECT_EQ(key->attestation.content().value().expires_at_s,
            kVectorTimeSeconds + kIdentityLifeSeconds);
  node.clock.now_s = kVectorTimeSeconds + kIdentityLifeSeconds + 1;
  EXPECT_FALSE(node.identities.secure_channel_key(id).has_value());
}

TEST(Identities, RotationReplacesChannelKeyAndDeletesTheOldSecret) {
  MemoryNode node;
  const IdentityPtr before = node.identities.create().value();
  const StaticKey old_key = node.identities.secure_channel_key(before->identifier()).value();
  const Result<IdentityPtr> after =
      node.identities.rotate_key(before->identifier(), KeyKind::kP256);
  ASSERT_TRUE(after.has_value()) << after.error().text();
  EXPECT_EQ((*after)->identifier(), before->identifier());
  EXPECT_EQ((*after)->changes().size(), 2u);
  EXPECT_FALSE(node.secrets.has_signing_key(before->primary_key()));
  EXPECT_TRUE(node.secrets.has_signing_key((*after)->primary_key()));
  const Result<StaticKey> new_key = node.identities.secure_channel_key(before->identifier());
  ASSERT_TRUE(new_key.has_value());
  EXPECT_NE(new_key->key.public_key(), old_key.key.public_key());
  EXPECT_EQ(new_key->identity->latest_hash(), (*after)->latest_hash());
  EXPECT_FALSE(
      node.identities.verify_attestation(old_key.attestation, before->identifier()).has_value());
}

// A node and a command share the store; the node must not go on presenting the old history, which
// every peer that met the new one refuses.
TEST(Identities, ARotationByAnotherProcessIsPresentedWithinASecond) {
  MemoryNode node;
  Identities command(node.store, node.secrets, node.clock);
  const Identifier id = node.identities.create().value()->identifier();
  const StaticKey before = node.identities.secure_channel_key(id).value();
  const IdentityPtr rotated = command.rotate_key(id).value();
  node.clock.now_s += 1;
  const Result<StaticKey> after = node.identities.secure_channel_key(id);
  ASSERT_TRUE(after.has_value()) << after.error().text();
  EXPECT_EQ(after->identity->latest_hash(), rotated->latest_hash());
  EXPECT_NE(after->key.public_key(), before.key.public_key());
  EXPECT_TRUE(command.verify_attestation(after->attestation, id).has_value());
}

TEST(Identities, RotationKeepsTheKindOfTheKey) {
  MemoryNode node;
  const Identifier id = node.identities.create(KeyKind::kP256).value()->identifier();
  EXPECT_EQ(node.identities.rotate_key(id).value()->primary_key().kind, KeyKind::kP256);
}

TEST(Identities, RotationWithoutThePresentKeyMakesNoNewOne) {
  MemoryNode node;
  const IdentityPtr identity = node.identities.create().value();
  ASSERT_TRUE(node.secrets.remove_signing_key(identity->primary_key()));
  const Result<IdentityPtr> rotated = node.identities.rotate_key(identity->identifier());
  ASSERT_FALSE(rotated.has_value());
  EXPECT_EQ(rotated.error().code, Errc::kNotFound);
  EXPECT_EQ(node.identities.get(identity->identifier()).value()->changes().size(), 1u);
}

TEST(Identities, RotationWorksWhenTheClockWentBack) {
  MemoryNode node;
  const Identifier id = node.identities.create().value()->identifier();
  node.clock.now_s -= 1000;
  EXPECT_TRUE(node.identities.rotate_key(id).has_value());
}

TEST(Identities, IdentityWithoutItsSecretCannotOpenChannels) {
  MemoryNode node;
  const IdentityPtr identity = node.identities.create().value();
  MemoryNode other(2);
  ASSERT_TRUE(other.identities.import_bytes(identity->encoded()));
  const Result<StaticKey> key = other.identities.secure_channel_key(identity->identifier());
  ASSERT_FALSE(key.has_value());
  EXPECT_EQ(key.error().code, Errc::kNotFound);
}

TEST(Identities, OlderHistoryIsRefusedOrIgnoredAsAsked) {
  MemoryNode node;
  const IdentityPtr before = node.identities.create().value();
  const IdentityPtr after = node.identities.rotate_key(before->identifier()).value();
  EXPECT_FALSE(node.identities.import_bytes(before->encoded()));
  const Result<IdentityPtr> newest =
      node.identities.import_bytes(before->encoded(), std::nullopt, OlderHistory::kIgnore);
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ((*newest)->latest_hash(), after->latest_hash());
  EXPECT_EQ(node.identities.get(before->identifier()).value()->latest_hash(), after->latest_hash());
}

TEST(Identities, ForkedHistoryIsRefusedInEveryMode) {
  MemoryNode node;
  const IdentityPtr root = node.identities.create().value();
  const VerifyingKey a = node.secrets.create_signing_key(KeyKind::kEd25519).value();
  const VerifyingKey b = node.secrets.create_signing_key(KeyKind::kEd25519).value();
  const ChangeOptions options = ChangeOptions::starting_at(kVectorTimeSeconds);
  const IdentityPtr left = rotate(node.secrets, *root, a, options).value();
  const IdentityPtr right = rotate(node.secrets, *root, b, options).value();
  ASSERT_TRUE(node.identities.import_bytes(left->encoded()));
  EXPECT_FALSE(node.identities.import_bytes(right->encoded()));
  EXPECT_FALSE(node.identities.import_bytes(right->encoded(), std::nullopt, OlderHistory::kIgnore));
}

TEST(Identities, DamagedStoreIsAnErrorNotANewIdentity) {
  MemoryNode node;
  const IdentityPtr identity = node.identities.create().value();
  const Status damaged = node.store.update_history(
      identity->identifier(),
      [](const std::optional<Bytes>& stored) -> Result<std::optional<Bytes>> {
        Bytes bytes = *stored;
        bytes[40] ^= 1;
        return std::optional<Bytes>(bytes);
      });
  ASSERT_TRUE(damaged.has_value());
  EXPECT_FALSE(node.identities.get(identity->identifier()));
  EXPECT_FALSE(node.identities.import_bytes(identity->encoded()));
}

TEST(Identities, IssuedCredentialVerifiesForItsSubjectOnly) {
  MemoryNode authority;
  const IdentityPtr issuer = authority.identities.create().value();
  MemoryNode member(2);
  const IdentityPtr subject = member.identities.create().value();
  AttributeMap attributes;
  attributes[to_bytes(as_bytes("role"))] = to_bytes(as_bytes("member"));
  EXPECT_EQ(authority.identities
                .issue_credential(issuer->identifier(), subject->identifier(), attributes, 60)
                .error()
                .code,
            Errc::kNotFound);
  ASSERT_TRUE(authority.identities.import_bytes(subject->encoded()));
  const Result<CredentialAndPurposeKey> credential = authority.identities.issue_credential(
      issuer->identifier(), subject->identifier(), attributes, 60);
  ASSERT_TRUE(credential.has_value()) << credential.error().text();

  ASSERT_TRUE(member.identities.import_bytes(issuer->encoded()));
  const std::vector<Identifier> authorities{issuer->identifier()};
  const Result<VerifiedCredential> verified =
      member.identities.verify_credential(*credential, subject->identifier(), authorities);
  ASSERT_TRUE(verified.has_value()) << verified.error().text();
  EXPECT_EQ(verified->data.attributes, attributes);
  EXPECT_EQ(verified->issuer, issuer->identifier());
  EXPECT_FALSE(member.identities.verify_credential(*credential, issuer->identifier(), authorities));
  member.clock.now_s += 61;
  EXPECT_FALSE(
      member.identities.verify_credential(*credential, subject->identifier(), authorities));
  member.clock.now_s -= 61;
  // A rotation of the issuer ends every credential it signed.
  const IdentityPtr rotated = authority.identities.rotate_key(issuer->identifier()).value();
  ASSERT_TRUE(member.identities.import_bytes(rotated->encoded()));
  EXPECT_FALSE(
      member.identities.verify_credential(*credential, subject->identifier(), authorities));
}

TEST(Identities, CredentialLifeIsClampedToTheKeyThatSigns) {
  MemoryNode node;
  const Identifier issuer = node.identities.create().value()->identifier();
  const Result<CredentialAndPurposeKey> credential =
      node.identities.issue_credential(issuer, issuer, {}, std::numeric_limits<UnixSeconds>::max());
  ASSERT_TRUE(credential.has_value());
  EXPECT_TRUE(node.identities.verify_credential(*credential, issuer, {&issuer, 1}));
}

// The table of refusals of spec/03 §1.2, on a history that is otherwise good.
TEST(IdentityDecoding, HistoriesOfWrongShapeAreRefused) {
  MemoryNode node;
  const IdentityPtr identity = node.identities.create().value();
  const std::string good = to_hex(identity->encoded());
  const auto judged = [&](const std::string& text) {
    MemoryNode fresh;
    return fresh.identities.import_hex(text).has_value();
  };
  ASSERT_TRUE(judged(good));
  const std::string rest = good.substr(2);                               // the change
  const std::string signature = good.substr(good.size() - 128 - 4 - 6);  // 820081 5840 ..
  ASSERT_EQ(signature.substr(0, 10), "8200815840");
  const std::string head = good.substr(2, good.size() - 2 - signature.size());
  EXPECT_TRUE(judged("9f" + rest + "ff")) << "indefinite list";
  EXPECT_TRUE(judged("9801" + rest)) << "long length";
  EXPECT_TRUE(judged(good + "00")) << "trailing byte";
  EXPECT_TRUE(judged("8183" + head.substr(2) + signature + "f6")) << "explicit null";
  EXPECT_TRUE(judged("8183" + head.substr(2) + signature + "820780")) << "unknown variant is none";
  EXPECT_TRUE(judged("8184" + head.substr(2) + signature + "f600")) << "surplus element";
  EXPECT_TRUE(judged("819f" + head.substr(2) + signature + "ff")) << "indefinite struct";
  EXPECT_TRUE(judged("81" + head + "82009f" + signature.substr(6) + "ff")) << "indefinite body";
  EXPECT_FALSE(judged("")) << "nothing";
  EXPECT_FALSE(judged("80")) << "empty";
  EXPECT_FALSE(judged("9fff")) << "empty, indefinite";
  EXPECT_FALSE(judged("82" + rest)) << "one change missing";
  EXPECT_FALSE(judged("c1" + good)) << "tag";
  EXPECT_FALSE(judged("a1" + rest)) << "map";
  EXPECT_FALSE(judged("8181" + head.substr(2))) << "no signature";
  EXPECT_FALSE(judged("81" + head + "820281" + signature.substr(6))) << "unknown variant";
  EXPECT_FALSE(judged("81" + head + "830081" + signature.substr(6) + "00")) << "enum of three";
  EXPECT_FALSE(judged("81" + head + "9f0081" + signature.substr(6) + "ff")) << "indefinite enum";
  EXPECT_FALSE(judged("81" + head + "8200" + signature.substr(6))) << "body without its array";
  EXPECT_FALSE(judged("81" + head + "82008158" + "3f" + signature.substr(10, 126))) << "63 bytes";
  EXPECT_FALSE(judged("81" + head + "820081f6")) << "null signature";
  for (std::size_t size = 0; size < good.size(); size += 2) {
    EXPECT_FALSE(judged(good.substr(0, size))) << size;
  }
}

TEST(IdentityDecoding, IdentifierTextTakesWhiteSpaceAroundItOnly) {
  const std::string digits(64, 'a');
  EXPECT_TRUE(Identifier::parse("\xc2\xa0 \t\nI" + digits + "\r\n\xe3\x80\x80"));
  EXPECT_FALSE(Identifier::parse("I " + digits));
  EXPECT_FALSE(Identifier::parse("I" + digits + " x"));
  EXPECT_FALSE(Identifier::parse("I" + digits + "a"));
  EXPECT_FALSE(Identifier::parse(" "));
  EXPECT_FALSE(Identifier::parse(std::string_view("I\0", 2)));
}

}  // namespace
}  // namespace weir::test
