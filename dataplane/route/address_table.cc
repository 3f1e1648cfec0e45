#include "dataplane/route/address_table.h"

#include <algorithm>

#include "base/check.h"
#include "dataplane/wire/address.h"

namespace weir {
namespace {

__extension__ using Uint128 = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

AddressTable::AddressTable(std::uint64_t seed) : seed_(seed), slots_(1024), gates_(1024) {}

// Keyed by a seed of this process: relay names come from peers.
std::uint64_t AddressTable::hash_of(ByteSpan value) const {
  std::uint64_t h = seed_ ^ (value.size() * 0x9e3779b97f4a7c15);
  std::size_t i = 0;
  for (; i + 8 <= value.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, value.data() + i, 8);
    h = fold(h ^ word, 0xa0761d6478bd642f);
  }
  if (i < value.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, value.data() + i, value.size() - i);
    h = fold(h ^ word, 0xe7037ed1a0b428db);
  }
  return fold(h, 0x8ebc6af09c88c6e3);
}

Entry* AddressTable::find(ByteSpan value) {
  const std::uint64_t hash = hash_of(value);
  const std::size_t mask = slots_.size() - 1;
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.index == 0) return nullptr;
    if (slot.tag != tag) continue;
    Entry& entry = entries_.at(slot.index - 1);
    if (equal(entry.value(), value)) return &entry;
  }
}

Entry* AddressTable::add(ByteSpan value, EntryKind kind, std::uint32_t object) {
  if (find(value) != nullptr) return nullptr;
  if ((entries_.size() + 1) * 2 > slots_.size()) grow_slots();
  Entry& entry = entries_.make();
  entry.kind = kind;
  entry.object = object;
  entry.hash = hash_of(value);
  const std::size_t bytes = wire::local_address_bytes(value.size());
  wire::put_local_address(entry.encoded.resize(bytes), value);
  entry.value_at = static_cast<std::uint32_t>(bytes - value.size());
  insert_slot(entry.hash, entry.index);
  return &entry;
}

void AddressTable::insert_slot(std::uint64_t hash, std::uint32_t index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  while (slots_[i].index != 0) i = (i + 1) & mask;
  slots_[i] = {static_cast<std::uint32_t>(hash >> 32), index + 1};
}

void AddressTable::grow_slots() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.index != 0) insert_slot(entries_.at(slot.index - 1).hash, slot.index - 1);
  }
}

void AddressTable::remove(Entry& entry) {
  for (const FlowId flow : entry.flows) {
    gate_erase((std::uint64_t{flow} << 32 | entry.index) + 1);
    ungrant(flow, entry.index);
  }
  entry.flows.clear();
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = entry.hash & mask;
  while (slots_[i].index != entry.index + 1) i = (i + 1) & mask;
  // Backward shift keeps every probe run unbroken, so there are no tombstones.
  for (std::size_t j = (i + 1) & mask; slots_[j].index != 0; j = (j + 1) & mask) {
    const std::size_t home = entries_.at(slots_[j].index - 1).hash & mask;
    if (((j - home) & mask) >= ((j - i) & mask)) {
      slots_[i] = slots_[j];
      i = j;
    }
  }
  slots_[i] = {};
  entries_.free(entry);
}

std::uint64_t AddressTable::gate_hash(std::uint64_t key) { return fold(key, 0x9fb21c651e98df25); }

bool AddressTable::allowed(FlowId flow, const Entry& entry) const {
  if (flow == kNoFlow) return false;
  const std::uint64_t key = (std::uint64_t{flow} << 32 | entry.index) + 1;
  const std::size_t mask = gates_.size() - 1;
  for (std::size_t i = gate_hash(key) & mask;; i = (i + 1) & mask) {
    if (gates_[i] == key) return true;
    if (gates_[i] == 0) return false;
  }
}

void AddressTable::allow(FlowId flow, Entry& entry) {
  if (flow == kNoFlow || allowed(flow, entry)) return;
  entry.flows.push_back(flow);
  granted_[flow].insert(entry.index);
  gate_insert((std::uint64_t{flow} << 32 | entry.index) + 1);
}

void AddressTable::deny(FlowId flow, Entry& entry) {
  if (!allowed(flow, entry)) return;
  std::erase(entry.flows, flow);
  gate_erase((std::uint64_t{flow} << 32 | entry.index) + 1);
  ungrant(flow, entry.index);
}

void AddressTable::ungrant(FlowId flow, std::uint32_t index) {
  const auto at = granted_.find(flow);
  if (at == granted_.end()) return;
  at->second.erase(index);
  if (at->second.empty()) granted_.erase(at);
}

void AddressTable::forget_flow(FlowId flow) {
  const auto at = granted_.find(flow);
  if (at == granted_.end()) return;
  const std::unordered_set<std::uint32_t> entries = std::move(at->second);
  granted_.erase(at);
  for (const std::uint32_t index : entries) deny(flow, entries_.at(index));
}

void AddressTable::gate_insert(std::uint64_t key) {
  if ((gate_count_ + 1) * 2 > gates_.size()) {
    std::vector<std::uint64_t> old(gates_.size() * 2);
    old.swap(gates_);
    const std::size_t mask = gates_.size() - 1;
    for (const std::uint64_t k : old) {
      if (k == 0) continue;
      std::size_t i = gate_hash(k) & mask;
      while (gates_[i] != 0) i = (i + 1) & mask;
      gates_[i] = k;
    }
  }
  const std::size_t mask = gates_.size() - 1;
  std::size_t i = gate_hash(key) & mask;
  while (gates_[i] != 0) i = (i + 1) & mask;
  gates_[i] = key;
  ++gate_count_;
}

void AddressTable::gate_erase(std::uint64_t key) {
  const std::size_t mask = gates_.size() - 1;
  std::size_t i = gate_hash(key) & mask;
  while (gates_[i] != key) {
    if (gates_[i] == 0) return;
    i = (i + 1) & mask;
  }
  for (std::size_t j = (i + 1) & mask; gates_[j] != 0; j = (j + 1) & mask) {
    const std::size_t home = gate_hash(gates_[j]) & mask;
    if (((j - home) & mask) >= ((j - i) & mask)) {
      gates_[i] = gates_[j];
      i = j;
    }
  }
  gates_[i] = 0;
  --gate_count_;
}

void AddressTable::add_user(Entry& entry, RouteUser& user) {
  DCHECK(user.entry == 0xffffffff);
  user.entry = entry.index;
  user.previous = nullptr;
  user.next = entry.users;
  if (entry.users != nullptr) entry.users->previous = &user;
  entry.users = &user;
}

void AddressTable::remove_user(RouteUser& user) {
  if (user.entry == 0xffffffff) return;
  Entry& entry = entries_.at(user.entry);
  if (user.previous != nullptr) user.previous->next = user.next;
  if (user.next != nullptr) user.next->previous = user.previous;
  if (entry.users == &user) entry.users = user.next;
  user.entry = 0xffffffff;
  user.previous = user.next = nullptr;
}

}  // namespace weir
