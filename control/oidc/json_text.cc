#include "control/oidc/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "crypto/base64.h"
#include "crypto/secret.h"

namespace weir::oidc {

using Json = nlohmann::json;

Result<Json> parse_object(std::string_view text, const char* what) {
  if (text.size() > kDocumentBytesMax) return fail(Errc::kInvalid, what, "too long");
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Errc::kInvalid, what, "not JSON");
  if (!json.is_object()) return fail(Errc::kInvalid, what, "not an object");
  return json;
}

std::optional<std::string> text_member(const Json& object, const char* key, std::size_t bytes_max) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  const std::string& text = found->get_ref<const std::string&>();
  if (text.size() > bytes_max) return std::nullopt;
  return text;
}

std::optional<std::string> take_text_member(Json& object, const char* key, std::size_t bytes_max) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  std::string& text = found->get_ref<std::string&>();
  if (text.size() > bytes_max) return std::nullopt;
  return std::move(text);
}

std::optional<std::uint64_t> number_member(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (found->is_number_float()) {
    const double value = found->get<double>();
    if (!(value >= 0) || value > 1e15) return std::nullopt;
    return static_cast<std::uint64_t>(value);
  }
  if (!found->is_string()) return std::nullopt;
  const std::string& text = found->get_ref<const std::string&>();
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc() || stopped != end) return std::nullopt;
  return value;
}

namespace {

void append_encoded(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

}  // namespace

std::string form_encoded(const Form& fields) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : fields) bytes += 3 * (name.size() + value.size()) + 2;
  std::string out;
  out.reserve(bytes);  // never grows: a secret's bytes are in one place
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    append_encoded(out, name);
    out += '=';
    append_encoded(out, value);
  }
  return out;
}

std::string base64url_encode(ByteSpan bytes) {
  std::string text = base64_encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::optional<Bytes> base64url_decode(std::string_view text) {
  if (text.size() > kDocumentBytesMax || text.find_first_of("+/=") != std::string_view::npos) {
    return std::nullopt;
  }
  std::string plain(text);
  std::ranges::replace(plain, '-', '+');
  std::ranges::replace(plain, '_', '/');
  if (plain.size() % 4 == 1) return std::nullopt;
  while (plain.size() % 4 != 0) plain += '=';
  return base64_decode(plain);
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return out;
}

void wipe_text(std::string& text) {
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

}  // namespace weir::oidc
