// The streams of an outlet without a handshake, by who writes: the identity of the channel (or
// none) and the last address of the return route (docs/spec/05 section 7).
//
// One probe per message, without an allocation; adding a stream allocates. Bounded by the shard's
// limit of streams. Peers choose the addresses, so the hash is keyed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/rng.h"
#include "dataplane/contract.h"

namespace weir {

struct SenderKey {
  PrincipalId principal = kNoPrincipal;
  ByteSpan address;  // canonical CBOR
};

struct OwnedSenderKey {
  PrincipalId principal;
  std::string address;

  SenderKey key() const { return {principal, as_bytes(address)}; }
};
struct SenderHash {
  using is_transparent = void;
  std::uint64_t start = 0;
  std::uint64_t factor = 1;

  std::uint64_t mix(std::uint64_t word) const {
    __extension__ using Uint128 = unsigned __int128;
    const Uint128 product = static_cast<Uint128>(word) * factor;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  std::size_t operator()(const SenderKey& key) const {
    std::uint64_t hash = mix(start ^ key.principal ^ std::uint64_t{key.address.size()} << 32);
    for (std::size_t i = 0; i < key.address.size(); i += sizeof hash) {
      std::uint64_t word = 0;
      std::memcpy(&word, key.address.data() + i, std::min(sizeof word, key.address.size() - i));
      hash = mix(hash ^ word);
    }
    return hash;
  }
  std::size_t operator()(const OwnedSenderKey& owned) const { return (*this)(owned.key()); }
};
struct SameSender {
  using is_transparent = void;
  static bool same(const SenderKey& a, const SenderKey& b) {
    return a.principal == b.principal && equal(a.address, b.address);
  }
  bool operator()(const OwnedSenderKey& a, const OwnedSenderKey& b) const {
    return same(a.key(), b.key());
  }
  bool operator()(const SenderKey& a, const OwnedSenderKey& b) const { return same(a, b.key()); }
  bool operator()(const OwnedSenderKey& a, const SenderKey& b) const { return same(a.key(), b); }
};

class SenderMap {
 public:
  struct StreamRef {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
  };

  // Before the first sender.
  void seed(Rng& rng) { streams_ = Map(0, SenderHash{rng.next_u64(), rng.next_u64() | 1}); }

  const StreamRef* find(const SenderKey& key) const {
    const auto at = streams_.find(key);
    return at == streams_.end() ? nullptr : &at->second;
  }
  void add(const SenderKey& key, StreamRef stream) {
    streams_.insert_or_assign(OwnedSenderKey{key.principal, std::string(as_text(key.address))},
                              stream);
  }
  void remove(const SenderKey& key) {
    const auto at = streams_.find(key);
    if (at != streams_.end()) streams_.erase(at);
  }
  std::size_t size() const { return streams_.size(); }

 private:
  using Map = std::unordered_map<OwnedSenderKey, StreamRef, SenderHash, SameSender>;

  Map streams_;
};

}  // namespace weir
