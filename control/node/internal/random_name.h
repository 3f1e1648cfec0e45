// Addresses that weir invents, as their 16 bytes: a fifth of what the text of 32 digits costs as a
// std::string. Most addresses of a busy node are such.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/hex.h"
#include "control/node/internal/flat_map.h"
#include "dataplane/contract.h"

namespace weir::control {

struct RandomName {
  std::array<std::uint8_t, 16> raw{};

  // nullopt for anything but 32 lower-case hex digits.
  static std::optional<RandomName> of(std::string_view address);
  WorkerAddress text() const { return to_hex(raw); }
  friend bool operator==(const RandomName&, const RandomName&) = default;
};

struct RandomNameHash {
  std::uint64_t operator()(const RandomName& name) const {
    std::uint64_t half = 0;
    std::memcpy(&half, name.raw.data() + 8, 8);
    return mix(half);
  }
};

}  // namespace weir::control
