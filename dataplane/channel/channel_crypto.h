// The data phase of one secure channel: nonces, rekeying, replay window (docs/spec/02
// sections 6.1, 6.3, 6.4). No routes, no I/O.
//
//   frame = nonce, u64 big-endian | ciphertext | tag, 16 bytes
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "dataplane/channel/key_cache.h"
#include "dataplane/telemetry/counters.h"

namespace weir {

inline constexpr std::size_t kChannelNonceBytes = 8;
inline constexpr std::size_t kChannelOverheadBytes = kChannelNonceBytes + kAeadTagBytes;
inline constexpr std::uint64_t kRekeyInterval = 32;
inline constexpr std::uint64_t kReplayWindow = 32;

class ChannelCrypto {
 public:
  ChannelCrypto() = default;
  // `serial`: unique in this shard; names the channel's directions in the key cache.
  ChannelCrypto(std::uint32_t serial, const Secret<32>& send_key, const Secret<32>& receive_key)
      : serial_(serial), send_key_(send_key), current_key_(receive_key) {}

  // False: the nonces of this direction are used up; nothing was sealed.
  bool can_seal() const { return send_nonce_ != ~std::uint64_t{0}; }
  // Takes the next nonce (writes it to nonce_out), encrypts the segments in place, writes the tag.
  void seal(const Aead& aead, KeyCache& cache, std::span<const AeadSegment> segments,
            std::uint8_t* nonce_out, std::uint8_t* tag_out);
  // Opens a whole frame in place. kNone: `plaintext` and `nonce` are set and the nonce is used up.
  // Any other reason: nothing about the channel has changed.
  DropReason open(const Aead& aead, KeyCache& cache, MutableByteSpan frame,
                  MutableByteSpan& plaintext, std::uint64_t& nonce);
  void forget(KeyCache& cache) {
    cache.forget(serial_ * 2);
    cache.forget(serial_ * 2 + 1);
  }

  // For tests against the vectors.
  std::uint64_t rekeys() const { return rekeys_; }
  std::uint64_t sent() const { return send_nonce_; }

 private:
  enum class KeyChoice : std::uint8_t { kReject, kPrevious, kCurrent, kNext };
  bool in_window(std::uint64_t nonce) const;
  void commit(std::uint64_t nonce);
  KeyChoice choose_key(std::uint64_t nonce) const;

  std::uint32_t serial_ = 0;
  bool has_previous_ = false;
  std::uint64_t send_nonce_ = 0;     // next to use
  std::uint64_t send_interval_ = 0;  // of send_key_
  Secret<32> send_key_;
  Secret<32> current_key_;   // K(rekeys_)
  Secret<32> previous_key_;  // K(rekeys_ - 1)
  std::uint64_t rekeys_ = 0;
  std::uint64_t largest_ = 0;  // accepted nonce
  std::uint64_t seen_ = 0;     // bit j: largest_ - j
};

}  // namespace weir
