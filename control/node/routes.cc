#include "control/node/internal/routes.h"

namespace weir::control {

std::optional<WorkerAddress> first_local(const EncodedRoute& route) {
  if (route.count == 0) return std::nullopt;
  const wire::AddressView first = wire::RouteView{route.items, route.count}.front();
  if (first.type != wire::kTypeLocal) return std::nullopt;
  return WorkerAddress(as_text(first.value));
}

wire::Route without_last(const wire::Route& route, wire::Address* last) {
  auto addresses = route.addresses();
  if (addresses.empty()) return {};
  if (last != nullptr) *last = addresses.back();
  addresses.pop_back();
  return wire::Route(addresses);
}

wire::Route joined(const wire::Route& head, const std::string& local_tail) {
  wire::Route route = head;
  route.push_back(wire::Address::local(local_tail));
  return route;
}

}  // namespace weir::control
