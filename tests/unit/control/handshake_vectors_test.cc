// secure_channel.json: both ends of recorded handshakes, played byte for byte, every step of them,
// and handshakes that were damaged on the way. The data phase belongs to dataplane/channel.
#include "control/handshake/handshake.h"
#include "control/handshake/identity_payload.h"
#include "control/handshake/noise_xx.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "identity_fixture.h"

namespace weir::test {
namespace {

const Json& channel_vectors() { return vectors("secure_channel.json"); }

// A recorded end of a channel: its identity, keys and attestation, with the ephemeral key to come.
struct RecordedEnd {
  explicit RecordedEnd(const Json& end) : ephemeral(hex(end["ephemeral_secret"])) {
    for (const Json& key : end["identity_keys"]) {
      node.secrets.import_signing_key(signing_key(kind_of(key["type"]), key["secret"]));
    }
    node.secrets.import_x25519(Secret<32>::from_span(hex(end["static_secret"])));
    options.identity = identifier(end["identifier"]);
    Result<IdentityPtr> own = node.identities.import_bytes(hex(end["change_history"]));
    CHECK(own && (*own)->identifier() == options.identity);
    CHECK(node.store.put_purpose_key(options.identity, Purpose::kSecureChannel,
                                     hex(end["purpose_key_attestation"]["encoded"])));
  }
  HandshakeContext context() { return {node.identities, ephemeral, *aead}; }

  MemoryNode node;
  ScriptedRng ephemeral;
  HandshakeOptions options;
  std::unique_ptr<Aead> aead = Aead::create_best();
};

void present(RecordedEnd& end, RecordedEnd& other, const Json& credentials, const char* name) {
  for (RecordedEnd* each : {&end, &other}) {
    if (!credentials.contains("authority")) continue;
    const Json& authority = credentials["authority"];
    CHECK(each->node.identities.import_bytes(hex(authority["change_history"])));
    each->options.authorities = {identifier(authority["identifier"])};
  }
  if (credentials.contains(name)) {
    end.options.credentials.push_back(hex(credentials[name]["encoded"]));
  }
}

Bytes message(const Json& channel, std::size_t number) {
  return hex(channel["messages"][number - 1]["bytes"]);
}

TEST(HandshakeVectors, BothEndsReplayByteForByte) {
  int channels = 0;
  int messages = 0;
  for (const Json& channel : channel_vectors()["channels"]) {
    SCOPED_TRACE(channel["name"].get<std::string>());
    RecordedEnd one(channel["initiator"]);
    RecordedEnd two(channel["responder"]);
    present(one, two, channel["credentials"], "initiator_credential");
    present(two, one, channel["credentials"], "responder_credential");

    Result<Initiator> initiator = Initiator::create(one.context(), one.options);
    Result<Responder> responder = Responder::create(two.context(), two.options);
    ASSERT_TRUE(initiator && responder);
    const Bytes message1 = initiator->message1();
    EXPECT_EQ(message1, message(channel, 1));
    Result<Bytes> message2 = responder->consume_message1(message1);
    ASSERT_TRUE(message2.has_value()) << message2.error().text();
    EXPECT_EQ(*message2, message(channel, 2));
    Result<Initiator::Done> done = initiator->consume_message2(*message2);
    ASSERT_TRUE(done.has_value()) << done.error().text();
    EXPECT_EQ(done->message3, message(channel, 3));
    Result<ChannelKeys> answered = responder->consume_message3(done->message3);
    ASSERT_TRUE(answered.has_value()) << answered.error().text();
    messages += 3;

    EXPECT_EQ(to_hex(answered->send_key.span()), channel["k1"].get<std::string>());
    EXPECT_EQ(to_hex(answered->receive_key.span()), channel["k2"].get<std::string>());
    EXPECT_EQ(to_hex(done->channel.send_key.span()),
              channel["initiator_encrypts_with"].get<std::string>());
    EXPECT_EQ(done->channel.receive_key, answered->send_key);
    EXPECT_EQ(done->channel.peer.text(), channel["initiator_sees"].get<std::string>());
    EXPECT_EQ(answered->peer.text(), channel["responder_sees"].get<std::string>());
    EXPECT_EQ(answered->peer_history, hex(channel["initiator"]["change_history"]));
    EXPECT_EQ(answered->credentials.size(),
              channel["credentials"].contains("initiator_credential") ? 1u : 0u);
    EXPECT_EQ(done->channel.credentials.size(),
              channel["credentials"].contains("responder_credential") ? 1u : 0u);
    EXPECT_TRUE(answered->skipped_credentials.empty());
    ++channels;
  }
  std::printf("channels: %d, messages: %d on both sides\n", channels, messages);
  EXPECT_GT(channels, 0);
}

TEST(HandshakeVectors, SymmetricStateEndsWithTheRecordedHashAndChainingKey) {
  const std::unique_ptr<Aead> aead = Aead::create_best();
  int ran = 0;
  for (const Json& channel : channel_vectors()["channels"]) {
    const auto end = [&](const char* name, NoiseXx::Role role) {
      ScriptedRng rng(hex(channel[name]["ephemeral_secret"]));
      const Secret<32> secret = Secret<32>::from_span(hex(channel[name]["static_secret"]));
      return NoiseXx(role, X25519Key(secret), rng, *aead);
    };
    NoiseXx initiator = end("initiator", NoiseXx::Role::kInitiator);
    NoiseXx responder = end("responder", NoiseXx::Role::kResponder);
    EXPECT_EQ(to_hex(initiator.handshake_hash()),
              channel_vectors()["protocol_name"]["initial_h"].get<std::string>());
    ASSERT_TRUE(responder.read_message1(initiator.write_message1()));
    const Json& sent = channel["messages"];
    const Bytes message2 = responder.write_message2(hex(sent[1]["payload_plaintext"])).value();
    EXPECT_EQ(message2, hex(sent[1]["bytes"]));
    const NoiseXx::Opened two = initiator.read_message2(message2).value();
    EXPECT_EQ(two.payload, hex(sent[1]["payload_plaintext"]));
    EXPECT_EQ(to_hex(two.static_key), channel["responder"]["static_public"].get<std::string>());
    const Bytes message3 = initiator.write_message3(hex(sent[2]["payload_plaintext"])).value();
    const NoiseXx::Opened three = responder.read_message3(message3).value();
    EXPECT_EQ(three.payload, hex(sent[2]["payload_plaintext"]));
    for (const NoiseXx* noise : {&initiator, &responder}) {
      EXPECT_EQ(to_hex(noise->handshake_hash()), channel["handshake_hash"].get<std::string>());
      EXPECT_EQ(to_hex(noise->chaining_key().span()),
                channel["chaining_key_before_split"].get<std::string>());
    }
    EXPECT_EQ(to_hex(responder.split().send.span()), channel["k1"].get<std::string>());
    EXPECT_EQ(to_hex(initiator.split().send.span()), channel["k2"].get<std::string>());
    ++ran;
  }
  std::printf("symmetric states: %d\n", ran);
  EXPECT_GT(ran, 0);
}

// One recorded vault call, done with our primitives.
void check_step(const Json& step, std::map<std::string, Bytes>& secrets, const Aead& aead) {
  const std::string op = step["op"];
  if (op == "ephemeral") {
    const Secret<32> secret = Secret<32>::from_span(hex(step["secret"]));
    EXPECT_EQ(to_hex(x25519_public(secret)), step["public"].get<std::string>());
    secrets[step["public"]] = hex(step["secret"]);
  } else if (op == "dh") {
    const auto own = secrets.find(step["own_public"]);
    ASSERT_NE(own, secrets.end());
    const Result<Secret<32>> shared =
        X25519Key(Secret<32>::from_span(own->second)).exchange(hex(step["their_public"]));
    ASSERT_TRUE(shared.has_value());
    EXPECT_EQ(to_hex(shared->span()), step["shared"].get<std::string>());
  } else if (op == "hkdf") {
    Secret<32> first;
    Secret<32> second;
    hkdf2(hex(step["salt_ck"]), hex(step["ikm"]), first, second);
    EXPECT_EQ(to_hex(first.span()), step["outputs"][0].get<std::string>());
    EXPECT_EQ(to_hex(second.span()), step["outputs"][1].get<std::string>());
  } else {
    ASSERT_TRUE(op == "encrypt" || op == "decrypt") << op;
    AeadKey key = aead.make_key();
    aead.set_key(key, hex(step["key"]));
    Bytes sealed = hex(step["ciphertext"]);
    const Bytes aad = hex(step["aad"]);
    OpenJob job;
    job.key = &key;
    job.nonce = load_be64(hex(step["nonce"]).data() + 4);
    job.text = MutableByteSpan(sealed).first(sealed.size() - kAeadTagBytes);
    job.aad = aad;
    job.tag = sealed.data() + job.text.size();
    aead.open({&job, 1});
    EXPECT_TRUE(job.ok);
    EXPECT_EQ(to_hex(job.text), step["plaintext"].get<std::string>());
  }
}

TEST(HandshakeVectors, EveryRecordedStepHolds) {
  const std::unique_ptr<Aead> aead = Aead::create_best();
  int steps = 0;
  for (const Json& channel : channel_vectors()["channels"]) {
    for (const char* name : {"initiator", "responder"}) {
      SCOPED_TRACE(channel["name"].get<std::string>() + ", " + name);
      const Json& end = channel[name];
      std::map<std::string, Bytes> secrets;
      secrets[end["static_public"]] = hex(end["static_secret"]);
      for (const Json& step : channel[std::string(name) + "_steps"]) {
        check_step(step, secrets, *aead);
        ++steps;
      }
    }
  }
  std::printf("steps: %d\n", steps);
  EXPECT_GT(steps, 0);
}

TEST(HandshakeVectors, RefreshReplacesTheCredentialOfAChannel) {
  int ran = 0;
  for (const Json& channel : channel_vectors()["channels"]) {
    if (!channel.contains("refresh_credentials")) continue;  // one channel refreshes
    const Json& refresh = channel["refresh_credentials"];
    const Bytes plaintext = hex(refresh["plaintext"]);
    // 82 [82 01 <body>, padding]; the padding behind the body is ignored.
    ASSERT_EQ(to_hex(ByteSpan(plaintext).first(3)), "828201");
    const ByteSpan body = ByteSpan(plaintext).subspan(3);
    const Json& authority = channel["credentials"]["authority"];
    MemoryNode node;
    ASSERT_TRUE(node.identities.import_bytes(hex(authority["change_history"])));
    const std::vector<Identifier> authorities{identifier(authority["identifier"])};
    const Identifier peer = identifier(channel["initiator"]["identifier"]);

    const Result<RefreshResult> result = accept_refresh(node.identities, peer, authorities, body);
    ASSERT_TRUE(result.has_value()) << result.error().text();
    ASSERT_EQ(result->credentials.size(), 1u);
    EXPECT_EQ(result->credentials[0].data.expires_at_s,
              refresh["new_credential"]["expires_at"].get<std::uint64_t>());
    EXPECT_FALSE(accept_refresh(node.identities, authorities[0], authorities, body));

    const std::vector<Bytes> credentials{hex(refresh["new_credential"]["encoded"])};
    const Bytes ours = encode_refresh(hex(channel["initiator"]["change_history"]), credentials);
    EXPECT_TRUE(equal(ours, body.first(ours.size())));
    EXPECT_EQ(body.size(), ours.size() + 1);  // and the empty padding
    ++ran;
  }
  std::printf("refresh_credentials: %d\n", ran);
  EXPECT_EQ(ran, 1);
}

// What bad_handshakes describes in words, done to our own messages. An empty list of rules would
// let everything pass, so an unknown description is a failure.
void damage(const std::string& what, std::size_t number, Bytes& bytes) {
  const auto flip = [&](std::size_t at) { bytes.at(at) ^= 1; };
  if (!what.starts_with("message " + std::to_string(number))) return;
  const std::string rest = what.substr(10);
  if (rest == "one byte short")
    bytes.pop_back();
  else if (rest.starts_with("with a payload added"))
    bytes.push_back(0x55);
  else if (rest == "bit flipped")
    flip(3);
  else if (rest == "bit flipped in the ephemeral key")
    flip(3);
  else if (rest == "bit flipped in the encrypted static key")
    flip(40);
  else if (rest == "bit flipped in the static key")
    flip(3);
  else if (rest == "bit flipped in the payload")
    flip(bytes.size() - 30);
  else if (rest == "cut after the static key")
    bytes.resize(80);
  else if (rest == "cut")
    bytes.resize(bytes.size() - 10);
  else
    FAIL() << "unknown damage: " << what;
}

struct BadHandshake {
  bool initiator_has_channel = false;
  bool responder_has_channel = false;
  bool responder_keeps_the_attributes = false;
};

// A credential of the kind that the description names.
Bytes credential_for(const std::string& what, MemoryNode& authority, const Identifier& issuer,
                     MemoryNode& stranger, const IdentityPtr& subject) {
  AttributeMap attributes;
  attributes[to_bytes(as_bytes("role"))] = to_bytes(as_bytes("member"));
  if (what == "credential of an authority the responder does not accept") {
    const Identifier other = stranger.identities.create().value()->identifier();
    CHECK(stranger.identities.import_bytes(subject->encoded()));
    return stranger.identities.issue_credential(other, subject->identifier(), attributes, 600)
        .value()
        .encode();
  }
  Identifier named = subject->identifier();
  if (what == "credential of another subject") {
    const IdentityPtr other = stranger.identities.create().value();
    CHECK(authority.identities.import_bytes(other->encoded()));
    named = other->identifier();
  }
  if (what == "expired credential") authority.clock.now_s -= 1000;
  return authority.identities.issue_credential(issuer, named, attributes, 600).value().encode();
}

BadHandshake play(const std::string& what) {
  MemoryNode one(1);
  MemoryNode two(2);
  MemoryNode authority(3);
  MemoryNode stranger(4);
  const std::unique_ptr<Aead> aead = Aead::create_best();
  HandshakeOptions from;
  HandshakeOptions to;
  const IdentityPtr initiator_identity = one.identities.create().value();
  from.identity = initiator_identity->identifier();
  to.identity = two.identities.create().value()->identifier();
  authority.clock.now_s -= 2000;
  const IdentityPtr issuer = authority.identities.create().value();
  CHECK(authority.identities.credential_key(issuer->identifier()));
  authority.clock.now_s += 2000;
  if (what == "initiator trusts another identity only") {
    from.trust = TrustPolicy::only({issuer->identifier()});
  } else if (what == "responder trusts another identity only") {
    to.trust = TrustPolicy::only({issuer->identifier()});
  } else if (what.find("credential") != std::string::npos) {
    CHECK(authority.identities.import_bytes(initiator_identity->encoded()));
    from.credentials.push_back(
        credential_for(what, authority, issuer->identifier(), stranger, initiator_identity));
    CHECK(two.identities.import_bytes(issuer->encoded()));
    if (what != "credential, but the responder has no authority") {
      to.authorities = {issuer->identifier()};
    }
  } else {
    CHECK(what == "untouched" || what.starts_with("message "));
  }

  BadHandshake result;
  Initiator initiator = Initiator::create({one.identities, one.rng, *aead}, from).value();
  Responder responder = Responder::create({two.identities, two.rng, *aead}, to).value();
  Bytes message1 = initiator.message1();
  damage(what, 1, message1);
  Result<Bytes> message2 = responder.consume_message1(message1);
  if (!message2) return result;
  damage(what, 2, *message2);
  Result<Initiator::Done> done = initiator.consume_message2(*message2);
  if (!done) return result;
  result.initiator_has_channel = true;
  damage(what, 3, done->message3);
  const Result<ChannelKeys> channel = responder.consume_message3(done->message3);
  result.responder_has_channel = channel.has_value();
  result.responder_keeps_the_attributes = channel && !channel->credentials.empty();
  return result;
}

TEST(HandshakeVectors, DamagedHandshakesEndAsTheyDoWithOckam) {
  int ran = 0;
  for (const Json& vector : channel_vectors()["bad_handshakes"]) {
    const std::string what = vector["what"];
    SCOPED_TRACE(what);
    const BadHandshake result = play(what);
    EXPECT_EQ(result.initiator_has_channel, vector["initiator_has_channel"].get<bool>());
    EXPECT_EQ(result.responder_has_channel, vector["responder_has_channel"].get<bool>());
    EXPECT_EQ(result.responder_keeps_the_attributes,
              vector.value("responder_keeps_the_attributes", false));
    ++ran;
  }
  std::printf("bad_handshakes: %d\n", ran);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace weir::test
