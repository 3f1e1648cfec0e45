#include "dataplane/io/sim_peer.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace weir {

SimPeer::~SimPeer() {
  for (const SimEnd end : open_) network_.close(end, false);
}

SimEnd SimPeer::keep(SimEnd end) {
  network_.own(end, this, 0);
  open_.push_back(end);
  return end;
}

SimEnd SimPeer::listen(SocketAddress& bound, const SocketAddress& address) {
  const SimEnd end = network_.listen(address, bound);
  CHECK(end >= 0);
  return keep(end);
}

SimEnd SimPeer::accept(SimEnd listener) {
  SocketAddress peer;
  const SimEnd end = network_.accept(listener, peer);
  return end >= 0 ? keep(end) : -1;
}

SimEnd SimPeer::connect(const SocketAddress& address) { return keep(network_.connect(address)); }

std::int32_t SimPeer::send(SimEnd end, ByteSpan bytes) {
  if (network_.connect_outcome(end) != 0) return -EAGAIN;
  const iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};  // only read from
  return network_.send(end, {&vector, 1}, 0);
}

Bytes SimPeer::receive(SimEnd end, std::size_t limit_bytes, std::int32_t* result) {
  Bytes all;
  std::int32_t n = 1;
  while (n > 0 && all.size() < limit_bytes) {
    std::uint8_t piece[16384];
    const std::size_t room = std::min(sizeof piece, limit_bytes - all.size());
    n = network_.receive(end, {piece, room});
    if (n > 0) all.insert(all.end(), piece, piece + n);
  }
  if (result != nullptr) *result = n;
  return all;
}

void SimPeer::close(SimEnd end, bool reset) {
  network_.close(end, reset);
  std::erase(open_, end);
}

}  // namespace weir
