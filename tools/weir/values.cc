#include "tools/weir/values.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "base/hex.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Unit {
  std::string_view text;
  std::uint64_t ms;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

// Which text of an error says why: the detail where there is one, else what it is.
std::string reason(const Error& error) { return error.detail.empty() ? error.what : error.detail; }

template <typename T>
std::string check_result(const Result<T>& result) {
  return result ? std::string() : reason(result.error());
}

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && failed == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  std::uint64_t factor = 1000;
  std::string_view number = text;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.text)) continue;
    factor = unit.ms;
    number.remove_suffix(unit.text.size());
    break;
  }
  std::size_t first = number.size();
  while (first > 0 && is_digit(number[first - 1])) --first;
  std::uint64_t value = 0;
  if (!parse_number(number.substr(first), value)) return fail(Errc::kInvalid, "Invalid duration");
  if (value > std::numeric_limits<std::uint64_t>::max() / factor / 2) {
    return fail(Errc::kInvalid, "Invalid duration", "too long");
  }
  return Duration{value * factor, std::string(number.substr(0, first))};
}

std::string check_duration(std::string_view text) {
  if (parse_duration(text)) return {};
  return "Invalid duration: a number and d, h, m, s or ms, such as 10s";
}

std::string check_route(std::string_view text) {
  return check_result(wire::MultiAddr::parse(text));
}

std::string check_identifier(std::string_view text) {
  if (Identifier::parse(text)) return {};
  return "an identifier is I and 64 hex digits";
}

std::string check_host_port(std::string_view text) {
  return check_result(wire::SchemeHostnamePort::parse(text));
}

std::string check_socket_address(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return "an address is HOST:PORT";
  return check_result(wire::HostnamePort::parse(text));
}

std::string check_hex(std::string_view text) {
  if (!text.empty() && from_hex(text)) return {};
  return "not hexadecimal text";
}

std::string check_alias(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return "an alias must not contain ':'";
  return text.empty() ? "an alias must not be empty" : "";
}

std::string check_spin_us(std::string_view text) {
  std::uint64_t value = 0;
  return parse_number(text, value) && value <= 1'000'000 ? "" : "a number from 0 to 1000000";
}

std::string check_percent(std::string_view text) {
  std::uint64_t percent = 0;
  if (parse_number(text, percent) && percent >= 1 && percent <= 100) return {};
  return "a percentage is a number from 1 to 100";
}

std::uint32_t percent_of(std::string_view text) {
  std::uint64_t percent = 0;
  CHECK(parse_number(text, percent) && percent <= 100);
  return static_cast<std::uint32_t>(percent);
}

std::string check_cores(std::string_view text) {
  constexpr char kWrong[] = "a list of cores such as 0-3 or 0,2";
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!parse_number(part.substr(0, dash), first)) return kWrong;
    if (dash == std::string_view::npos) {
      last = first;
    } else if (!parse_number(part.substr(dash + 1), last)) {
      return kWrong;
    }
    if (first > last || last >= 256) return kWrong;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

wire::MultiAddr route_of(std::string_view text) {
  auto route = wire::MultiAddr::parse(text);
  CHECK(route);
  return std::move(*route);
}

Identifier identifier_of(std::string_view text) {
  auto identifier = Identifier::parse(text);
  CHECK(identifier);
  return *identifier;
}

std::vector<Identifier> identifiers_of(const std::vector<std::string>& texts) {
  std::vector<Identifier> out;
  for (const std::string& text : texts) out.push_back(identifier_of(text));
  return out;
}

std::string node_name_of(std::string_view text) {
  if (text.find('/') == std::string_view::npos) return std::string(text);
  const auto route = wire::MultiAddr::parse(text);
  if (route) {
    for (const wire::Proto proto :
         {wire::Proto::kNode, wire::Proto::kService, wire::Proto::kProject}) {
      if (const auto name = route->leading(proto)) return *name;
    }
  }
  give_up(fmt::format("'{}' names no node", text), "give a name, such as n1 or /node/n1");
}

std::string service_name_of(std::string_view text) {
  constexpr std::string_view kPrefix = "/service/";
  if (text.find('/') == std::string_view::npos) return std::string(text);
  const std::string_view name = text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : "";
  if (name.empty() || name.find('/') != std::string_view::npos) {
    give_up(fmt::format("'{}' names no service", text), "give NAME or /service/NAME");
  }
  return std::string(name);
}

std::optional<bool> parse_bool(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (const char* yes : {"true", "1", "yes", "on", "y", "t"}) {
    if (lower == yes) return true;
  }
  for (const char* no : {"", "false", "0", "no", "off", "n", "f"}) {
    if (lower == no) return false;
  }
  return std::nullopt;
}

}  // namespace weir::cli
