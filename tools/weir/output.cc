#include "tools/weir/output.h"

namespace weir::cli {
namespace {

std::string stripped(std::string text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n\v\f");
  text.erase(last == std::string::npos ? 0 : last + 1);
  return text;
}

}  // namespace

std::string json_text(const Json& json, bool compact) {
  return json.dump(compact ? -1 : 2, ' ', false, Json::error_handler_t::replace);
}

std::string rendered(const Output& output, const OutputMode& mode) {
  std::optional<std::string> json;
  if (output.json) json = json_text(*output.json, mode.compact && !mode.plain);
  std::optional<std::string> chosen;
  if (mode.json) {
    chosen = json;
  } else if (mode.is_terminal) {
    chosen = output.plain ? output.plain : output.machine ? output.machine : json;
  } else {
    chosen = output.machine ? output.machine : json ? json : output.plain;
  }
  if (!chosen) return {};
  return stripped(std::move(*chosen)) + (mode.is_terminal ? "\n" : "");
}

Json optional_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

std::string list_text(const std::vector<std::string>& blocks, std::string_view when_empty) {
  if (blocks.empty()) return info_line(when_empty);
  std::string out;
  for (const std::string& block : blocks) {
    if (!out.empty()) out += "\n\n";
    out += "  \u2502 ";
    for (const char c : block) {
      out += c;
      if (c == '\n') out += "  \u2502 ";
    }
  }
  return out;
}

}  // namespace weir::cli
