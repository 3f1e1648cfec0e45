#include "dataplane/channel/channel_crypto.h"

#include <optional>

#include "base/check.h"

namespace weir {

void ChannelCrypto::seal(const Aead& aead, KeyCache& cache, std::span<const AeadSegment> segments,
                         std::uint8_t* nonce_out, std::uint8_t* tag_out) {
  CHECK(can_seal());
  const std::uint32_t direction = serial_ * 2;
  const std::uint64_t nonce = send_nonce_++;
  const std::uint64_t interval = nonce / kRekeyInterval;
  if (interval != send_interval_) {
    AeadKey& old = cache.get(direction, send_interval_, send_key_.span());
    Secret<32> next;
    aead_next_key(aead, old, next);
    send_key_ = next;
    send_interval_ = interval;
  }
  store_be64(nonce_out, nonce);
  SealJob job{&cache.get(direction, interval, send_key_.span()),
              nonce,
              segments.data(),
              segments.size(),
              {},
              tag_out};
  aead.seal({&job, 1});
}

bool ChannelCrypto::in_window(std::uint64_t nonce) const {
  if (nonce > largest_) return nonce - largest_ <= kReplayWindow;
  const std::uint64_t back = largest_ - nonce;
  if (back > kReplayWindow) return false;
  return (seen_ >> back & 1) == 0;
}

void ChannelCrypto::commit(std::uint64_t nonce) {
  if (nonce > largest_) {
    const std::uint64_t ahead = nonce - largest_;
    seen_ = (ahead >= 64 ? 0 : seen_ << ahead) | 1;
    largest_ = nonce;
  } else {
    seen_ |= std::uint64_t{1} << (largest_ - nonce);
  }
}

ChannelCrypto::KeyChoice ChannelCrypto::choose_key(std::uint64_t nonce) const {
  const std::uint64_t interval = nonce / kRekeyInterval;
  if (interval == rekeys_) return KeyChoice::kCurrent;
  if (interval == rekeys_ + 1) return KeyChoice::kNext;
  if (interval + 1 == rekeys_ && has_previous_) return KeyChoice::kPrevious;
  return KeyChoice::kReject;
}

DropReason ChannelCrypto::open(const Aead& aead, KeyCache& cache, MutableByteSpan frame,
                               MutableByteSpan& plaintext, std::uint64_t& nonce) {
  if (frame.size() < kChannelOverheadBytes) return DropReason::kChannelShort;
  nonce = load_be64(frame.data());
  if (nonce == ~std::uint64_t{0}) return DropReason::kChannelWindow;  // reserved for rekeying
  if (!in_window(nonce)) {
    const bool seen = nonce <= largest_ && largest_ - nonce <= kReplayWindow;
    return seen ? DropReason::kChannelReplay : DropReason::kChannelWindow;
  }
  const KeyChoice choice = choose_key(nonce);
  if (choice == KeyChoice::kReject) return DropReason::kChannelWindow;
  const std::uint32_t direction = serial_ * 2 + 1;
  const std::uint64_t interval = nonce / kRekeyInterval;
  std::optional<Secret<32>> next;
  const Secret<32>* key = &current_key_;
  if (choice == KeyChoice::kPrevious) key = &previous_key_;
  if (choice == KeyChoice::kNext) {
    next.emplace();
    aead_next_key(aead, cache.get(direction, rekeys_, current_key_.span()), *next);
    key = &*next;
  }
  OpenJob job{&cache.get(direction, interval, key->span()),
              nonce,
              frame.subspan(kChannelNonceBytes, frame.size() - kChannelOverheadBytes),
              {},
              frame.data() + frame.size() - kAeadTagBytes,
              false};
  aead.open({&job, 1});
  if (!job.ok) return DropReason::kChannelAuthentication;
  commit(nonce);
  if (choice == KeyChoice::kNext) {
    previous_key_ = current_key_;
    current_key_ = *next;
    has_previous_ = true;
    ++rekeys_;
  }
  plaintext = job.text;
  return DropReason::kNone;
}

}  // namespace weir
