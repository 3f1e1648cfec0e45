// Base64 with padding (RFC 4648 section 4), by OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir {

std::string base64_encode(ByteSpan bytes);
// nullopt: not base64, or longer than 1 GiB.
std::optional<Bytes> base64_decode(std::string_view text);

}  // namespace weir
