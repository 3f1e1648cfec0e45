#include "tools/load/tunnel.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/hex.h"
#include "dataplane/wire/bare.h"

namespace weir::load {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int hex_value(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void put_hex(char* out, std::uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value >>= 4) out[i] = kHexDigits[value & 15];
}

}  // namespace

bool slot_of(ByteSpan address, std::uint32_t& slot) {
  if (address.size() != 32) return false;
  slot = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const int digit = hex_value(address[i]);
    if (digit < 0) return false;
    slot = slot << 4 | static_cast<std::uint32_t>(digit);
  }
  return true;
}

Tunnel::~Tunnel() { leave(); }

void Tunnel::leave() {
  if (attached_) connection_->detach(slot_);
  attached_ = false;
}

std::array<std::uint8_t, Tunnel::kAddressBytes> Tunnel::address_of(std::uint8_t role) const {
  std::array<std::uint8_t, kAddressBytes> encoded{0x82, 0x00, 0x58, 0x20};
  std::memcpy(encoded.data() + 4, address_.data(), 32);
  encoded[12] = static_cast<std::uint8_t>(kHexDigits[role >> 4]);
  encoded[13] = static_cast<std::uint8_t>(kHexDigits[role & 15]);
  return encoded;
}

wire::Address Tunnel::application_address() const {
  const auto encoded = address_of(role_of_application());
  return wire::Address::local(as_text(ByteSpan(encoded).subspan(4)));
}

void Tunnel::draw_addresses() {
  std::uint8_t random[11];
  party_.rng().fill(random);
  put_hex(address_.data(), slot_, 8);
  std::memcpy(address_.data() + 10, to_hex(random).data(), 22);
}

// --- setting up

void Tunnel::open() {
  CHECK(state_ == State::kClosed);
  if (!attached_) slot_ = connection_->attach(*this);
  attached_ = true;
  layers_.clear();
  layers_.reserve(plan_.listeners.size());
  draw_addresses();
  state_ = State::kConnecting;
  if (connection_->state() == Connection::State::kOpen) return next_step();
  if (connection_->state() == Connection::State::kConnecting) return;
  if (!connection_->open()) lose(connection_->error().c_str());
}

void Tunnel::connection_open() {
  if (state_ == State::kConnecting) next_step();
}

void Tunnel::next_step() {
  if (layers_.size() < plan_.listeners.size()) return start_handshake(layers_.size());
  if (!relay_name_.empty() && state_ != State::kRegistering) return start_registration();
  state_ = State::kReady;
  user_.tunnel_ready(*this);
}

void Tunnel::start_handshake(std::size_t layer) {
  state_ = State::kHandshaking;
  Result<Initiator> initiator = party_.start_handshake(identity_);
  if (!initiator) return lose(initiator.error().what);
  layers_.emplace_back();
  layers_.back().initiator = std::make_unique<Initiator>(std::move(*initiator));
  const Bytes message1 = layers_.back().initiator->message1();
  send_at(layer, plan_.listeners[layer].view(), static_cast<std::uint8_t>(layer), message1);
}

void Tunnel::take_message2(Layer& layer, std::uint8_t role, const wire::RouteView& ret,
                           ByteSpan message) {
  Result<Initiator::Done> done = layer.initiator->consume_message2(message);
  if (!done) {
    if (layer.initiator->failed()) lose(done.error().what);
    return;
  }
  layer.remote = wire::Route(ret);
  layer.data = DataPhase(done->channel.send_key, done->channel.receive_key);
  send_at(role, layer.remote.view(), role, done->message3);
  layer.initiator.reset();
  next_step();
}

void Tunnel::start_registration() {
  state_ = State::kRegistering;
  const wire::Route service{wire::Address::local("static_forwarding_service")};
  send_at(layers_.size(), service.view(), role_of_application(),
          wire::encode_bare_string(relay_name_));
}

// --- ending

void Tunnel::close() {
  if (state_ == State::kClosed) return;
  // Inside out; a channel that shakes hands has no key to say it with.
  for (std::size_t i = layers_.size(); i > 0; --i) {
    if (layers_[i - 1].initiator || connection_->state() != Connection::State::kOpen) continue;
    Bytes plain = to_bytes(wire::kChannelClose);
    Bytes frame(kSealedExtraBytes + plain.size());
    std::memcpy(frame.data() + kSealedNonceBytes, plain.data(), plain.size());
    layers_[i - 1].data.seal(party_.aead(),
                             MutableByteSpan(frame).subspan(kSealedNonceBytes, plain.size()),
                             frame.data(), frame.data() + kSealedNonceBytes + plain.size());
    send_at(i - 1, layers_[i - 1].remote.view(), static_cast<std::uint8_t>(i - 1), frame);
  }
  state_ = State::kClosed;
  leave();
}

void Tunnel::lose(const char* why) {
  state_ = State::kClosed;
  leave();
  user_.tunnel_lost(*this, why);
}

void Tunnel::connection_lost(const char* why) {
  if (state_ != State::kClosed) lose(why);
}

void Tunnel::connection_deleted() {
  attached_ = false;
  state_ = State::kClosed;
}

void Tunnel::drop_expanded_keys() {
  for (Layer& layer : layers_) layer.data.drop_expanded_keys();
}

// --- receiving

bool Tunnel::receive(ByteSpan to, const wire::RouteView& ret, MutableByteSpan payload) {
  if (state_ == State::kClosed || to.size() != 32) return false;
  const int high = hex_value(to[8]);
  const int low = hex_value(to[9]);
  if (high < 0 || low < 0) return false;
  const auto role = static_cast<std::uint8_t>(high << 4 | low);
  if (std::memcmp(to.data(), address_.data(), 8) != 0 ||
      std::memcmp(to.data() + 10, address_.data() + 10, 22) != 0) {
    return false;
  }
  if (role == role_of_application()) {
    take_application(payload);
    return true;
  }
  if (role >= layers_.size()) return false;
  Layer& layer = layers_[role];
  if (layer.initiator) {
    take_message2(layer, role, ret, payload);
    return true;
  }
  return take_sealed(layer, payload);
}

bool Tunnel::take_sealed(Layer& layer, MutableByteSpan frame) {
  MutableByteSpan plain;
  if (!layer.data.open(party_.aead(), frame, plain)) {
    ++unopened_;
    return true;
  }
  std::uint8_t scratch[4096];
  wire::ChannelPlaintext inside;
  if (wire::parse_channel_plaintext(plain, scratch, inside) != wire::ParseResult::kOk) {
    ++unopened_;
    return true;
  }
  if (inside.variant == wire::ChannelVariant::kClose) {
    lose("the target closed the channel");
    return true;
  }
  if (inside.variant != wire::ChannelVariant::kPayload || inside.onward.empty()) return true;
  return receive(inside.onward.front().value, inside.ret, inside.payload);
}

void Tunnel::take_application(MutableByteSpan payload) {
  if (state_ == State::kReady) return user_.tunnel_message(*this, payload);
  if (state_ != State::kRegistering) return;
  // A relay service may answer with or without its prefix (docs/spec/04 section 6.4).
  const Result<std::string> name = wire::decode_bare_string(payload);
  if (name && name->ends_with(relay_name_)) next_step();
}

// --- sending

std::uint8_t* Tunnel::begin(std::size_t payload_bytes) {
  return begin_at(layers_.size(), onward_.view(), role_of_application(), payload_bytes);
}

std::uint8_t* Tunnel::begin_at(std::size_t depth, const wire::RouteView& onward,
                               std::uint8_t ret_role, std::size_t payload_bytes) {
  depth_ = depth;
  sending_onward_ = onward;
  sending_ret_ = address_of(ret_role);
  payload_bytes_ = payload_bytes;
  head_bytes_ = tail_bytes_ = 0;
  wire::HeadRoute to = wire::HeadRoute::of(onward);
  wire::HeadRoute ret = wire::HeadRoute::of({sending_ret_, 1});
  std::size_t inner = payload_bytes;
  for (std::size_t i = depth; i > 0; --i) {
    const std::size_t head = wire::channel_head_bytes(to, ret, inner);
    head_bytes_ += head + kSealedNonceBytes;
    tail_bytes_ += wire::kChannelTrailerBytes + kAeadTagBytes;
    inner += head + wire::kChannelTrailerBytes + kSealedExtraBytes;
    to = wire::HeadRoute::of(layers_[i - 1].remote.view());
    ret = {};
  }
  head_bytes_ += wire::transport_head_bytes(to, ret, inner);
  tail_bytes_ += wire::kTracingTrailer.size();
  payload_ = connection_->out().reserve(message_bytes()) + head_bytes_;
  return payload_;
}

void Tunnel::finish() {
  wire::HeadRoute to = wire::HeadRoute::of(sending_onward_);
  wire::HeadRoute ret = wire::HeadRoute::of({sending_ret_, 1});
  std::uint8_t* at = payload_;
  std::size_t size = payload_bytes_;
  for (std::size_t i = depth_; i > 0; --i) {
    std::uint8_t* end = at + size;
    at = wire::put_channel_head(at, to, ret, size);
    *end++ = wire::kChannelTrailer;
    const MutableByteSpan plain(at, end);
    layers_[i - 1].data.seal(party_.aead(), plain, at - kSealedNonceBytes, end);
    at -= kSealedNonceBytes;
    size = plain.size() + kSealedExtraBytes;
    to = wire::HeadRoute::of(layers_[i - 1].remote.view());
    ret = {};
  }
  std::memcpy(at + size, wire::kTracingTrailer.data(), wire::kTracingTrailer.size());
  (void)wire::put_transport_head(at, to, ret, size);
  connection_->queued(message_bytes());
}

void Tunnel::send_at(std::size_t depth, const wire::RouteView& onward, std::uint8_t ret_role,
                     ByteSpan payload) {
  std::uint8_t* room = begin_at(depth, onward, ret_role, payload.size());
  if (!payload.empty()) std::memcpy(room, payload.data(), payload.size());
  finish();
}

}  // namespace weir::load
