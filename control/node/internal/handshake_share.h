// How much CPU time of the control thread handshakes of others may take: a token bucket of
// nanoseconds, filled by `percent` of the time that passes. Work is done when there is anything in
// the bucket and charged afterwards with what it took, so one step may overdraw it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::control {

class HandshakeShare {
 public:
  // What may be done at once after a quiet time: about twenty handshakes of strangers at 50 %.
  static constexpr std::uint64_t kBurstNs = 20'000'000;

  // 100 and more: no limit.
  explicit HandshakeShare(std::uint32_t percent) : percent_(percent) {
    left_ns_ = static_cast<std::int64_t>(full_ns());
  }

  bool limited() const { return percent_ < 100; }
  bool may_work(std::uint64_t now_ns) {
    if (!limited()) return true;
    refill(now_ns);
    return left_ns_ > 0;
  }
  void charge(std::uint64_t cpu_ns) {
    if (limited()) left_ns_ -= static_cast<std::int64_t>(cpu_ns);
  }
  // From now until `work_ns` of work may be done. A share of 0 never gets there.
  std::uint64_t wait_ns(std::uint64_t work_ns) const {
    const std::int64_t missing = static_cast<std::int64_t>(work_ns) - left_ns_;
    if (missing <= 0) return 0;
    if (percent_ == 0) return UINT64_MAX / 2;
    return static_cast<std::uint64_t>(missing) * 100 / percent_ + 1;
  }

 private:
  std::uint64_t full_ns() const { return kBurstNs * percent_ / 100; }
  void refill(std::uint64_t now_ns) {
    if (now_ns > last_ns_ && last_ns_ != 0) {
      // A long pause fills it anyway; cutting it short keeps the product in range.
      const std::uint64_t passed_ns = std::min<std::uint64_t>(now_ns - last_ns_, 50 * kBurstNs);
      left_ns_ = std::min(left_ns_ + static_cast<std::int64_t>(passed_ns * percent_ / 100),
                          static_cast<std::int64_t>(full_ns()));
    }
    last_ns_ = now_ns;
  }

  std::uint32_t percent_;
  std::int64_t left_ns_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace weir::control
