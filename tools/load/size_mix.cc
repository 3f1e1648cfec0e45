#include "tools/load/size_mix.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::load {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<double> parse_percent(std::string_view text) {
  if (text.empty() || text.back() != '%') {
    return fail(Errc::kInvalid, "a share ends in %", std::string(text));
  }
  text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value <= 100)) {
    return fail(Errc::kInvalid, "a share is a number above 0 and at most 100", std::string(text));
  }
  return value;
}

}  // namespace

Result<std::size_t> parse_bytes(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::size_t factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "k") factor = 1000;
  if (unit == "M") factor = 1'000'000;
  if (unit == "KiB") factor = 1024;
  if (unit == "MiB") factor = 1024 * 1024;
  if (error != std::errc{} || factor == 0 || value == 0 || value > (std::size_t{1} << 30)) {
    return fail(Errc::kInvalid, "a size is a number of bytes, B, k, KiB, M or MiB",
                std::string(text));
  }
  return value * factor;
}

Result<SizeMix> SizeMix::parse(std::string_view text) {
  SizeMix mix;
  double total = 0;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = trim(text.substr(0, comma));
    const std::size_t colon = part.find(':');
    Result<std::size_t> bytes = parse_bytes(trim(part.substr(0, colon)));
    if (!bytes) return pass(bytes);
    double share = 100;
    if (colon != std::string_view::npos) {
      Result<double> percent = parse_percent(trim(part.substr(colon + 1)));
      if (!percent) return pass(percent);
      share = *percent;
    } else if (comma != std::string_view::npos || !mix.parts_.empty()) {
      return fail(Errc::kInvalid, "each of several sizes needs its share, as in 64:90%",
                  std::string(part));
    }
    total += share;
    mix.parts_.push_back({*bytes, total / 100});
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (std::abs(total - 100) > 1e-6) return fail(Errc::kInvalid, "the shares do not add up to 100%");
  mix.parts_.back().until = 1;
  return mix;
}

std::size_t SizeMix::draw(SeededRng& rng) const {
  if (parts_.size() == 1) return parts_.front().bytes;
  const double at = static_cast<double>(rng.next() >> 11) * 0x1p-53;
  for (const Part& part : parts_) {
    if (at < part.until) return part.bytes;
  }
  return parts_.back().bytes;
}

std::size_t SizeMix::min_bytes() const {
  std::size_t smallest = parts_.front().bytes;
  for (const Part& part : parts_) smallest = std::min(smallest, part.bytes);
  return smallest;
}

std::size_t SizeMix::max_bytes() const {
  std::size_t largest = 0;
  for (const Part& part : parts_) largest = std::max(largest, part.bytes);
  return largest;
}

double SizeMix::mean_bytes() const {
  double mean = 0;
  double before = 0;
  for (const Part& part : parts_) {
    mean += static_cast<double>(part.bytes) * (part.until - before);
    before = part.until;
  }
  return mean;
}

}  // namespace weir::load
