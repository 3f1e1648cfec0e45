// The Noise XX symmetric state and its messages, as Ockam 0.150.0 speaks them (spec/02 §5.1-5.3).
// No identities, no clock: bytes in, bytes out.
//
// Transactional: a message that does not open leaves the state as it was, so that a forged one
// cannot spoil the good one behind it (Ockam's dies; §5.5, §16). All of it is wiped on destruction.
//
// Errors: kInvalid for lengths, kRefused for a tag or a low-order point. Calling out of order is
// our mistake (CHECK).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/kex.h"
#include "crypto/secret.h"

namespace weir {

inline constexpr std::size_t kHandshakeMessageBytesMax = 65'535;
inline constexpr std::size_t kMessage1BytesMin = 32;            // e_i
inline constexpr std::size_t kMessage2BytesMin = 32 + 48 + 16;  // e_r, s_r, empty payload
inline constexpr std::size_t kMessage3BytesMin = 48 + 16;       // s_i, empty payload

class NoiseXx {
 public:
  enum class Role : std::uint8_t { kInitiator, kResponder };

  // Takes 32 bytes from `rng` for the ephemeral key. `aead` must outlive this object.
  NoiseXx(Role role, X25519Key static_key, Rng& rng, const Aead& aead);
  NoiseXx(NoiseXx&&) noexcept = default;
  NoiseXx& operator=(NoiseXx&&) noexcept = default;

  // Initiator.
  Bytes write_message1();
  struct Opened {
    X25519Public static_key{};  // the peer's
    Bytes payload;
  };
  Result<Opened> read_message2(ByteSpan message);
  Result<Bytes> write_message3(ByteSpan payload);

  // Responder. The payload of message 1 is in the clear, mixed and otherwise ignored. Mixes the
  // first Diffie-Hellman too, so that a bad ephemeral key is refused here and changes nothing.
  Status read_message1(ByteSpan message);
  Result<Bytes> write_message2(ByteSpan payload);
  Result<Opened> read_message3(ByteSpan message);

  // After message 3. k1 protects responder to initiator, k2 initiator to responder: the reverse of
  // the Noise specification.
  struct Keys {
    Secret<32> send;
    Secret<32> receive;
  };
  Keys split() const;

  const Hash256& handshake_hash() const { return state_.h; }
  const Secret<32>& chaining_key() const { return state_.ck; }  // tests

 private:
  // The last message that was sent or accepted.
  enum class Step : std::uint8_t { kNone, kMessage1, kMessage2, kMessage3 };

  // The part that a failed message must not change: copied, worked on, and assigned back when it
  // held.
  struct State {
    Secret<32> ck;
    Secret<32> k;
    Hash256 h{};
    std::uint64_t n = 0;
    X25519Public remote_ephemeral{};
    X25519Public remote_static{};
  };

  static void mix_hash(State& state, ByteSpan data);
  static Status mix_key(State& state, const X25519Key& own, const X25519Public& remote);
  // Appends the ciphertext and its tag to `out`.
  void encrypt_and_hash(State& state, ByteSpan plain, Bytes& out);
  Result<Bytes> decrypt_and_hash(State& state, ByteSpan sealed);

  Role role_;
  Step step_ = Step::kNone;
  State state_;
  X25519Key static_;
  X25519Key ephemeral_;
  const Aead* aead_;
  AeadKey key_;
};

}  // namespace weir
