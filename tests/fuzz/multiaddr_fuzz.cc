// MultiAddr, host and port, address and route texts: any text and any bytes; the canonical forms
// read back.
#include "base/check.h"
#include "dataplane/wire/hostname_port.h"
#include "dataplane/wire/multiaddr.h"

using namespace weir;
using namespace weir::wire;

namespace {

void check_multiaddr(const MultiAddr& address) {
  const auto from_bytes = MultiAddr::from_bytes(address.bytes());
  CHECK(from_bytes && *from_bytes == address);
  if (const auto route = address.to_local_route()) {
    const auto back = MultiAddr::from_route(route->view());
    CHECK(back && back->size() == address.size());
  }
  const auto with_udp = address.to_transport_route();
  const auto tcp_only = address.to_transport_route(false);
  CHECK(!tcp_only || *tcp_only == *with_udp);
  for (std::size_t i = 0; i <= address.size(); ++i) (void)address.transport_at(i);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  const std::string_view text = as_text(input);
  if (const auto address = MultiAddr::from_bytes(input)) check_multiaddr(*address);
  if (valid_utf8(input)) {
    if (const auto address = MultiAddr::parse(text)) {
      check_multiaddr(*address);
      const auto again = MultiAddr::parse(address->text());
      CHECK(again && *again == *address);
    }
  }
  if (const auto host_port = HostnamePort::parse(text)) {
    const auto again = HostnamePort::parse(host_port->text());
    CHECK(again && *again == *host_port);
  }
  if (const auto host_port = SchemeHostnamePort::parse(text)) {
    const auto again = SchemeHostnamePort::parse(host_port->text());
    CHECK(again && *again == *host_port);
  }
  if (const auto socket = SocketAddress::parse(text)) {
    const auto again = SocketAddress::parse(socket->text());
    CHECK(again && again->text() == socket->text());
  }
  if (const auto address = Address::parse(text)) {
    AddressView view;
    const Bytes encoded = address->encode();
    CHECK(view_canonical_address(encoded, view) && Address(view) == *address);
  }
  if (const auto route = Route::parse(text)) CHECK(Route(route->addresses()) == *route);
  return 0;
}
