// Randomness comes from outside: production uses the operating system's, the simulator a seed.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(MutableByteSpan out) = 0;

  std::uint64_t next_u64() {
    std::uint8_t raw[8];
    fill(raw);
    return load_be64(raw);
  }
};

// getrandom(2); safe for keys.
class SystemRng final : public Rng {
 public:
  void fill(MutableByteSpan out) override;
};

// xoshiro256**, for the simulator and tests only: the same seed gives the same bytes.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  void fill(MutableByteSpan out) override;
  std::uint64_t next();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(std::uint32_t per_mille) { return below(1000) < per_mille; }

 private:
  std::uint64_t state_[4];
};

}  // namespace weir
