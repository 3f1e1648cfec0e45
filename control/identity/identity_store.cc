#include "control/identity/identity_store.h"

namespace weir {

Result<std::optional<Bytes>> MemoryIdentityStore::history(const Identifier& id) {
  const auto found = histories_.find(id);
  if (found == histories_.end()) return std::optional<Bytes>{};
  return found->second;
}

Status MemoryIdentityStore::update_history(const Identifier& id, const Decide& decide) {
  const auto found = histories_.find(id);
  Result<std::optional<Bytes>> next =
      decide(found == histories_.end() ? std::optional<Bytes>{} : found->second);
  if (!next) return pass(next);
  if (*next) histories_.insert_or_assign(id, std::move(**next));
  return {};
}

Status MemoryIdentityStore::update_histories(std::span<const Identifier> ids,
                                             const DecideEach& decide) {
  std::map<Identifier, Bytes> changed;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = histories_.find(ids[i]);
    Result<std::optional<Bytes>> next =
        decide(i, found == histories_.end() ? std::optional<Bytes>{} : found->second);
    if (!next) return pass(next);
    if (*next) changed.insert_or_assign(ids[i], std::move(**next));
  }
  for (auto& [id, history] : changed) histories_.insert_or_assign(id, std::move(history));
  return {};
}

Result<std::optional<Bytes>> MemoryIdentityStore::purpose_key(const Identifier& id,
                                                              Purpose purpose) {
  const auto found = purpose_keys_.find({id, purpose});
  if (found == purpose_keys_.end()) return std::optional<Bytes>{};
  return found->second;
}

Status MemoryIdentityStore::put_purpose_key(const Identifier& id, Purpose purpose,
                                            ByteSpan attestation) {
  purpose_keys_.insert_or_assign({id, purpose}, to_bytes(attestation));
  return {};
}

}  // namespace weir
