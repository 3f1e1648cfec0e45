#include "control/handshake/noise_xx.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::string_view kProtocolName = "OCKAM_XX_25519_AES256_GCM_SHA256";
static_assert(kProtocolName.size() == 32);
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSealedKeyBytes = kKeyBytes + kAeadTagBytes;

Status check_length(ByteSpan message, std::size_t min_bytes) {
  if (message.size() < min_bytes) return fail(Errc::kInvalid, "handshake message too short");
  if (message.size() > kHandshakeMessageBytesMax) {
    return fail(Errc::kInvalid, "handshake message too long");
  }
  return {};
}

X25519Public to_public(ByteSpan raw) {
  X25519Public key{};
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

}  // namespace

NoiseXx::NoiseXx(Role role, X25519Key static_key, Rng& rng, const Aead& aead)
    : role_(role), static_(std::move(static_key)), aead_(&aead), key_(aead.make_key()) {
  ephemeral_ = X25519Key(x25519_generate(rng));
  state_.ck = Secret<32>::from_span(as_bytes(kProtocolName));
  state_.h = sha256(as_bytes(kProtocolName));
}

void NoiseXx::mix_hash(State& state, ByteSpan data) { state.h = sha256(state.h, data); }

Status NoiseXx::mix_key(State& state, const X25519Key& own, const X25519Public& remote) {
  Result<Secret<32>> shared = own.exchange(remote);
  if (!shared) return pass(shared);
  hkdf2(state.ck.span(), shared->span(), state.ck, state.k);
  state.n = 0;
  return {};
}

void NoiseXx::encrypt_and_hash(State& state, ByteSpan plain, Bytes& out) {
  const std::size_t start = out.size();
  out.insert(out.end(), plain.begin(), plain.end());
  out.resize(out.size() + kAeadTagBytes);
  aead_->set_key(key_, state.k.span());
  AeadSegment segment{out.data() + start, plain.size()};
  SealJob job;
  job.key = &key_;
  job.nonce = state.n++;
  job.segments = &segment;
  job.segment_count = 1;
  job.aad = state.h;
  job.tag = out.data() + start + plain.size();
  aead_->seal({&job, 1});
  mix_hash(state, ByteSpan(out).subspan(start));
}

Result<Bytes> NoiseXx::decrypt_and_hash(State& state, ByteSpan sealed) {
  const std::size_t text_bytes = sealed.size() - kAeadTagBytes;
  Bytes text = to_bytes(sealed.first(text_bytes));
  aead_->set_key(key_, state.k.span());
  OpenJob job;
  job.key = &key_;
  job.nonce = state.n++;
  job.text = text;
  job.aad = state.h;
  job.tag = sealed.data() + text_bytes;
  aead_->open({&job, 1});
  if (!job.ok) return fail(Errc::kRefused, "handshake message does not open");
  mix_hash(state, sealed);
  return text;
}

Bytes NoiseXx::write_message1() {
  CHECK(role_ == Role::kInitiator && step_ == Step::kNone);
  mix_hash(state_, ephemeral_.public_key());
  mix_hash(state_, {});  // the empty payload
  step_ = Step::kMessage1;
  return to_bytes(ephemeral_.public_key());
}

Status NoiseXx::read_message1(ByteSpan message) {
  CHECK(role_ == Role::kResponder && step_ == Step::kNone);
  Status status = check_length(message, kMessage1BytesMin);
  if (!status) return status;
  State next = state_;
  next.remote_ephemeral = to_public(message.first(kKeyBytes));
  mix_hash(next, next.remote_ephemeral);
  mix_hash(next, message.subspan(kKeyBytes));
  // MixKey leaves h alone, so ee may come before our ephemeral key is mixed into h.
  status = mix_key(next, ephemeral_, next.remote_ephemeral);
  if (!status) return status;
  state_ = std::move(next);
  step_ = Step::kMessage1;
  return {};
}

Result<Bytes> NoiseXx::write_message2(ByteSpan payload) {
  CHECK(role_ == Role::kResponder && step_ == Step::kMessage1);
  if (payload.size() > kHandshakeMessageBytesMax - kMessage2BytesMin) {
    return fail(Errc::kExhausted, "our identity does not fit into a handshake message");
  }
  State next = state_;
  Bytes out;
  out.reserve(kMessage2BytesMin + payload.size());
  out.insert(out.end(), ephemeral_.public_key().begin(), ephemeral_.public_key().end());
  mix_hash(next, ephemeral_.public_key());
  encrypt_and_hash(next, static_.public_key(), out);
  Status status = mix_key(next, static_, next.remote_ephemeral);  // es
  if (!status) return pass(status);
  encrypt_and_hash(next, payload, out);
  state_ = std::move(next);
  step_ = Step::kMessage2;
  return out;
}

Result<NoiseXx::Opened> NoiseXx::read_message2(ByteSpan message) {
  CHECK(role_ == Role::kInitiator && step_ == Step::kMessage1);
  Status status = check_length(message, kMessage2BytesMin);
  if (!status) return pass(status);
  State next = state_;
  next.remote_ephemeral = to_public(message.first(kKeyBytes));
  mix_hash(next, next.remote_ephemeral);
  status = mix_key(next, ephemeral_, next.remote_ephemeral);  // ee
  if (!status) return pass(status);
  Result<Bytes> remote = decrypt_and_hash(next, message.subspan(kKeyBytes, kSealedKeyBytes));
  if (!remote) return pass(remote);
  next.remote_static = to_public(*remote);
  status = mix_key(next, ephemeral_, next.remote_static);  // es
  if (!status) return pass(status);
  Result<Bytes> payload = decrypt_and_hash(next, message.subspan(kKeyBytes + kSealedKeyBytes));
  if (!payload) return pass(payload);
  state_ = std::move(next);
  step_ = Step::kMessage2;
  return Opened{state_.remote_static, std::move(*payload)};
}

Result<Bytes> NoiseXx::write_message3(ByteSpan payload) {
  CHECK(role_ == Role::kInitiator && step_ == Step::kMessage2);
  if (payload.size() > kHandshakeMessageBytesMax - kMessage3BytesMin) {
    return fail(Errc::kExhausted, "our identity does not fit into a handshake message");
  }
  State next = state_;
  Bytes out;
  out.reserve(kMessage3BytesMin + payload.size());
  encrypt_and_hash(next, static_.public_key(), out);              // still the es key, n = 1
  Status status = mix_key(next, static_, next.remote_ephemeral);  // se
  if (!status) return pass(status);
  encrypt_and_hash(next, payload, out);
  state_ = std::move(next);
  step_ = Step::kMessage3;
  return out;
}

Result<NoiseXx::Opened> NoiseXx::read_message3(ByteSpan message) {
  CHECK(role_ == Role::kResponder && step_ == Step::kMessage2);
  Status status = check_length(message, kMessage3BytesMin);
  if (!status) return pass(status);
  State next = state_;
  Result<Bytes> remote = decrypt_and_hash(next, message.first(kSealedKeyBytes));
  if (!remote) return pass(remote);
  next.remote_static = to_public(*remote);
  status = mix_key(next, ephemeral_, next.remote_static);  // se
  if (!status) return pass(status);
  Result<Bytes> payload = decrypt_and_hash(next, message.subspan(kSealedKeyBytes));
  if (!payload) return pass(payload);
  state_ = std::move(next);
  step_ = Step::kMessage3;
  return Opened{state_.remote_static, std::move(*payload)};
}

NoiseXx::Keys NoiseXx::split() const {
  CHECK(step_ == Step::kMessage3);
  Secret<32> k1;
  Secret<32> k2;
  hkdf2(state_.ck.span(), {}, k1, k2);
  if (role_ == Role::kInitiator) return Keys{std::move(k2), std::move(k1)};
  return Keys{std::move(k1), std::move(k2)};
}

}  // namespace weir
