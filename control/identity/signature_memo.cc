#include "control/identity/signature_memo.h"

#include <algorithm>

#include "crypto/hash.h"

namespace weir {

SignatureMemo::Key SignatureMemo::key_of(const VerifyingKey& key, const ChangeHash& message,
                                         const SignatureValue& signature) {
  // Message and signature have fixed lengths and the kind goes first, so no two triples collide.
  Bytes all;
  all.reserve(1 + message.bytes.size() + signature.bytes.size() + key.bytes.size());
  all.push_back(static_cast<std::uint8_t>(key.kind));
  all.insert(all.end(), message.bytes.begin(), message.bytes.end());
  all.insert(all.end(), signature.bytes.begin(), signature.bytes.end());
  all.insert(all.end(), key.bytes.begin(), key.bytes.end());
  return Key{sha256(all)};
}

bool SignatureMemo::recall(const Key& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  recent_.splice(recent_.begin(), recent_, found->second);
  ++recalled_;
  return true;
}

void SignatureMemo::remember(const Key& key) {
  ++verified_;
  if (entries_max_ == 0 || index_.contains(key)) return;
  if (index_.size() >= entries_max_) {
    index_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(key);
  index_.emplace(key, recent_.begin());
}

}  // namespace weir
