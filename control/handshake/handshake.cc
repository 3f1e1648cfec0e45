#include "control/handshake/handshake.h"

#include <algorithm>
#include <utility>

#include "control/handshake/identity_payload.h"

namespace weir {
namespace {

Bytes own_payload(const StaticKey& key, const HandshakeOptions& options) {
  return encode_identity_and_credentials(key.identity->encoded(), key.attestation.encode(),
                                         options.credentials);
}

bool is_static_key(const PurposePublicKey& attested, const X25519Public& key) {
  const X25519Public* static_key = std::get_if<X25519Public>(&attested);
  return static_key != nullptr && *static_key == key;
}

struct CredentialCheck {
  std::vector<VerifiedCredential> accepted;
  std::vector<std::string> skipped;
};

// §5.4 step 9.
CredentialCheck check_credentials(Identities& identities,
                                  std::span<const CredentialAndPurposeKey> presented,
                                  const Identifier& peer, std::span<const Identifier> authorities) {
  CredentialCheck result;
  for (const CredentialAndPurposeKey& credential : presented) {
    if (authorities.empty()) {
      result.skipped.emplace_back("no authority is configured");
      continue;
    }
    Result<VerifiedCredential> verified =
        identities.verify_credential(credential, peer, authorities);
    if (verified) {
      result.accepted.push_back(std::move(*verified));
    } else {
      result.skipped.push_back(verified.error().text());
    }
  }
  return result;
}

// Storing of what is new: a change of a known identity before anybody acts upon it, a stranger
// with the next group (identities.h).
Status remember(Identities& identities, const Standing& standing) {
  if (standing.kind == Standing::Kind::kKnown) return {};
  if (standing.kind == Standing::Kind::kUnknown) return identities.meet(standing.newest);
  Result<IdentityPtr> stored = identities.remember(standing.newest, OlderHistory::kRefuse);
  if (!stored) return pass(stored);
  return {};
}

// §5.4. What costs nothing comes first: the order of the checks cannot be seen from outside, and a
// stranger's history of hundreds of changes need not be verified to find that he is one.
Result<ChannelKeys> check_peer(Identities& identities, const HandshakeOptions& options,
                               const NoiseXx::Opened& opened) {
  Result<IdentityAndCredentials> presented = IdentityAndCredentials::decode(opened.payload);
  if (!presented) return pass(presented);
  Result<Identifier> claimed = presented->history.claimed_identifier();
  if (!claimed) return pass(claimed);
  if (!options.trust.trusts(*claimed)) {
    return fail(Errc::kRefused, "the peer's identity is not trusted", claimed->text());
  }
  Result<PurposeKeyAttestationData> attested = presented->attestation.content();
  if (!attested) return pass(attested);
  if (!is_static_key(attested->public_key, opened.static_key)) {
    return fail(Errc::kRefused, "the peer attests another static key", claimed->text());
  }
  Result<IdentityPtr> received = identities.verify(std::move(presented->history), *claimed);
  if (!received) return pass(received);
  Result<Standing> standing = identities.check_against_known(*received, OlderHistory::kRefuse);
  if (!standing) return pass(standing);
  attested = identities.verify_attestation(presented->attestation, *standing->newest);
  if (!attested) return pass(attested);
  if (Status stored = remember(identities, *standing); !stored) return pass(stored);
  ChannelKeys result;
  result.peer = *claimed;
  result.peer_history = standing->newest->encoded();
  result.met_before = standing->kind != Standing::Kind::kUnknown;
  CredentialCheck credentials =
      check_credentials(identities, presented->credentials, *claimed, options.authorities);
  result.credentials = std::move(credentials.accepted);
  result.skipped_credentials = std::move(credentials.skipped);
  return result;
}

void take_keys(ChannelKeys& channel, const NoiseXx& noise) {
  NoiseXx::Keys keys = noise.split();
  channel.send_key = std::move(keys.send);
  channel.receive_key = std::move(keys.receive);
}

}  // namespace

TrustPolicy TrustPolicy::only(std::vector<Identifier> identifiers) {
  TrustPolicy policy;
  policy.only_ = std::move(identifiers);
  return policy;
}

bool TrustPolicy::trusts(const Identifier& peer) const {
  return !only_ || std::ranges::find(*only_, peer) != only_->end();
}

Initiator::Initiator(const HandshakeContext& context, HandshakeOptions options,
                     const StaticKey& key)
    : identities_(&context.identities),
      options_(std::move(options)),
      noise_(NoiseXx::Role::kInitiator, key.key, context.rng, context.aead),
      payload_(own_payload(key, options_)) {}

Result<Initiator> Initiator::create(const HandshakeContext& context, HandshakeOptions options) {
  Result<StaticKey> key = context.identities.secure_channel_key(options.identity);
  if (!key) return pass(key);
  return Initiator(context, std::move(options), *key);
}

Bytes Initiator::message1() {
  step_ = Step::kWaitingForMessage2;
  return noise_.write_message1();
}

Result<Initiator::Done> Initiator::consume_message2(ByteSpan message) {
  if (step_ != Step::kWaitingForMessage2) {
    return fail(Errc::kInvalid, "not waiting for handshake message 2");
  }
  Result<NoiseXx::Opened> opened = noise_.read_message2(message);
  if (!opened) return pass(opened);
  step_ = Step::kOver;
  failed_ = true;
  Result<ChannelKeys> channel = check_peer(*identities_, options_, *opened);
  if (!channel) return pass(channel);
  Result<Bytes> message3 = noise_.write_message3(payload_);
  if (!message3) return pass(message3);
  take_keys(*channel, noise_);
  failed_ = false;
  return Done{std::move(*message3), std::move(*channel)};
}

Responder::Responder(const HandshakeContext& context, HandshakeOptions options,
                     const StaticKey& key)
    : identities_(&context.identities),
      options_(std::move(options)),
      noise_(NoiseXx::Role::kResponder, key.key, context.rng, context.aead),
      payload_(own_payload(key, options_)) {}

Result<Responder> Responder::create(const HandshakeContext& context, HandshakeOptions options) {
  Result<StaticKey> key = context.identities.secure_channel_key(options.identity);
  if (!key) return pass(key);
  return Responder(context, std::move(options), *key);
}

Result<Bytes> Responder::consume_message1(ByteSpan message) {
  if (step_ != Step::kStart) return fail(Errc::kInvalid, "not waiting for handshake message 1");
  Status read = noise_.read_message1(message);
  if (!read) return pass(read);
  Result<Bytes> message2 = noise_.write_message2(payload_);
  step_ = message2 ? Step::kWaitingForMessage3 : Step::kOver;
  failed_ = !message2;
  return message2;
}

Result<ChannelKeys> Responder::consume_message3(ByteSpan message) {
  if (step_ != Step::kWaitingForMessage3) {
    return fail(Errc::kInvalid, "not waiting for handshake message 3");
  }
  Result<NoiseXx::Opened> opened = noise_.read_message3(message);
  if (!opened) return pass(opened);
  step_ = Step::kOver;
  Result<ChannelKeys> channel = check_peer(*identities_, options_, *opened);
  failed_ = !channel;
  if (channel) take_keys(*channel, noise_);
  return channel;
}

Result<RefreshResult> accept_refresh(Identities& identities, const Identifier& peer,
                                     std::span<const Identifier> authorities, ByteSpan body) {
  Result<RefreshCredentials> refresh = RefreshCredentials::decode(body);
  if (!refresh) return pass(refresh);
  Result<IdentityPtr> received = identities.verify(std::move(refresh->history), peer);
  if (!received) return pass(received);
  Result<Standing> standing = identities.check_against_known(*received, OlderHistory::kRefuse);
  if (!standing) return pass(standing);
  if (Status stored = remember(identities, *standing); !stored) return pass(stored);
  CredentialCheck credentials =
      check_credentials(identities, refresh->credentials, peer, authorities);
  return RefreshResult{std::move(credentials.accepted), std::move(credentials.skipped)};
}

}  // namespace weir
