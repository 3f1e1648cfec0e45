// Remembers which signatures held: a bounded set of SHA-256(key || message || signature), least
// recently used out first. Whoever verifies the same history, attestation or credential again pays
// a hash instead of a curve operation. Holds nothing secret and only positive answers.
//
// About 130 bytes per entry. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "base/bytes.h"
#include "control/identity/identifier.h"
#include "control/identity/signed_data.h"

namespace weir {

class SignatureMemo {
 public:
  static constexpr std::size_t kDefaultEntriesMax = 16'384;  // 2 MiB

  explicit SignatureMemo(std::size_t entries_max = kDefaultEntriesMax)
      : entries_max_(entries_max) {}

  using Key = ChangeHash;
  static Key key_of(const VerifyingKey& key, const ChangeHash& message,
                    const SignatureValue& signature);

  // True when it held before.
  bool recall(const Key& key);
  void remember(const Key& key);

  std::size_t entries() const { return index_.size(); }
  std::uint64_t recalled() const { return recalled_; }
  std::uint64_t verified() const {
    return verified_;
  }  // signatures that had to be checked and held

 private:
  std::size_t entries_max_;
  std::list<Key> recent_;  // most recently used first
  std::unordered_map<Key, std::list<Key>::iterator> index_;
  std::uint64_t recalled_ = 0;
  std::uint64_t verified_ = 0;
};

}  // namespace weir
