#include "tools/weir/route_builder.h"

#include <fmt/core.h>

#include <vector>

#include "control/node/api/models_extension.h"
#include "dataplane/wire/hostname_port.h"
#include "tools/weir/failure.h"
#include "tools/weir/nodes.h"

namespace weir::cli {
namespace {

// A place in the route where a transport connection is made.
struct Hop {
  std::size_t index = 0;  // of its first part
  std::size_t parts = 0;
  std::optional<NodeRecord> node;  // when it was named by /node/
  wire::MultiAddr transport;
};

[[noreturn]] void give_up_invalid(const char* argument, std::string cause, std::string help = {}) {
  give_up(Failure{fmt::format("Argument '{}' is invalid", argument),
                  {std::move(cause)},
                  std::move(help),
                  {},
                  kExitFailed});
}

NodeRecord node_of_route(Context& context, const std::string& name, const char* argument) {
  auto node = context.state().nodes().get(name);
  if (!node) give_up_invalid(argument, fmt::format("There is no node with name {}", name));
  if (node->tcp_listener_address.empty()) {
    give_up_invalid(argument, fmt::format("Node {} has no TCP listener", name));
  }
  return std::move(*node);
}

void refuse_unbuilt_parts(const wire::MultiAddr& route, const char* argument) {
  for (const wire::MultiAddrPart& part : route.parts()) {
    if (part.proto == wire::Proto::kSpace) {
      give_up_invalid(argument, "a route cannot go through a space");
    }
    if (part.proto == wire::Proto::kUdp) {
      refuse_usage(
          fmt::format("UDP is not built yet in weir: '{}' names {}", argument, route.text()));
    }
  }
}

std::vector<Hop> hops_of(Context& context, const wire::MultiAddr& route, const char* argument) {
  std::vector<Hop> hops;
  for (std::size_t i = 0; i < route.size(); ++i) {
    const wire::MultiAddrPart& part = route.parts()[i];
    Hop hop;
    hop.index = i;
    if (part.proto == wire::Proto::kNode) {
      hop.node = node_of_route(context, part.value(), argument);
      hop.parts = 1;
      hop.transport = transport_of(hop.node->tcp_listener_address);
    } else if (route.transport_at(i)) {
      hop.parts = 2;
      hop.transport = route.slice(i, 2);
      ++i;
    } else {
      continue;
    }
    hops.push_back(std::move(hop));
  }
  return hops;
}

// The worker at `at` that passes messages on to `next`.
wire::MultiAddr forwarder(Context& context, const NodeRecord& at, const Hop& next,
                          const char* argument) {
  const auto transport = next.transport.transport_at(0);
  if (!transport) give_up_invalid(argument, "a hop is no transport address");
  const NodeApi api = api_of(context, at);
  const auto answer = api.try_call(wire::Method::kPost, "/node/forwarder",
                                   api::CreateForwarder{.target = transport->host_port()}.encode());
  if (!answer) {
    give_up(Failure{fmt::format("Node {} cannot forward to {}", at.name, transport->host_port()),
                    {answer.error().text()},
                    "every node but the last of a path must be a running weir node",
                    {},
                    kExitFailed});
  }
  const auto made = must(api::ForwarderStatus::decode(*answer));
  wire::MultiAddr service;
  service.push_back(wire::Proto::kService, made.address);
  return service;
}

}  // namespace

wire::MultiAddr transport_of(const std::string& host_port) {
  wire::HostnamePort address = must(wire::HostnamePort::parse(host_port));
  if (address.hostname == "0.0.0.0") address.hostname = "127.0.0.1";
  if (address.hostname == "[::]") address.hostname = "[::1]";
  const bool is_ip6 = address.hostname.starts_with('[');
  const std::string host =
      is_ip6 ? address.hostname.substr(1, address.hostname.size() - 2) : address.hostname;
  const char* protocol = is_ip6 ? "ip6" : address.is_numeric() ? "ip4" : "dnsaddr";
  return must(wire::MultiAddr::parse(fmt::format("/{}/{}/tcp/{}", protocol, host, address.port)));
}

wire::MultiAddr buildable_route(Context& context, const wire::MultiAddr& given,
                                const std::optional<std::string>& sender, const char* argument) {
  refuse_unbuilt_parts(given, argument);
  wire::MultiAddr route = given;
  std::vector<Hop> hops = hops_of(context, route, argument);
  // The sender itself is no hop. Alone it stays: the way to oneself over one's own listener.
  if (hops.size() > 1 && sender && hops[0].index == 0 && hops[0].node &&
      hops[0].node->name == *sender) {
    route = route.slice(1);
    hops = hops_of(context, route, argument);
  }
  wire::MultiAddr built;
  std::size_t next = 0;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    const Hop& hop = hops[i];
    built.append(route.slice(next, hop.index - next));
    next = hop.index + hop.parts;
    if (i == 0) {
      built.append(hop.transport);
      continue;
    }
    const Hop& before = hops[i - 1];
    if (!before.node) {
      give_up_invalid(argument,
                      fmt::format("{} is followed by another transport hop, but only a local node "
                                  "can be asked to forward",
                                  before.transport.text()),
                      "name the hops in between as /node/NAME");
    }
    built.append(forwarder(context, *before.node, hop, argument));
  }
  built.append(route.slice(next));
  return built;
}

}  // namespace weir::cli
