// Between the contract's routes (canonical CBOR, no head) and wire::Route.
#pragma once

#include <optional>
#include <string>

#include "dataplane/contract.h"
#include "dataplane/wire/route.h"

namespace weir::control {

inline EncodedRoute to_encoded(const wire::Route& route) {
  return {to_bytes(route.view().items), route.size()};
}
inline wire::Route to_route(const EncodedRoute& route) {
  return wire::Route(wire::RouteView{route.items, route.count});
}
inline EncodedRoute encoded_local(const WorkerAddress& address) {
  return to_encoded(wire::Route{wire::Address::local(address)});
}
// The worker that a route names first; nullopt when it is empty or not of type 0.
std::optional<WorkerAddress> first_local(const EncodedRoute& route);
// Without the last address; `last` receives it. Empty routes stay empty.
wire::Route without_last(const wire::Route& route, wire::Address* last = nullptr);
wire::Route joined(const wire::Route& head, const std::string& local_tail);

}  // namespace weir::control
