// Who the load generator is: one thread's identities, cipher and randomness.
//
// Threads share nothing: each makes the same identity again from its seed (Ed25519 histories are
// deterministic), with a static key of its own that the identity attests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/authority/attributes.h"
#include "control/handshake/handshake.h"
#include "control/identity/identities.h"
#include "control/identity/identity_store.h"
#include "control/identity/secret_store.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

namespace weir::load {

// What an identity file holds; enough to make the same identity again.
struct IdentitySeed {
  Secret<32> signing_key;
  std::uint64_t valid_from_s = 0;

  static IdentitySeed throw_away();
  // Reads the file, or writes a new one (mode 0600) where there is none.
  static Result<IdentitySeed> load_or_create(const std::string& path);
};

// An authority that the tool plays: who opens channels shows its credential for `attributes`.
struct MemberSeed {
  IdentitySeed authority;
  AttributeMap attributes;

  // As load_or_create; a new one's change history is written beside it, as hex, for
  // `weir node create --authority-identity`.
  static Result<MemberSeed> load_or_create(const std::string& path, AttributeMap attributes);
};

class Party {
 public:
  explicit Party(const IdentitySeed& seed, const std::optional<MemberSeed>& member = std::nullopt);
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;

  const Identifier& own() const { return own_; }
  // An identity that nobody has met: a prepared one if there is one left, else made now (about
  // 0.2 ms).
  Identifier fresh();
  void prepare_fresh(std::size_t count);
  Result<Initiator> start_handshake(const Identifier& identity);

  const Aead& aead() const { return *aead_; }
  Rng& rng() { return rng_; }

 private:
  Identifier make_fresh();
  Identifier import(const IdentitySeed& seed);
  Bytes credential_of(const Identifier& identity);
  friend struct MemberSeed;

  SystemRng rng_;
  SystemClock clock_;
  MemoryIdentityStore store_;
  MemorySecretStore secrets_{rng_};
  Identities identities_{store_, secrets_, clock_};
  std::unique_ptr<Aead> aead_ = Aead::create_best();
  Identifier own_;
  std::optional<Identifier> authority_;
  AttributeMap attributes_;
  Bytes own_credential_;
  std::vector<Identifier> prepared_;
};

}  // namespace weir::load
