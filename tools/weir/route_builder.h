// From what the user wrote to a route that a node can follow: /node/NAME becomes that node's
// listener, and several transport hops become forwarders (spec/07 section 3, spec/09 section 2).
#pragma once

#include <optional>
#include <string>

#include "dataplane/wire/multiaddr.h"
#include "tools/weir/context.h"

namespace weir::cli {

// `sender`: the node that will follow the route; unset: a temporary node of the command.
// `argument`: "--to", for texts. Gives up with "Argument '--to' is invalid" on an unknown node, and
// on projects and spaces, which are not built.
//
//   /node/n1/node/n2/node/n3/service/api, sent by n1
//     -> /ip4/A2/tcp/P2/service/<forwarder at n2 to n3>/service/api
wire::MultiAddr buildable_route(Context& context, const wire::MultiAddr& route,
                                const std::optional<std::string>& sender, const char* argument);

// /ip4/A/tcp/P, /ip6/.. or /dnsaddr/.. of "A:P"; an unspecified address becomes loopback.
wire::MultiAddr transport_of(const std::string& host_port);

}  // namespace weir::cli
