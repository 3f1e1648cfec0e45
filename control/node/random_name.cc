#include "control/node/internal/random_name.h"

namespace weir::control {

std::optional<RandomName> RandomName::of(std::string_view address) {
  RandomName name;
  if (address.size() != 2 * name.raw.size()) return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < name.raw.size(); ++i) {
    const int high = digit(address[2 * i]);
    const int low = digit(address[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    name.raw[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return name;
}

}  // namespace weir::control
