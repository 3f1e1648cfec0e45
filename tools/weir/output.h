// What a command prints on stdout (spec/07 1.4): up to three texts, of which one is written.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace weir::cli {

using Json = nlohmann::json;  // its objects sort their keys, which is what scripts compare

struct Output {
  std::optional<std::string> plain;    // for people
  std::optional<std::string> machine;  // one value
  std::optional<Json> json;
};

struct OutputMode {
  bool json = false;         // asked for
  bool plain = false;        // `--output plain` was given: --compact-output then means nothing
  bool compact = false;      // JSON on one line
  bool is_terminal = false;  // stdout
};

// Two blanks of indentation, or one line; bytes that are not UTF-8 become U+FFFD.
std::string json_text(const Json& json, bool compact);
// What to write: stripped at its end, with a newline only on a terminal. Nothing when JSON was
// asked for and there is none.
std::string rendered(const Output& output, const OutputMode& mode);

// null when absent.
Json optional_json(const std::optional<std::string>& text);

// "  │ one\n  │ two\n\n  │ three": blocks of a list; an empty list is the `> ` line.
std::string list_text(const std::vector<std::string>& blocks, std::string_view when_empty);
inline std::string done_line(std::string_view text) { return "  \u2714 " + std::string(text); }
inline std::string warning_line(std::string_view text) { return "  ! " + std::string(text); }
inline std::string info_line(std::string_view text) { return "  > " + std::string(text); }
inline std::string plain_line(std::string_view text) { return "    " + std::string(text); }

}  // namespace weir::cli
