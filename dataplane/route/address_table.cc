#include "dataplane/route/address_table.h"

#include <algorithm>

#include "base/check.h"
#include "dataplane/wire/address.h"

namespace weir {
namespace {

constexpr std::uint16_t kManyFlows = 0xffff;

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
  const std::uint64_t hash = hash_of(value);
  entry.home = static_cast<std::uint32_t>(hash);
  const std::size_t bytes = wire::local_address_bytes(value.size());
  wire::put_local_address(entry.encoded.resize(bytes), value);
  entry.value_at = static_cast<std::uint8_t>(bytes - value.size());
  insert_slot(entry.home, static_cast<std::uint32_t>(hash >> 32), entry.index);
  return &entry;
}

void AddressTable::insert_slot(std::uint32_t home, std::uint32_t tag, std::uint32_t index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = home & mask;
  while (slots_[i].index != 0) i = (i + 1) & mask;
  slots_[i] = {tag, index + 1};
}

void AddressTable::grow_slots() {
  CHECK(slots_.size() <= 0x7fffffff);  // `home` is 32 bits
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.index != 0) insert_slot(entries_.at(slot.index - 1).home, slot.tag, slot.index - 1);
  }
}

void AddressTable::remove(Entry& entry) {
  while (entry.grants != 0) revoke(entry.grants);
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = entry.home & mask;
  while (slots_[i].index != entry.index + 1) i = (i + 1) & mask;
  // Backward shift keeps every probe run unbroken, so there are no tombstones.
  for (std::size_t j = (i + 1) & mask; slots_[j].index != 0; j = (j + 1) & mask) {
    const std::size_t home = entries_.at(slots_[j].index - 1).home & mask;
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

std::uint32_t AddressTable::find_grant(FlowId flow, const Entry& entry) {
  // Either list may be long, but hardly ever both.
  const auto first = by_flow_.find(flow);
  std::uint32_t of_entry = entry.grants;
  std::uint32_t of_flow = first == by_flow_.end() ? 0 : first->second;
  while (of_entry != 0 && of_flow != 0) {
    if (grant(of_entry).flow == flow) return of_entry;
    if (grant(of_flow).entry == entry.index) return of_flow;
    of_entry = grant(of_entry).next_of_entry;
    of_flow = grant(of_flow).next_of_flow;
  }
  return 0;
}

std::uint32_t AddressTable::new_grant() {
  if (free_grant_ == 0) {
    const auto base = static_cast<std::uint32_t>(grants_.size()) * kGrantChunk;
    grants_.push_back(std::make_unique<Grant[]>(kGrantChunk));
    for (std::uint32_t i = kGrantChunk; i > 0; --i) {
      grant(base + i).next_of_entry = free_grant_;
      free_grant_ = base + i;
    }
  }
  const std::uint32_t number = free_grant_;
  free_grant_ = grant(number).next_of_entry;
  return number;
}

void AddressTable::allow(FlowId flow, Entry& entry) {
  if (flow == kNoFlow || allowed(flow, entry)) return;
  const std::uint32_t number = new_grant();
  std::uint32_t& of_flow = by_flow_.try_emplace(flow, 0).first->second;
  grant(number) = {flow, entry.index, entry.grants, 0, of_flow, 0};
  if (entry.grants != 0) grant(entry.grants).previous_of_entry = number;
  if (of_flow != 0) grant(of_flow).previous_of_flow = number;
  entry.grants = number;
  of_flow = number;
  if (entry.flow_count != kManyFlows) ++entry.flow_count;
  gate_insert((std::uint64_t{flow} << 32 | entry.index) + 1);
}

void AddressTable::deny(FlowId flow, Entry& entry) {
  if (!allowed(flow, entry)) return;
  revoke(find_grant(flow, entry));
}

void AddressTable::revoke(std::uint32_t number) {
  const Grant old = grant(number);
  gate_erase((std::uint64_t{old.flow} << 32 | old.entry) + 1);
  Entry& entry = entries_.at(old.entry);
  if (entry.flow_count != kManyFlows) --entry.flow_count;
  if (old.next_of_entry != 0) grant(old.next_of_entry).previous_of_entry = old.previous_of_entry;
  if (old.previous_of_entry != 0) {
    grant(old.previous_of_entry).next_of_entry = old.next_of_entry;
  } else {
    entry.grants = old.next_of_entry;
  }
  if (old.next_of_flow != 0) grant(old.next_of_flow).previous_of_flow = old.previous_of_flow;
  if (old.previous_of_flow != 0) {
    grant(old.previous_of_flow).next_of_flow = old.next_of_flow;
  } else if (old.next_of_flow != 0) {
    by_flow_[old.flow] = old.next_of_flow;
  } else {
    by_flow_.erase(old.flow);
  }
  grant(number) = {kNoFlow, 0, free_grant_, 0, 0, 0};
  free_grant_ = number;
}

void AddressTable::forget_flow(FlowId flow) {
  for (auto at = by_flow_.find(flow); at != by_flow_.end(); at = by_flow_.find(flow)) {
    revoke(at->second);
  }
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
