// For tests: the production path takes the widest instructions only, every narrower one must be
// right too.
#pragma once

#include <memory>
#include <vector>

#include "crypto/aead.h"

namespace weir::internal {

// One engine per instruction set that this CPU has; empty where ipsec-mb is absent.
std::vector<std::unique_ptr<Aead>> create_ipsec_mb_every_arch();

}  // namespace weir::internal
