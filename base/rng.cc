#include "base/rng.h"

#include <sys/random.h>

#include <bit>

#include "base/check.h"

namespace weir {

void SystemRng::fill(MutableByteSpan out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
    CHECK(n > 0);
    done += static_cast<std::size_t>(n);
  }
}

SeededRng::SeededRng(std::uint64_t seed) {
  for (auto& word : state_) {  // splitmix64 spreads the seed
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRng::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRng::fill(MutableByteSpan out) {
  for (std::size_t i = 0; i < out.size(); i += 8) {
    std::uint8_t word[8];
    store_be64(word, next());
    for (std::size_t j = 0; j < 8 && i + j < out.size(); ++j) out[i + j] = word[j];
  }
}

}  // namespace weir
