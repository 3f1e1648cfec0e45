// Numbers for people.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>

namespace weir::latency {

inline std::string time_text(double ns) {
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.{}f} us", ns / 1e3, ns < 1e5 ? 1 : 0);
  if (ns < 1e9) return fmt::format("{:.{}f} ms", ns / 1e6, ns < 1e8 ? 1 : 0);
  return fmt::format("{:.1f} s", ns / 1e9);
}
inline std::string time_text(std::uint64_t ns) { return time_text(static_cast<double>(ns)); }

// 1234567 -> "1,234,567"
inline std::string count_text(std::uint64_t count) {
  std::string out = std::to_string(count);
  for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
  return out;
}
inline std::string rate_text(double per_s) {
  return per_s < 100 ? fmt::format("{:.1f}", per_s)
                     : count_text(static_cast<std::uint64_t>(per_s + 0.5));
}

}  // namespace weir::latency
