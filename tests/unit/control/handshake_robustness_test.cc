// What Ockam's handshake does badly and ours must not (spec/02 §5.5, §16): forged messages spoil
// nothing, strangers leave no trace in the store, and every check of §5.4 holds.
#include "control/handshake/handshake.h"
#include "control/handshake/identity_payload.h"
#include "crypto/aead.h"
#include "identity_fixture.h"

namespace weir::test {
namespace {

struct Ends {
  Ends() {
    from.identity = one.identities.create().value()->identifier();
    to.identity = two.identities.create().value()->identifier();
  }
  Initiator initiator() {
    return Initiator::create({one.identities, one.rng, *aead}, from).value();
  }
  Responder responder() { return Responder::create({two.identities, two.rng, *aead}, to).value(); }
  // A whole handshake; whether both ends have a channel.
  bool connect() {
    Initiator i = initiator();
    Responder r = responder();
    Result<Bytes> message2 = r.consume_message1(i.message1());
    if (!message2) return false;
    Result<Initiator::Done> done = i.consume_message2(*message2);
    if (!done) return false;
    Result<ChannelKeys> channel = r.consume_message3(done->message3);
    return channel && channel->receive_key == done->channel.send_key &&
           channel->send_key == done->channel.receive_key;
  }

  MemoryNode one{1};
  MemoryNode two{2};
  std::unique_ptr<Aead> aead = Aead::create_best();
  HandshakeOptions from;
  HandshakeOptions to;
};

TEST(Handshake, EveryBitOfMessage2And3IsAuthenticatedAndAForgeryDoesNotEndTheHandshake) {
  Ends ends;
  Initiator initiator = ends.initiator();
  Responder responder = ends.responder();
  const Bytes message2 = responder.consume_message1(initiator.message1()).value();
  for (std::size_t i = 0; i < message2.size(); ++i) {
    Bytes forged = message2;
    forged[i] ^= 1;
    ASSERT_FALSE(initiator.consume_message2(forged).has_value()) << i;
    ASSERT_FALSE(initiator.failed());
  }
  Bytes forged = message2;
  forged[31] ^= 0x80;  // X25519 ignores this bit, the hash does not
  ASSERT_FALSE(initiator.consume_message2(forged).has_value());
  for (std::size_t size = 0; size < message2.size(); ++size) {
    ASSERT_FALSE(initiator.consume_message2(ByteSpan(message2).first(size)).has_value());
  }
  ASSERT_FALSE(initiator.consume_message2(Bytes(kHandshakeMessageBytesMax + 1)).has_value());
  Result<Initiator::Done> done = initiator.consume_message2(message2);
  ASSERT_TRUE(done.has_value()) << done.error().text();

  for (std::size_t i = 0; i < done->message3.size(); ++i) {
    forged = done->message3;
    forged[i] ^= 1;
    ASSERT_FALSE(responder.consume_message3(forged).has_value()) << i;
    ASSERT_FALSE(responder.failed());
  }
  for (std::size_t size = 0; size < done->message3.size(); ++size) {
    ASSERT_FALSE(responder.consume_message3(ByteSpan(done->message3).first(size)).has_value());
  }
  const Result<ChannelKeys> channel = responder.consume_message3(done->message3);
  ASSERT_TRUE(channel.has_value()) << channel.error().text();
  EXPECT_EQ(channel->receive_key, done->channel.send_key);
  // And it is over: nothing opens a second channel.
  EXPECT_FALSE(responder.consume_message3(done->message3).has_value());
  EXPECT_FALSE(initiator.consume_message2(message2).has_value());
}

TEST(Handshake, LowOrderKeysAreRefusedAndChangeNothing) {
  Ends ends;
  // Points of order 1, 2, 4 and 8, and encodings of them that are not canonical.
  const char* const low_order[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
  Initiator initiator = ends.initiator();
  Responder responder = ends.responder();
  for (const char* point : low_order) {
    EXPECT_FALSE(responder.consume_message1(*from_hex(point)).has_value()) << point;
  }
  const Bytes message2 = responder.consume_message1(initiator.message1()).value();
  for (const char* point : low_order) {
    Bytes forged = *from_hex(point);
    forged.insert(forged.end(), message2.begin() + 32, message2.end());
    EXPECT_FALSE(initiator.consume_message2(forged).has_value()) << point;
  }
  EXPECT_TRUE(initiator.consume_message2(message2).has_value());
}

TEST(Handshake, Message1OfAnyLengthThatFitsIsAnswered) {
  for (const std::size_t size : {std::size_t{32}, std::size_t{33}, kHandshakeMessageBytesMax}) {
    Ends ends;
    Bytes message = ends.initiator().message1();
    message.resize(size);
    EXPECT_TRUE(ends.responder().consume_message1(message).has_value()) << size;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{31}, kHandshakeMessageBytesMax + 1}) {
    Ends ends;
    Responder responder = ends.responder();
    Bytes message = ends.initiator().message1();
    message.resize(size);
    EXPECT_FALSE(responder.consume_message1(message).has_value()) << size;
    EXPECT_TRUE(responder.consume_message1(ends.initiator().message1()).has_value());
  }
}

TEST(Handshake, MessagesOutOfOrderAreErrorsNotCrashes) {
  Ends ends;
  Initiator initiator = ends.initiator();
  EXPECT_FALSE(initiator.consume_message2(Bytes(200)).has_value());
  Responder responder = ends.responder();
  EXPECT_FALSE(responder.consume_message3(Bytes(200)).has_value());
  const Bytes message1 = initiator.message1();
  ASSERT_TRUE(responder.consume_message1(message1).has_value());
  EXPECT_FALSE(responder.consume_message1(message1).has_value());
}

TEST(Handshake, WorksForEveryKindOfIdentityAndAfterRotation) {
  for (const KeyKind a : {KeyKind::kEd25519, KeyKind::kP256}) {
    for (const KeyKind b : {KeyKind::kEd25519, KeyKind::kP256}) {
      Ends ends;
      ends.from.identity = ends.one.identities.create(a).value()->identifier();
      ends.to.identity = ends.two.identities.create(b).value()->identifier();
      EXPECT_TRUE(ends.connect());
      ASSERT_TRUE(ends.one.identities.rotate_key(ends.from.identity, b));
      ASSERT_TRUE(ends.two.identities.rotate_key(ends.to.identity, a));
      EXPECT_TRUE(ends.connect());
    }
  }
}

TEST(Handshake, OlderHistoryThanTheKnownOneIsRefused) {
  Ends ends;
  const IdentityPtr old_identity = ends.one.identities.get(ends.from.identity).value();
  MemoryNode backup{1};  // the initiator, restored from before its rotation
  backup.secrets.import_signing_key(generate_signing_key(KeyKind::kEd25519, backup.rng));
  ASSERT_TRUE(backup.identities.import_bytes(old_identity->encoded()));
  ASSERT_TRUE(backup.identities.secure_channel_key(ends.from.identity));
  ASSERT_TRUE(ends.one.identities.rotate_key(ends.from.identity));
  ASSERT_TRUE(ends.connect());
  Initiator initiator =
      Initiator::create({backup.identities, backup.rng, *ends.aead}, ends.from).value();
  Responder responder = ends.responder();
  const Bytes message2 = responder.consume_message1(initiator.message1()).value();
  const Bytes message3 = initiator.consume_message2(message2).value().message3;
  const Result<ChannelKeys> channel = responder.consume_message3(message3);
  ASSERT_FALSE(channel.has_value());
  EXPECT_TRUE(responder.failed());
  EXPECT_NE(channel.error().text().find("older"), std::string::npos);
}

TEST(Handshake, KnownPeerCostsNoSignatureCheck) {
  Ends ends;
  ASSERT_TRUE(ends.connect());
  const std::uint64_t one = ends.one.identities.memo().verified();
  const std::uint64_t two = ends.two.identities.memo().verified();
  ASSERT_TRUE(ends.connect());
  EXPECT_EQ(ends.one.identities.memo().verified(), one);
  EXPECT_EQ(ends.two.identities.memo().verified(), two);
}

TEST(Handshake, UntrustedPeerLeavesNoRowAndCostsNoSignatureCheck) {
  Ends ends;
  ends.to.trust = TrustPolicy::only({ends.to.identity});
  Initiator initiator = ends.initiator();
  Responder responder = ends.responder();
  const std::size_t rows = ends.two.store.histories();
  const std::uint64_t checks = ends.two.identities.memo().verified();
  const Bytes message2 = responder.consume_message1(initiator.message1()).value();
  const Bytes message3 = initiator.consume_message2(message2).value().message3;
  EXPECT_FALSE(responder.consume_message3(message3).has_value());
  EXPECT_TRUE(responder.failed());
  EXPECT_EQ(ends.two.store.histories(), rows);
  EXPECT_EQ(ends.two.identities.memo().verified(), checks);
  ends.to.trust = TrustPolicy::only({});
  EXPECT_FALSE(ends.connect());
  ends.to.trust = TrustPolicy::only({ends.to.identity, ends.from.identity});
  EXPECT_TRUE(ends.connect());
}

// An initiator that says about itself whatever the test wants, over a correct Noise handshake.
Result<ChannelKeys> claim(Ends& ends, const X25519Key& static_key, ByteSpan payload) {
  NoiseXx noise(NoiseXx::Role::kInitiator, static_key, ends.one.rng, *ends.aead);
  Responder responder = ends.responder();
  const Bytes message2 = responder.consume_message1(noise.write_message1()).value();
  CHECK(noise.read_message2(message2));
  const std::size_t rows = ends.two.store.histories();
  Result<ChannelKeys> channel = responder.consume_message3(noise.write_message3(payload).value());
  CHECK(channel || (responder.failed() && ends.two.store.histories() == rows));
  return channel;
}

TEST(Handshake, EveryClaimThatDoesNotHoldIsRefusedAndLeavesNoRow) {
  Ends ends;
  const StaticKey key = ends.one.identities.secure_channel_key(ends.from.identity).value();
  const Bytes history = key.identity->encoded();
  const auto attested = [&](const PurposePublicKey& attested_key, std::uint64_t from,
                            std::uint64_t to) {
    return attest(ends.one.secrets, *key.identity, attested_key, from, to).value().encode();
  };
  const std::uint64_t now = kVectorTimeSeconds;
  const auto payload = [&](ByteSpan attestation) {
    return encode_identity_and_credentials(history, attestation, {});
  };
  // Another static key than the one that Noise proved; an attestation of somebody else; a key for
  // credentials; times.
  EXPECT_FALSE(
      claim(ends, X25519Key(x25519_generate(ends.one.rng)), payload(key.attestation.encode())));
  const StaticKey own = ends.two.identities.secure_channel_key(ends.to.identity).value();
  EXPECT_FALSE(claim(ends, key.key, payload(own.attestation.encode())));
  EXPECT_FALSE(claim(ends, own.key, payload(own.attestation.encode())));
  const VerifyingKey signing = ends.one.secrets.create_signing_key(KeyKind::kEd25519).value();
  EXPECT_FALSE(claim(ends, key.key, payload(attested(signing, now, now + 10))));
  EXPECT_FALSE(claim(ends, key.key, payload(attested(key.key.public_key(), now + 61, now + 99))));
  EXPECT_FALSE(claim(ends, key.key, payload(attested(key.key.public_key(), now - 9, now - 1))));
  EXPECT_FALSE(claim(ends, key.key, payload(attested(key.key.public_key(), now - 1, now + 9))))
      << "older than the identity";
  // A forged signature of the attestation, and of the history.
  PurposeKeyAttestation forged = key.attestation;
  forged.signature.bytes[0] ^= 1;
  EXPECT_FALSE(claim(ends, key.key, payload(forged.encode())));
  ChangeHistory bad_history = key.identity->history();
  bad_history.changes[0].signature.bytes[0] ^= 1;
  EXPECT_FALSE(
      claim(ends, key.key,
            encode_identity_and_credentials(bad_history.encode(), key.attestation.encode(), {})));
  // Shapes: nothing, no credential list, no history.
  EXPECT_FALSE(claim(ends, key.key, {}));
  Bytes two_elements = payload(key.attestation.encode());
  two_elements[0] = 0x82;
  EXPECT_FALSE(claim(ends, key.key, two_elements));
  const Bytes empty_history{0x80};
  EXPECT_FALSE(claim(ends, key.key,
                     encode_identity_and_credentials(empty_history, key.attestation.encode(), {})));
  // The good ones, at the edges of what is allowed.
  EXPECT_TRUE(claim(ends, key.key, payload(attested(key.key.public_key(), now + 60, now + 99))));
  EXPECT_TRUE(claim(ends, key.key, payload(attested(key.key.public_key(), now, now))));
  Bytes trailing = payload(key.attestation.encode());
  trailing.push_back(0);
  EXPECT_TRUE(claim(ends, key.key, trailing));
}

TEST(Handshake, IdentityThatDoesNotFitIntoAMessageFailsLocally) {
  Ends ends;
  ends.to.credentials.push_back(Bytes(kHandshakeMessageBytesMax));
  Responder responder = ends.responder();
  const Result<Bytes> message2 = responder.consume_message1(ends.initiator().message1());
  ASSERT_FALSE(message2.has_value());
  EXPECT_EQ(message2.error().code, Errc::kExhausted);
  EXPECT_TRUE(responder.failed());
}

TEST(Handshake, RefreshIsForThePeerOfTheChannelOnly) {
  Ends ends;
  const Identifier peer = ends.from.identity;
  const Bytes history = ends.one.identities.export_bytes(peer).value();
  const Bytes body = encode_refresh(history, {});
  EXPECT_TRUE(accept_refresh(ends.two.identities, peer, {}, body).has_value());
  EXPECT_FALSE(accept_refresh(ends.two.identities, ends.to.identity, {}, body).has_value());
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(
        accept_refresh(ends.two.identities, peer, {}, ByteSpan(body).first(size)).has_value());
  }
}

}  // namespace
}  // namespace weir::test
