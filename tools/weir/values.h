// Value formats of the command line (spec/07 1.3). Each check_ function answers why a text is no
// such value, in Ockam's words where it has some; empty when it is one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/identity/identifier.h"
#include "dataplane/wire/hostname_port.h"
#include "dataplane/wire/multiaddr.h"

namespace weir::cli {

// "10", "10s", "500ms", "2m", "1h", "1d", in ms. Matched at the end of the text only, as Ockam does
// it: "1h30m" is 30 minutes (`leftover` then holds "1h").
struct Duration {
  std::uint64_t ms = 0;
  std::string leftover;
};
Result<Duration> parse_duration(std::string_view text);
std::string check_duration(std::string_view text);

std::string check_route(std::string_view text);           // a MultiAddr
std::string check_identifier(std::string_view text);      // I + 64 hex digits
std::string check_host_port(std::string_view text);       // [tcp://](host:port|:port|port)
std::string check_socket_address(std::string_view text);  // host:port
std::string check_hex(std::string_view text);
std::string check_alias(std::string_view text);    // anything without ':'
std::string check_cores(std::string_view text);    // "0-3", "1", "0,2-3"
std::string check_percent(std::string_view text);  // 1 to 100
std::string check_spin_us(std::string_view text);  // 0 to 1000000

// The values; CHECKed: the parser has seen them.
std::uint32_t percent_of(std::string_view text);
wire::MultiAddr route_of(std::string_view text);
Identifier identifier_of(std::string_view text);
std::vector<Identifier> identifiers_of(const std::vector<std::string>& texts);

// "n1" of `n1`, `/node/n1`, `/service/n1/..`, `/project/n1`. Gives up on anything else.
std::string node_name_of(std::string_view text);
// "outlet" of `outlet` and `/service/outlet`.
std::string service_name_of(std::string_view text);

// 1, true, yes / 0, false, no and empty, in any case.
std::optional<bool> parse_bool(std::string_view text);

}  // namespace weir::cli
