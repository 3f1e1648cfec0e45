// Flow ids of one shard's connections: 24 bits under the shard's byte, handed out in a circle. An
// id that is still in use is passed over, however many connections came since. One bit each,
// touched only as far as the circle has come.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "dataplane/contract.h"

namespace weir {

class FlowIds {
 public:
  static constexpr std::uint32_t kBits = 24;
  static constexpr std::uint32_t kCount = 1u << kBits;

  explicit FlowIds(ShardId shard) : shard_(shard) {
    // tidy: allow heap: made once, when the shard starts; untouched pages cost nothing
    used_.reset(static_cast<std::uint64_t*>(std::calloc(kCount / 64, 8)));
    CHECK(used_ != nullptr);
  }
  // Fewer than kCount - 1 may be in use (links_max sees to that).
  FlowId take() {
    do {
      last_ = (last_ + 1) % kCount;
    } while (last_ == 0 || (word(last_) & bit(last_)) != 0);
    word(last_) |= bit(last_);
    return FlowId{shard_} << kBits | last_;
  }
  // Ids of others are none of its business.
  void give_back(FlowId flow) {
    const std::uint32_t number = flow % kCount;
    if (flow >> kBits == shard_) word(number) &= ~bit(number);
  }

 private:
  struct Free {
    void operator()(std::uint64_t* words) const { std::free(words); }
  };
  std::uint64_t& word(std::uint32_t number) { return used_.get()[number / 64]; }
  static std::uint64_t bit(std::uint32_t number) { return std::uint64_t{1} << number % 64; }

  ShardId shard_;
  std::uint32_t last_ = 0;
  std::unique_ptr<std::uint64_t, Free> used_;
};

}  // namespace weir
