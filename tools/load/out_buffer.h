// Bytes on their way out: appended at the end, taken from the front. Unlike a vector it does not
// fill what it reserves, and it gives its memory back.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include "base/bytes.h"

namespace weir::load {

class OutBuffer {
 public:
  // Room for `size` bytes behind what is there; valid until the next reserve. Its content is
  // whatever was sent earlier from there.
  std::uint8_t* reserve(std::size_t size) {
    if (capacity_ - end_ < size) grow(size);
    return data_.get() + end_;
  }
  void commit(std::size_t size) { end_ += size; }
  void append(ByteSpan bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Empties it and gives its memory back.
  void release() {
    data_.reset();
    capacity_ = begin_ = end_ = 0;
  }

  ByteSpan pending() const { return {data_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

 private:
  void grow(std::size_t size) {
    const std::size_t used = end_ - begin_;
    std::size_t wanted = capacity_ < 2048 ? 2048 : capacity_;
    // Moves in place when at least half is free, so that the copying stays amortised.
    while (wanted < 2 * used || wanted < used + size) wanted *= 2;
    if (wanted == capacity_) {
      std::memmove(data_.get(), data_.get() + begin_, used);
    } else {
      auto larger = std::make_unique<std::uint8_t[]>(wanted);
      if (used != 0) std::memcpy(larger.get(), data_.get() + begin_, used);
      data_ = std::move(larger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace weir::load
