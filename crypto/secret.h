// Secret<N>: N bytes of key material that are wiped when they go out of scope or are moved from.
//
// A Secret is a plain value: it lives where its owner lives (stack, heap, a shard's table) and
// costs N bytes. It compares in constant time and cannot be printed. There is no implicit way out
// of it: span() is the only door.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iosfwd>

#include "base/bytes.h"
#include "base/check.h"
#include "base/rng.h"

namespace weir {

// Overwrites with zeros in a way that the compiler cannot leave out.
void wipe(MutableByteSpan bytes);

// Time depends on the sizes only. Different sizes are unequal.
bool equal_constant_time(ByteSpan a, ByteSpan b);

// Keeps the process's pages out of swap, where the system allows it without a limit (RLIMIT_MEMLOCK
// infinite: with a finite limit later allocations would fail). Call at start, before threads.
// False: not locked, go on without.
bool lock_memory_once();

template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSizeBytes = N;

  Secret() = default;  // all zeros
  ~Secret() { wipe(bytes_); }
  Secret(const Secret& other) = default;
  Secret& operator=(const Secret& other) = default;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }

  // `bytes` must be N bytes: a parser checks lengths before it makes a Secret. The source is not
  // wiped.
  static Secret from_span(ByteSpan bytes) {
    CHECK(bytes.size() == N);
    Secret secret;
    std::memcpy(secret.bytes_.data(), bytes.data(), N);
    return secret;
  }
  static Secret random(Rng& rng) {
    Secret secret;
    rng.fill(secret.bytes_);
    return secret;
  }

  // Valid while this object lives and is not moved.
  MutableByteSpan span() { return bytes_; }
  ByteSpan span() const { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return equal_constant_time(a.bytes_, b.bytes_);
  }
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace weir
