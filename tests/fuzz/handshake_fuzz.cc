// Strangers' bytes at every step of both ends of a handshake. The first byte chooses the step and
// whether the rest is the message itself or patches ([offset: u16, xor: u8] each) of a good one, so
// that mutations reach what lies behind the encryption.
//
// What must hold: no crash; a message that is not the good one is never accepted; after a refused
// message that did not open, the good one still is.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "control/handshake/handshake.h"
#include "control/handshake/identity_payload.h"
#include "crypto/aead.h"

namespace {

using weir::Bytes;
using weir::ByteSpan;

class StoppedClock final : public weir::Clock {
 public:
  std::uint64_t now_ns() override { return 0; }
  std::uint64_t unix_seconds() override { return 1'750'000'000; }
};

struct Node {
  explicit Node(std::uint64_t seed) : rng(seed) {
    options.identity = identities.create().value()->identifier();
    key =
        std::make_unique<weir::StaticKey>(identities.secure_channel_key(options.identity).value());
  }
  weir::SeededRng rng;
  StoppedClock clock;
  weir::MemoryIdentityStore store;
  weir::MemorySecretStore secrets{rng};
  weir::Identities identities{store, secrets, clock};
  weir::HandshakeOptions options;
  std::unique_ptr<weir::StaticKey> key;
};

struct World {
  Node one{1};
  Node two{2};
  std::unique_ptr<weir::Aead> aead = weir::Aead::create_openssl();

  weir::Initiator initiator() {
    return weir::Initiator::create({one.identities, one.rng, *aead}, one.options).value();
  }
  weir::Responder responder() {
    return weir::Responder::create({two.identities, two.rng, *aead}, two.options).value();
  }
};

Bytes patched(Bytes good, ByteSpan patches) {
  for (; patches.size() >= 3; patches = patches.subspan(3)) {
    const std::size_t offset = static_cast<std::size_t>(patches[0]) << 8 | patches[1];
    if (offset < good.size()) good[offset] ^= patches[2];
  }
  return good;
}

Bytes message_from(bool patch, const Bytes& good, ByteSpan input) {
  return patch ? patched(good, input) : weir::to_bytes(input);
}

void try_message2(World& world, bool patch, ByteSpan input) {
  weir::Initiator initiator = world.initiator();
  weir::Responder responder = world.responder();
  const Bytes good = responder.consume_message1(initiator.message1()).value();
  const Bytes message = message_from(patch, good, input);
  const auto done = initiator.consume_message2(message);
  CHECK(done.has_value() == (message == good));
  if (!done) CHECK(!initiator.failed() && initiator.consume_message2(good));
}

void try_message3(World& world, bool patch, ByteSpan input) {
  weir::Initiator initiator = world.initiator();
  weir::Responder responder = world.responder();
  const Bytes message2 = responder.consume_message1(initiator.message1()).value();
  const Bytes good = initiator.consume_message2(message2).value().message3;
  const Bytes message = message_from(patch, good, input);
  const auto channel = responder.consume_message3(message);
  CHECK(channel.has_value() == (message == good));
  if (!channel) CHECK(!responder.failed() && responder.consume_message3(good));
}

// What an authentic initiator may say about itself.
void try_claim(World& world, bool patch, ByteSpan input) {
  const Bytes good = weir::encode_identity_and_credentials(world.one.key->identity->encoded(),
                                                           world.one.key->attestation.encode(), {});
  const Bytes payload = message_from(patch, good, input);
  if (payload.size() > weir::kHandshakeMessageBytesMax - weir::kMessage3BytesMin) return;
  weir::NoiseXx noise(weir::NoiseXx::Role::kInitiator, world.one.key->key, world.one.rng,
                      *world.aead);
  weir::Responder responder = world.responder();
  CHECK(noise.read_message2(responder.consume_message1(noise.write_message1()).value()));
  const auto channel = responder.consume_message3(noise.write_message3(payload).value());
  CHECK(channel || responder.failed());
  // Only the owner of the static key can have attested it.
  if (channel) CHECK(channel->peer == world.one.options.identity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size == 0) return 0;
  const bool patch = (data[0] & 0x80) != 0;
  const ByteSpan input(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      (void)world.responder().consume_message1(input);
      break;
    case 1:
      try_message2(world, patch, input);
      break;
    case 2:
      try_message3(world, patch, input);
      break;
    case 3:
      try_claim(world, patch, input);
      break;
    default:
      (void)weir::accept_refresh(world.two.identities, world.one.options.identity, {}, input);
  }
  return 0;
}
