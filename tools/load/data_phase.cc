#include "tools/load/data_phase.h"

namespace weir::load {

AeadKey& DataPhase::expand(const Aead& aead, Direction& direction) {
  if (!direction.expanded) {
    direction.expanded = aead.make_key();
    aead.set_key(direction.expanded, direction.key.span());
  }
  return direction.expanded;
}

void DataPhase::advance_to(const Aead& aead, Direction& direction, std::uint64_t interval) {
  while (direction.interval < interval) {
    Secret<32> next;
    aead_next_key(aead, expand(aead, direction), next);
    direction.key = next;
    aead.set_key(direction.expanded, next.span());
    ++direction.interval;
  }
}

void DataPhase::seal(const Aead& aead, MutableByteSpan plain, std::uint8_t* nonce_out,
                     std::uint8_t* tag_out) {
  const std::uint64_t nonce = send_.next++;
  advance_to(aead, send_, nonce / kInterval);
  store_be64(nonce_out, nonce);
  const AeadSegment segment{plain.data(), plain.size()};
  SealJob job{&expand(aead, send_), nonce, &segment, 1, {}, tag_out};
  aead.seal({&job, 1});
}

bool DataPhase::open(const Aead& aead, MutableByteSpan frame, MutableByteSpan& plain) {
  if (frame.size() < kSealedExtraBytes) return false;
  const std::uint64_t nonce = load_be64(frame.data());
  if (nonce < receive_.next || nonce - receive_.next > kGapMax) return false;
  // A forged nonce may move us to a later interval: this peer is a tool, and its target is trusted
  // not to do that.
  advance_to(aead, receive_, nonce / kInterval);
  OpenJob job{&expand(aead, receive_),
              nonce,
              frame.subspan(kSealedNonceBytes, frame.size() - kSealedExtraBytes),
              {},
              frame.data() + frame.size() - kAeadTagBytes,
              false};
  aead.open({&job, 1});
  if (!job.ok) return false;
  receive_.next = nonce + 1;
  plain = job.text;
  return true;
}

}  // namespace weir::load
