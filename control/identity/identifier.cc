#include "control/identity/identifier.h"

#include <algorithm>
#include <optional>

#include "base/hex.h"

namespace weir {
namespace {

// Length of the UTF-8 encoded Unicode White_Space character at the front of `text`, 0 if none.
std::size_t leading_white_space_bytes(std::string_view text) {
  static constexpr std::string_view kSpaces[] = {" ",
                                                 "\t",
                                                 "\n",
                                                 "\v",
                                                 "\f",
                                                 "\r",
                                                 "\xc2\x85",
                                                 "\xc2\xa0",
                                                 "\xe1\x9a\x80",
                                                 "\xe2\x80\x80",
                                                 "\xe2\x80\x81",
                                                 "\xe2\x80\x82",
                                                 "\xe2\x80\x83",
                                                 "\xe2\x80\x84",
                                                 "\xe2\x80\x85",
                                                 "\xe2\x80\x86",
                                                 "\xe2\x80\x87",
                                                 "\xe2\x80\x88",
                                                 "\xe2\x80\x89",
                                                 "\xe2\x80\x8a",
                                                 "\xe2\x80\xa8",
                                                 "\xe2\x80\xa9",
                                                 "\xe2\x80\xaf",
                                                 "\xe2\x81\x9f",
                                                 "\xe3\x80\x80"};
  for (std::string_view space : kSpaces) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

// The rest after an identifier's digits may only be white space, so trimming the end is "skip it
// forward until nothing is left".
bool is_white_space(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = leading_white_space_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace

std::string ChangeHash::text() const { return to_hex(bytes); }

Result<Identifier> Identifier::parse(std::string_view text) {
  while (const std::size_t bytes = leading_white_space_bytes(text)) text.remove_prefix(bytes);
  constexpr std::size_t kTextBytes = 1 + 2 * kIdentifierBytes;
  if (text.size() < kTextBytes || text[0] != 'I' || !is_white_space(text.substr(kTextBytes))) {
    return fail(Errc::kInvalid, "not an identifier ('I' and 64 hex digits)");
  }
  const std::optional<Bytes> raw = from_hex(text.substr(1, 2 * kIdentifierBytes));
  if (!raw) return fail(Errc::kInvalid, "not an identifier ('I' and 64 hex digits)");
  return from_bytes(*raw);
}

Result<Identifier> Identifier::from_bytes(ByteSpan raw) {
  if (raw.size() != kIdentifierBytes) return fail(Errc::kInvalid, "an identifier has 32 bytes");
  Identifier id;
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}

std::string Identifier::text() const { return "I" + to_hex(bytes); }

}  // namespace weir
