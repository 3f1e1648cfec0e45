// The two ends of a handshake as pure state machines (spec/02 §5): bytes in, bytes or keys out. No
// I/O, no thread; routes, timeouts and limits are the caller's.
//
// Nothing is ever sent to the peer on failure: every error here is for the local log and, at the
// initiator, for the caller, who is told at once. An error of a consume function is one of two
// kinds:
//   - the message did not open: the state is as before, and a later good message still works;
//   - the message was authentic, but its sender is not acceptable: failed() turns true, drop the
//   object.
//
// The order of checks is §5.4's, with one intended difference (§16): a history is stored only after
// the static key, attestation and trust policy held, so that strangers cannot fill the database.
// A stranger's history waits in memory for a group of them (Identities::meet); the owner of the
// Identities stores it soon.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/handshake/noise_xx.h"
#include "control/identity/identities.h"

namespace weir {

// Which peers may have a channel (§7.2). Asked once per handshake, never on refresh.
class TrustPolicy {
 public:
  static TrustPolicy everyone() { return TrustPolicy{}; }
  // An empty list trusts nobody.
  static TrustPolicy only(std::vector<Identifier> identifiers);

  bool trusts(const Identifier& peer) const;

 private:
  std::optional<std::vector<Identifier>> only_;
};

struct HandshakeOptions {
  Identifier identity;  // of our own
  TrustPolicy trust = TrustPolicy::everyone();
  // Encoded CredentialAndPurposeKeys to present; Ockam sends none or one.
  std::vector<Bytes> credentials;
  // Whose credentials count. Empty: the peer's are ignored.
  std::vector<Identifier> authorities;
};

// A channel, as far as control knows it.
struct ChannelKeys {
  Secret<32> send_key;
  Secret<32> receive_key;
  Identifier peer;
  Bytes peer_history;  // encoded; the newest known
  bool met_before = false;
  std::vector<VerifiedCredential> credentials;
  // Why a credential was skipped; bad ones never fail a handshake.
  std::vector<std::string> skipped_credentials;
};

// What a handshake works with. All must outlive it.
struct HandshakeContext {
  Identities& identities;
  Rng& rng;
  const Aead& aead;
};

class Initiator {
 public:
  // Loads or creates the static key; fails if our identity cannot be used.
  static Result<Initiator> create(const HandshakeContext& context, HandshakeOptions options);

  // Call once.
  Bytes message1();

  struct Done {
    Bytes message3;
    ChannelKeys channel;  // usable at once; nothing confirms message 3
  };
  Result<Done> consume_message2(ByteSpan message);
  bool failed() const { return failed_; }

 private:
  enum class Step : std::uint8_t { kStart, kWaitingForMessage2, kOver };

  Initiator(const HandshakeContext& context, HandshakeOptions options, const StaticKey& key);

  Identities* identities_;
  HandshakeOptions options_;
  NoiseXx noise_;
  Bytes payload_;  // our IdentityAndCredentials
  Step step_ = Step::kStart;
  bool failed_ = false;
};

class Responder {
 public:
  // Half-open handshakes that see no message 3 for this long should be dropped by the caller.
  static Result<Responder> create(const HandshakeContext& context, HandshakeOptions options);

  // Message 2 to send back.
  Result<Bytes> consume_message1(ByteSpan message);
  Result<ChannelKeys> consume_message3(ByteSpan message);
  bool failed() const { return failed_; }

 private:
  enum class Step : std::uint8_t { kStart, kWaitingForMessage3, kOver };

  Responder(const HandshakeContext& context, HandshakeOptions options, const StaticKey& key);

  Identities* identities_;
  HandshakeOptions options_;
  NoiseXx noise_;
  Bytes payload_;  // our IdentityAndCredentials
  Step step_ = Step::kStart;
  bool failed_ = false;
};

// A RefreshCredentials body from a channel whose peer is `peer` (§6.5): history, then credentials;
// no purpose key, no trust policy. An error is logged; the channel stays open.
struct RefreshResult {
  std::vector<VerifiedCredential> credentials;
  std::vector<std::string> skipped_credentials;
};
Result<RefreshResult> accept_refresh(Identities& identities, const Identifier& peer,
                                     std::span<const Identifier> authorities, ByteSpan body);

}  // namespace weir
