// X25519 (RFC 7748), control plane. Secrets are 32 random bytes, stored unclamped and clamped when
// used.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace weir {

struct X25519Handle;  // OpenSSL's objects

using X25519Public = std::array<std::uint8_t, 32>;

inline Secret<32> x25519_generate(Rng& rng) { return Secret<32>::random(rng); }

X25519Public x25519_public(const Secret<32>& secret);

// A key made ready for exchanges: its public half is computed once, which costs as much as an
// exchange. Copies share the rest, so that a key and its copies belong to one thread at a time.
class X25519Key {
 public:
  X25519Key() = default;  // empty: may only be assigned to
  explicit X25519Key(const Secret<32>& secret);
  const X25519Public& public_key() const { return public_; }
  // The shared secret. kInvalid: the peer's key is not 32 bytes. kRefused: it is a low-order point,
  // so that the secret would be all zeros whatever ours is. Ockam accepts that one (spec 02
  // section 5.1); no honest peer ever sends it.
  Result<Secret<32>> exchange(ByteSpan peer_public32) const;

 private:
  std::shared_ptr<const X25519Handle> handle_;  // OpenSSL wipes the secret
  X25519Public public_{};
};

}  // namespace weir
