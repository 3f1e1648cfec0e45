#include "dataplane/io/sim_io.h"

#include <cerrno>

namespace weir::io_internal {

Result<int> SimNet::listen(const SocketAddress& address, SocketAddress& bound) {
  const SimEnd end = network_.listen(address, bound);
  if (end < 0) return fail(Errc::kAlreadyExists, "address in use", address.text());
  return end;
}

Result<int> SimNet::connect(const SocketAddress& address, const SocketOptions&,
                            std::int32_t& progress) {
  progress = -EINPROGRESS;
  return network_.connect(address);
}

bool SimNet::watch(int end, SocketId id, bool) {
  network_.own(end, this, id);
  return true;
}

}  // namespace weir::io_internal
