// Lower-case hexadecimal text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir {

std::string to_hex(ByteSpan bytes);
// Either case; nothing but pairs of digits (no blanks). nullopt otherwise.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace weir
