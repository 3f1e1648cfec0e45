// A table of objects with stable addresses and generations: Handle-like (index, generation) pairs
// never reach a newer object in the same place. Grows by chunks (not in the steady state), never
// shrinks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"

namespace weir {

// T must have `std::uint32_t index` and `std::uint32_t generation` (0 = free slot) and a default
// constructor.
template <typename T>
class Slab {
 public:
  T& make() {
    if (free_.empty()) grow();
    const std::uint32_t index = free_.back();
    free_.pop_back();
    T& object = chunks_[index / kChunk][index % kChunk];
    object = T{};
    object.index = index;
    object.generation = next_generation_;
    next_generation_ =
        next_generation_ == 0x1fffffff ? 1 : next_generation_ + 1;  // fits socket_user
    ++size_;
    return object;
  }
  void free(T& object) {
    DCHECK(object.generation != 0);
    const std::uint32_t index = object.index;
    object = T{};
    object.index = index;
    free_.push_back(index);
    --size_;
  }
  // nullptr if the object is gone.
  T* find(std::uint32_t index, std::uint32_t generation) {
    if (index / kChunk >= chunks_.size() || generation == 0) return nullptr;
    T& object = chunks_[index / kChunk][index % kChunk];
    return object.generation == generation ? &object : nullptr;
  }
  T& at(std::uint32_t index) {
    T& object = chunks_[index / kChunk][index % kChunk];
    DCHECK(object.generation != 0);
    return object;
  }
  std::uint32_t size() const { return size_; }
  template <typename F>
  void for_each(F&& visit) {
    for (auto& chunk : chunks_) {
      for (std::uint32_t i = 0; i < kChunk; ++i) {
        if (chunk[i].generation != 0) visit(chunk[i]);
      }
    }
  }

 private:
  static constexpr std::uint32_t kChunk = 64;
  void grow() {
    const auto base = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<T[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) free_.push_back(base + i);
  }

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_generation_ = 1;
  std::uint32_t size_ = 0;
};

}  // namespace weir
