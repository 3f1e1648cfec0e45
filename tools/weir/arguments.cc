#include "tools/weir/arguments.h"

#include <fmt/core.h>

#include "base/check.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

std::vector<std::string> path_parts(std::string_view line) {
  std::vector<std::string> parts;
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return parts;
  line = line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
  while (!line.empty()) {
    const std::size_t slash = line.find('/');
    if (slash != 0) parts.emplace_back(line.substr(0, slash));
    if (slash == std::string_view::npos) break;
    line.remove_prefix(slash + 1);
  }
  return parts;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += to;
    at = found + from.size();
  }
}

std::string substitute(const std::string& word, const ReadLine& read_line) {
  const bool in_front = word.find("/-") != std::string::npos;
  if (!in_front && word.find("-/") == std::string::npos) return word;
  std::string line;
  read_line(line);
  std::string address;
  for (const std::string& part : path_parts(line)) address += "/" + part;
  if (address.empty()) {
    refuse_usage(
        fmt::format("'{}' takes an address from stdin, such as /service/NAME, but stdin {}\n\n"
                    "  tip: the command in front of the pipe probably failed; its message is above",
                    word, line.empty() ? "was empty" : "held none: '" + line + "'"));
  }
  return in_front ? replace_all(word, "/-", address) : replace_all(word, "-/", address + "/");
}

// `--env K=V` and `-V` are taken out before the parser sees anything.
void take_early_words(Prepared& prepared) {
  std::vector<std::string> rest;
  const std::vector<std::string>& words = prepared.words;
  for (const std::string& word : words) {
    if (word == "-V" || word == "--version") prepared.wants_version = true;
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--env") {
      rest.push_back(words[i]);
      continue;
    }
    if (prepared.wants_version) continue;
    const std::string pair = i + 1 < words.size() ? words[++i] : "";
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      give_up("--env needs KEY=VALUE", "for example --env WEIR_HOME=/tmp/home");
    }
    // Up to a second `=`, as Ockam reads it.
    const std::string value = pair.substr(equals + 1, pair.find('=', equals + 1) - equals - 1);
    prepared.variables.emplace_back(pair.substr(0, equals), value);
  }
  prepared.words = std::move(rest);
}

}  // namespace

int Arguments::count(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? 0 : static_cast<int>(found->second.size());
}

const std::string& Arguments::text(std::string_view key) const {
  const auto found = values_.find(key);
  CHECK(found != values_.end());
  return found->second.back();
}

std::optional<std::string> Arguments::optional(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return text(key);
}

std::string Arguments::text_or(std::string_view key, std::string_view otherwise) const {
  return has(key) ? text(key) : std::string(otherwise);
}

std::vector<std::string> Arguments::list(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

Prepared prepare(const std::vector<std::string>& words, const ReadLine& read_line) {
  Prepared prepared;
  for (const std::string& word : words) prepared.words.push_back(substitute(word, read_line));
  take_early_words(prepared);
  return prepared;
}

}  // namespace weir::cli
