// parse(): the words of the command choose a leaf of the tree; CLI11 then splits the rest into the
// leaf's options, the global ones and positionals; what the values mean is checked here, in the
// order and in the words of Ockam's parser.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/weir/arguments.h"
#include "tools/weir/failure.h"
#include "tools/weir/version.h"

namespace weir::cli {
namespace {

constexpr char kMoreHelp[] = "\n\nFor more information, try '--help'.";

bool matches(const OptionSpec& spec, std::string_view word) {
  if (word.starts_with("--")) {
    word.remove_prefix(2);
    word = word.substr(0, word.find('='));
    return word == spec.name ||
           std::find(spec.aliases.begin(), spec.aliases.end(), word) != spec.aliases.end();
  }
  return word.size() >= 2 && word[0] == '-' && spec.letter != 0 && word[1] == spec.letter;
}

const OptionSpec* find_option(const std::vector<OptionSpec>& options, std::string_view word) {
  for (const OptionSpec& spec : options) {
    if (matches(spec, word)) return &spec;
  }
  return nullptr;
}

// The words joined to what the user typed, for "not built" texts.
std::string spoken(const std::vector<std::string>& path) {
  std::string out = kProgramName;
  for (const std::string& word : path) out += " " + word;
  return out;
}

[[noreturn]] void refuse_not_built(const std::string& what) {
  refuse_usage(
      fmt::format("{} is not built yet in weir (Ockam has it)\n\n"
                  "  tip: what is built: '{} help' and '{} COMMAND --help'",
                  what, kProgramName, kProgramName));
}

struct Walk {
  const CommandSpec* command = nullptr;
  std::vector<std::string> path;
  std::vector<std::string> rest;  // without the command words
  bool help_asked = false;
};

[[noreturn]] void refuse_word(const Walk& walk, const std::string& word) {
  std::string tip;
  for (const CommandSpec& sub : walk.command->subcommands) {
    if (sub.is_hidden || !sub.is_built) continue;
    if (sub.name.starts_with(word) || word.starts_with(sub.name)) {
      tip = fmt::format("\n\n  tip: a similar subcommand exists: '{}'", sub.name);
      break;
    }
  }
  refuse_usage(fmt::format("unrecognized subcommand '{}'{}\n\n{}{}", word, tip,
                           usage_line(*walk.command, walk.path), kMoreHelp));
}

// One word of the command, `help` included. False when the walk is over.
void descend(Walk& walk, const std::string& word) {
  if (word == "help") {
    walk.help_asked = true;
    return;
  }
  const CommandSpec* sub = walk.command->find(word);
  if (sub == nullptr) refuse_word(walk, word);
  walk.path.push_back(word);
  if (!sub->is_built) refuse_not_built("'" + spoken(walk.path) + "'");
  walk.command = sub;
}

Walk walk_words(const CommandSpec& root, const std::vector<std::string>& words) {
  Walk walk;
  walk.command = &root;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool at_leaf = walk.command->subcommands.empty();
    if (at_leaf || word.empty() || word[0] != '-' || word == "-") {
      if (at_leaf) {
        walk.rest.push_back(word);
      } else {
        descend(walk, word);
      }
      continue;
    }
    const OptionSpec* global = find_option(global_options(), word);
    if (global == nullptr) {
      refuse_usage(fmt::format("unexpected argument '{}' found\n\n{}{}", word,
                               usage_line(*walk.command, walk.path), kMoreHelp));
    }
    walk.rest.push_back(word);
    const bool has_value_inside =
        word.find('=') != std::string::npos || (word[1] != '-' && word.size() > 2);
    if (global->takes_value() && !has_value_inside && i + 1 < words.size()) {
      walk.rest.push_back(words[++i]);
    }
  }
  return walk;
}

// CLI11 would take the next word as a value whatever it looks like, and after `--to=` too.
void check_value_words(const std::vector<OptionSpec>& options,
                       const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string& word = words[i];
    const OptionSpec* spec = find_option(options, word);
    if (spec == nullptr) continue;
    if (!spec->takes_value()) {
      const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
      if (equals == std::string::npos) continue;
      refuse_usage(fmt::format("unexpected value '{}' for '{}' found; no more were expected{}",
                               word.substr(equals + 1), spec->display(), kMoreHelp));
    }
    const bool is_long = word.starts_with("--");
    const bool is_bare = is_long ? word.find('=') == std::string::npos : word.size() == 2;
    const bool is_empty = is_long && word.ends_with('=') && word.size() == spec->name.size() + 3;
    const bool next_is_option =
        i + 1 < words.size() && words[i + 1].size() > 1 && words[i + 1][0] == '-';
    if (is_empty || (is_bare && (i + 1 >= words.size() || next_is_option))) {
      refuse_usage(fmt::format("a value is required for '{}' but none was supplied{}",
                               spec->display(), kMoreHelp));
    }
    if (is_bare) ++i;
  }
}

struct Binding {
  const OptionSpec* spec;
  CLI::Option* option;
};

// Values go through CLI11 unconverted; every occurrence is kept, so that we can say what is wrong.
CLI::Option* add_to(CLI::App& app, const std::string& names, bool takes_value) {
  CLI::Option* added = takes_value
                           ? app.add_option(names, [](const CLI::results_t&) { return true; })
                           : app.add_flag(names)->disable_flag_override();
  added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return added;
}

std::string cli11_names(const OptionSpec& spec) {
  std::string names = "--" + spec.name;
  for (const std::string& alias : spec.aliases) names += ",--" + alias;
  if (spec.letter != 0) names += std::string(",-") + spec.letter;
  return names;
}

std::vector<OptionSpec> all_options(const CommandSpec& command) {
  std::vector<OptionSpec> options = command.options;
  const std::vector<OptionSpec>& globals = global_options();
  for (const OptionSpec& global : globals) {
    // A command's own letter wins (node create -v is ours, secure-channel create -a is its own).
    OptionSpec copy = global;
    for (const OptionSpec& own : command.options) {
      if (own.letter != 0 && own.letter == copy.letter) copy.letter = 0;
    }
    options.push_back(std::move(copy));
  }
  return options;
}

[[noreturn]] void refuse_extra(const Walk& walk, const std::string& word) {
  std::string tip;
  if (word.size() > 1 && word[0] == '-' && !walk.command->positionals.empty()) {
    tip = fmt::format("\n\n  tip: to pass '{0}' as a value, use '-- {0}'", word);
  }
  refuse_usage(fmt::format("unexpected argument '{}' found{}\n\n{}{}", word, tip,
                           usage_line(*walk.command, walk.path), kMoreHelp));
}

Arguments split(const Walk& walk, const std::vector<OptionSpec>& options) {
  CLI::App app;
  app.set_help_flag();
  std::vector<Binding> bindings;
  for (const OptionSpec& spec : options) {
    bindings.push_back({&spec, add_to(app, cli11_names(spec), spec.takes_value())});
  }
  std::vector<CLI::Option*> positionals;
  for (const PositionalSpec& spec : walk.command->positionals) {
    positionals.push_back(add_to(app, spec.name, true));
  }
  app.allow_extras();
  try {
    std::vector<std::string> reversed(walk.rest.rbegin(), walk.rest.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    refuse_usage(
        fmt::format("{}\n\n{}{}", error.what(), usage_line(*walk.command, walk.path), kMoreHelp));
  }
  Arguments arguments;
  for (const Binding& binding : bindings) {
    for (std::string value : binding.option->results()) {
      arguments.add(binding.spec->name, std::move(value));
    }
  }
  for (std::size_t i = 0; i < positionals.size(); ++i) {
    for (std::string value : positionals[i]->results()) {
      arguments.add(walk.command->positionals[i].name, std::move(value));
    }
  }
  const std::vector<std::string> extra = app.remaining();
  for (const std::string& word : extra) {
    if (word != "--") refuse_extra(walk, word);
  }
  return arguments;
}

[[noreturn]] void refuse_value(const std::string& value, const std::string& display,
                               const std::string& why) {
  refuse_usage(fmt::format("invalid value '{}' for '{}': {}{}", value, display, why, kMoreHelp));
}

void check_option(const Walk& walk, const OptionSpec& spec, const Arguments& arguments) {
  if (!arguments.has(spec.name)) return;
  if (arguments.count(spec.name) > 1 && !spec.is_repeatable) {
    refuse_usage(fmt::format("the argument '{}' cannot be used multiple times\n\n{}{}",
                             spec.display(), usage_line(*walk.command, walk.path), kMoreHelp));
  }
  for (const std::string& value : arguments.list(spec.name)) {
    if (!spec.choices.empty() &&
        std::find(spec.choices.begin(), spec.choices.end(), value) == spec.choices.end()) {
      refuse_usage(fmt::format("invalid value '{}' for '{}'\n  [possible values: {}]{}", value,
                               spec.display(), fmt::format("{}", fmt::join(spec.choices, ", ")),
                               kMoreHelp));
    }
    const std::string why = spec.check ? spec.check(value) : std::string();
    if (!why.empty()) refuse_value(value, spec.display(), why);
  }
}

void check_relations(const Walk& walk, const std::vector<OptionSpec>& options,
                     const Arguments& arguments) {
  const auto display_of = [&](const std::string& key) {
    for (const OptionSpec& spec : options) {
      if (spec.name == key) return spec.display();
    }
    return "[" + key + "]";
  };
  for (const OptionSpec& spec : walk.command->options) {
    if (!arguments.has(spec.name)) continue;
    for (const std::string& other : spec.conflicts) {
      if (!arguments.has(other)) continue;
      refuse_usage(fmt::format("the argument '{}' cannot be used with '{}'\n\n{}{}", spec.display(),
                               display_of(other), usage_line(*walk.command, walk.path), kMoreHelp));
    }
    for (const std::string& other : spec.needs) {
      if (arguments.has(other)) continue;
      refuse_usage(fmt::format("the following required arguments were not provided:\n  {}\n\n{}{}",
                               display_of(other), usage_line(*walk.command, walk.path), kMoreHelp));
    }
  }
}

void check_required(const Walk& walk, const Arguments& arguments) {
  std::string missing;
  for (const OptionSpec& spec : walk.command->options) {
    if (spec.is_required && !arguments.has(spec.name)) missing += "\n  " + spec.display();
  }
  for (const PositionalSpec& spec : walk.command->positionals) {
    if (spec.is_required && !arguments.has(spec.name)) missing += "\n  <" + spec.name + ">";
  }
  if (missing.empty()) return;
  refuse_usage(fmt::format("the following required arguments were not provided:{}\n\n{}{}", missing,
                           usage_line(*walk.command, walk.path), kMoreHelp));
}

void check_values(const Walk& walk, const std::vector<OptionSpec>& options,
                  const Arguments& arguments) {
  for (const OptionSpec& spec : options) {
    if (!spec.is_built && arguments.has(spec.name)) {
      refuse_not_built(fmt::format("'--{}' of '{}'", spec.name, spoken(walk.path)));
    }
  }
  for (const OptionSpec& spec : options) check_option(walk, spec, arguments);
  check_relations(walk, options, arguments);
  for (const PositionalSpec& spec : walk.command->positionals) {
    if (!spec.check || !arguments.has(spec.name)) continue;
    const std::string& value = arguments.text(spec.name);
    const std::string why = spec.check(value);
    if (!why.empty()) refuse_value(value, "<" + spec.name + ">", why);
  }
  check_required(walk, arguments);
}

Parsed text_answer(std::string text, int exit_code) {
  Parsed parsed;
  parsed.kind = Parsed::Kind::kText;
  parsed.text = std::move(text);
  parsed.exit_code = exit_code;
  return parsed;
}

}  // namespace

Parsed parse(const CommandSpec& root, const std::vector<std::string>& words) {
  const Walk walk = walk_words(root, words);
  const std::string help = help_text(*walk.command, walk.path);
  const std::vector<OptionSpec> options = all_options(*walk.command);
  check_value_words(options, walk.rest);
  const bool is_group = !walk.command->subcommands.empty();
  if (walk.help_asked) return text_answer(help, kExitOk);
  if (walk.rest.empty() && (is_group || walk.command->helps_when_empty)) {
    return text_answer(help, kExitUsage);
  }
  Parsed parsed;
  parsed.arguments = split(walk, options);
  if (parsed.arguments.has("help")) return text_answer(help, kExitOk);
  if (is_group) {
    refuse_usage(fmt::format("'{}' requires a subcommand but one was not provided\n\n{}{}",
                             spoken(walk.path), usage_line(*walk.command, walk.path), kMoreHelp));
  }
  check_values(walk, options, parsed.arguments);
  parsed.command = walk.command;
  parsed.path = walk.path;
  return parsed;
}

}  // namespace weir::cli
