#include "dataplane/route/address_space.h"

namespace weir {
namespace {
int digit(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}
}  // namespace

std::optional<ShardId> shard_of(ByteSpan address) {
  if (address.size() != kRandomAddressBytes) return std::nullopt;
  const int high = digit(address[0]);
  const int low = digit(address[1]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<ShardId>(high << 4 | low);
}

}  // namespace weir
