// A hash table in one block, for the tables of which a node has hundreds of thousands of entries: a
// node-based map costs an allocation and 30 bytes more for each. Linear probing, removal by
// shifting back, between half and four fifths full. References are good until the next insertion or
// removal.
//
// `Hash` must spread over all 64 bits (mix() does).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace weir::control {

inline std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
  return x ^ (x >> 32);
}

struct MixHash {
  std::uint64_t operator()(std::uint64_t key) const { return mix(key); }
};

template <typename Key, typename Value, typename Hash = MixHash>
class FlatMap {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool contains(const Key& key) const { return locate(key) != nullptr; }
  Value* find(const Key& key) {
    Slot* slot = locate(key);
    return slot == nullptr ? nullptr : &slot->value;
  }
  const Value* find(const Key& key) const {
    const Slot* slot = locate(key);
    return slot == nullptr ? nullptr : &slot->value;
  }
  // The entry of `key`, made if there is none.
  Value& operator[](const Key& key) {
    if (Slot* slot = locate(key)) return slot->value;
    if ((size_ + 1) * 5 > capacity_ * 4) grow();
    ++size_;
    std::size_t at = home(key);
    while (slots_[at].used) at = next(at);
    slots_[at].used = true;
    slots_[at].key = key;
    return slots_[at].value;
  }
  bool erase(const Key& key) {
    Slot* found = locate(key);
    if (found == nullptr) return false;
    auto hole = static_cast<std::size_t>(found - slots_.get());
    for (std::size_t at = next(hole); slots_[at].used; at = next(at)) {
      // Moves back what is not in front of its home then.
      const std::size_t from_home = distance(home(slots_[at].key), at);
      if (from_home < distance(hole, at)) continue;
      slots_[hole] = std::move(slots_[at]);
      hole = at;
    }
    slots_[hole] = Slot{};
    --size_;
    return true;
  }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  std::size_t home(const Key& key) const {
    __extension__ using Uint128 = unsigned __int128;
    return static_cast<std::size_t>(static_cast<Uint128>(Hash{}(key)) * capacity_ >> 64);
  }
  std::size_t next(std::size_t at) const { return at + 1 == capacity_ ? 0 : at + 1; }
  std::size_t distance(std::size_t from, std::size_t to) const {
    return to >= from ? to - from : to + capacity_ - from;
  }
  Slot* locate(const Key& key) const {
    if (size_ == 0) return nullptr;
    for (std::size_t at = home(key); slots_[at].used; at = next(at)) {
      if (slots_[at].key == key) return &slots_[at];
    }
    return nullptr;
  }
  void grow() {
    const std::size_t old_capacity = capacity_;
    std::unique_ptr<Slot[]> old = std::move(slots_);
    capacity_ = old_capacity < 8 ? 8 : old_capacity + old_capacity / 2;
    slots_ = std::make_unique<Slot[]>(capacity_);
    for (std::size_t i = 0; i < old_capacity; ++i) {
      if (!old[i].used) continue;
      std::size_t at = home(old[i].key);
      while (slots_[at].used) at = next(at);
      slots_[at] = std::move(old[i]);
    }
  }

  std::unique_ptr<Slot[]> slots_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weir::control
