// How large messages are: "64", "48KiB", or a distribution "64:90%,1400:10%".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/rng.h"

namespace weir::load {

// A number with an optional unit: B, k, KiB, M, MiB (k = 1000, M = 1000000). At least 1.
Result<std::size_t> parse_bytes(std::string_view text);

class SizeMix {
 public:
  // Shares are in percent and add up to 100; with one size the share may be left out. kInvalid with
  // the part that is wrong.
  static Result<SizeMix> parse(std::string_view text);

  std::size_t draw(SeededRng& rng) const;
  std::size_t min_bytes() const;
  std::size_t max_bytes() const;
  double mean_bytes() const;

 private:
  struct Part {
    std::size_t bytes = 0;
    double until = 0;  // cumulative share, the last is 1
  };
  std::vector<Part> parts_;
};

}  // namespace weir::load
