// What the load goes to, as a user writes it: HOST:PORT, or a MultiAddr whose parts say how.
//
//   /ip4/10.0.0.1/tcp/4000/service/echo                             a message over plain TCP
//   /ip4/10.0.0.1/tcp/4000/secure/api/service/echo                  through a secure channel
//   /ip4/10.0.0.1/tcp/4000/service/forward_to_db/service/echo       through a relay
//   ../secure/api/service/forward_to_db/secure/api/service/echo     a channel through a relay that
//                                                                   is reached by a channel
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/wire/route.h"
#include "tools/load/connection.h"

namespace weir::load {

// More would not tell anything new about a node.
inline constexpr std::size_t kChannelsInsideEachOtherMax = 4;

struct Target {
  std::string text;  // as given
  std::string host;
  std::uint16_t port = 0;
  Endpoint endpoint;
  // For each secure channel, outermost first: the route to its listener, inside the one before.
  std::vector<wire::Route> listeners;
  // What follows the last channel; may be empty, the mode then has its own end.
  wire::Route onward;

  // Resolves the host name (blocking).
  static Result<Target> parse(std::string_view text);
  bool is_secure() const { return !listeners.empty(); }
  // One more channel with the node's listener `api` unless there is one already.
  void make_secure();
};

}  // namespace weir::load
