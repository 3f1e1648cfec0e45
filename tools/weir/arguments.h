// From raw arguments to a command and its values (spec/07 1.1, 1.2, 1.5).
//
// prepare() does what Ockam does before parsing: stdin substitution, --version, --env. parse() maps
// the rest onto the command tree with CLI11. Neither touches the state.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/weir/spec.h"

namespace weir::cli {

// The values of one command line, by key: an option's long name or a positional's name.
class Arguments {
 public:
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  int count(std::string_view key) const;
  // The only value; for a positional or option that was given.
  const std::string& text(std::string_view key) const;
  std::optional<std::string> optional(std::string_view key) const;
  std::string text_or(std::string_view key, std::string_view otherwise) const;
  std::vector<std::string> list(std::string_view key) const;

  void add(const std::string& key, std::string value) { values_[key].push_back(std::move(value)); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Reads one line without its newline; false at the end of input.
using ReadLine = std::function<bool(std::string& line)>;

struct Prepared {
  std::vector<std::string> words;  // without the program's name
  bool wants_version = false;
  std::vector<std::pair<std::string, std::string>> variables;  // --env, in order
};
// `/-` becomes `/a/b` and `-/` becomes `/a/b/` for a line of stdin that says a/b. An empty line is
// refused: Ockam would go on with a shorter address, and answer from the wrong place.
Prepared prepare(const std::vector<std::string>& words, const ReadLine& read_line);

struct Parsed {
  enum class Kind {
    kRun,
    kText,  // help: print `text` on stdout, exit with `exit_code`
  };
  Kind kind = Kind::kRun;
  const CommandSpec* command = nullptr;
  std::vector<std::string> path;  // {"node", "create"}
  Arguments arguments;            // of the command and global
  std::string text;
  int exit_code = 0;
};
// Gives up with exit 64 on a usage error.
Parsed parse(const CommandSpec& root, const std::vector<std::string>& words);

// "Usage: weir node create [OPTIONS] [NAME]".
std::string usage_line(const CommandSpec& command, const std::vector<std::string>& path);
std::string help_text(const CommandSpec& command, const std::vector<std::string>& path);

}  // namespace weir::cli
