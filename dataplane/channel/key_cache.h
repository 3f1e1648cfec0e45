// Expanded AEAD keys are a cache, not state: a channel keeps 32-byte keys, and a busy direction
// finds its expansion here. Direct-mapped by direction; slots are made on first use, then only
// re-keyed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/aead.h"

namespace weir {

class KeyCache {
 public:
  KeyCache(const Aead& aead, std::size_t slots) : aead_(aead), slots_(slots) {}

  // The expansion of `key32`, which is the key of (direction, interval). Valid until the next
  // get().
  AeadKey& get(std::uint32_t direction, std::uint64_t interval, ByteSpan key32) {
    Slot& slot = slots_[direction % slots_.size()];
    if (slot.direction == direction && slot.interval == interval) return slot.key;
    if (!slot.key) slot.key = aead_.make_key();
    aead_.set_key(slot.key, key32);
    slot.direction = direction;
    slot.interval = interval;
    return slot.key;
  }
  void forget(std::uint32_t direction) {
    Slot& slot = slots_[direction % slots_.size()];
    if (slot.direction == direction) slot.direction = kNone;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  struct Slot {
    std::uint32_t direction = kNone;
    std::uint64_t interval = 0;
    AeadKey key;
  };
  const Aead& aead_;
  std::vector<Slot> slots_;
};

}  // namespace weir
