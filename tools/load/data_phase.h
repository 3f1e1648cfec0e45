// The data phase of one secure channel, as a peer of the measured node speaks it (docs/spec/02
// sections 6.1, 6.3): nonces, rekeying every 32, both directions.
//
// Made for TCP, where frames keep their order: a nonce must be larger than the last one, and a gap
// is at most kGapMax. Expanded keys are made on first use and can be dropped, because an idle
// channel among 100,000 should cost little here, too.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

namespace weir::load {

inline constexpr std::size_t kSealedNonceBytes = 8;
inline constexpr std::size_t kSealedExtraBytes = kSealedNonceBytes + kAeadTagBytes;

class DataPhase {
 public:
  DataPhase() = default;
  DataPhase(const Secret<32>& send_key, const Secret<32>& receive_key) {
    send_.key = send_key;
    receive_.key = receive_key;
  }

  // Encrypts `plain` where it lies; the nonce and tag go where the caller keeps room for them.
  void seal(const Aead& aead, MutableByteSpan plain, std::uint8_t* nonce_out,
            std::uint8_t* tag_out);
  // Opens a whole frame (nonce, text, tag) in place. False: it does not open.
  bool open(const Aead& aead, MutableByteSpan frame, MutableByteSpan& plain);

  void drop_expanded_keys() {
    send_.expanded = {};
    receive_.expanded = {};
  }

 private:
  static constexpr std::uint64_t kInterval = 32;
  static constexpr std::uint64_t kGapMax = 1024;

  struct Direction {
    Secret<32> key;
    std::uint64_t interval = 0;  // of `key`
    std::uint64_t next = 0;      // nonce to send, or the smallest to accept
    AeadKey expanded;            // of `key`, or empty
  };
  static AeadKey& expand(const Aead& aead, Direction& direction);
  static void advance_to(const Aead& aead, Direction& direction, std::uint64_t interval);

  Direction send_;
  Direction receive_;
};

}  // namespace weir::load
