// What providers send and get: JSON objects of bounded size, and forms. Total: any bytes, no
// exception.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::oidc {

inline constexpr std::size_t kDocumentBytesMax = 256 << 10;

// kInvalid with `what` as its text: too long, no JSON, or no object.
Result<nlohmann::json> parse_object(std::string_view text, const char* what);
// The member if it is a text of at most `bytes_max`.
std::optional<std::string> text_member(const nlohmann::json& object, const char* key,
                                       std::size_t bytes_max = 4096);
// The same, moved out of the object, so that no copy of a secret stays behind.
std::optional<std::string> take_text_member(nlohmann::json& object, const char* key,
                                            std::size_t bytes_max);
// A whole number that is not negative (some providers write 300.0 or "300"); nullopt otherwise.
std::optional<std::uint64_t> number_member(const nlohmann::json& object, const char* key);

// application/x-www-form-urlencoded.
using Form = std::vector<std::pair<std::string_view, std::string_view>>;
std::string form_encoded(const Form& fields);

// RFC 4648 section 5, without padding.
std::string base64url_encode(ByteSpan bytes);
std::optional<Bytes> base64url_decode(std::string_view text);

// What may go to a terminal or a log: printable ASCII, anything else as '?', cut at `bytes_max`.
std::string printable(std::string_view text, std::size_t bytes_max = 200);

void wipe_text(std::string& text);

}  // namespace weir::oidc
