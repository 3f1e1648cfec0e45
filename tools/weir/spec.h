// The command tree as data: words, arguments, and what runs. The parser, the help, the completion
// scripts and the tests all read this one description, so that none of them can disagree.
//
//   CommandSpec list = command("list", "List the nodes", run_list);
//   command("show", "..", run_show).with(positional("NODE")).with(option("at", "NODE", ".."));
//
// Everything of Ockam that is not built is in the tree as well, marked so: it is refused as such,
// never ignored and never "unknown" (docs/spec/07).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cli {

class Arguments;
class Context;

// The reason why a value is no value, in Ockam's words; empty when it is one.
using Check = std::function<std::string(std::string_view value)>;

struct OptionSpec {
  std::string name;        // long form without dashes; the key
  std::string value_name;  // "ROUTE"; empty: a flag
  std::string help;
  char letter = 0;
  std::vector<std::string> aliases;
  std::vector<std::string> conflicts;  // keys of options
  std::vector<std::string> needs;
  std::vector<std::string> choices;  // possible values
  std::string default_text;          // only shown
  bool is_required = false;
  bool is_repeatable = false;
  bool is_hidden = false;
  bool is_built = true;
  Check check;

  bool takes_value() const { return !value_name.empty(); }
  // "--to <ROUTE>", as errors name it.
  std::string display() const;

  OptionSpec short_form(char c) && {
    letter = c;
    return std::move(*this);
  }
  OptionSpec alias(std::string text) && {
    aliases.push_back(std::move(text));
    return std::move(*this);
  }
  OptionSpec conflicts_with(std::string key) && {
    conflicts.push_back(std::move(key));
    return std::move(*this);
  }
  OptionSpec only_with(std::string key) && {
    needs.push_back(std::move(key));
    return std::move(*this);
  }
  OptionSpec one_of(std::vector<std::string> values) && {
    choices = std::move(values);
    return std::move(*this);
  }
  OptionSpec by_default(std::string text) && {
    default_text = std::move(text);
    return std::move(*this);
  }
  OptionSpec required() && {
    is_required = true;
    return std::move(*this);
  }
  OptionSpec repeatable() && {
    is_repeatable = true;
    return std::move(*this);
  }
  OptionSpec hidden() && {
    is_hidden = true;
    return std::move(*this);
  }
  OptionSpec checked(Check function) && {
    check = std::move(function);
    return std::move(*this);
  }
};

OptionSpec flag(std::string name, std::string help);
OptionSpec option(std::string name, std::string value_name, std::string help);
// Known to Ockam, refused here.
OptionSpec not_built_flag(std::string name);
OptionSpec not_built_option(std::string name, std::string value_name);

struct PositionalSpec {
  std::string name;  // "NODE_NAME"; the key
  std::string help;
  bool is_required = false;
  Check check;
};
PositionalSpec positional(std::string name, std::string help, Check check = {});
PositionalSpec required_positional(std::string name, std::string help, Check check = {});

using RunFunction = void (*)(Context& context, const Arguments& arguments);

struct CommandSpec {
  std::string name;
  std::string about;
  RunFunction run = nullptr;  // null: a group, or not built
  std::vector<OptionSpec> options;
  std::vector<PositionalSpec> positionals;
  std::vector<CommandSpec> subcommands;
  bool helps_when_empty = false;  // without any argument: help on stdout, exit 64
  bool is_hidden = false;
  bool is_built = true;

  CommandSpec with(OptionSpec spec) && {
    options.push_back(std::move(spec));
    return std::move(*this);
  }
  CommandSpec with(PositionalSpec spec) && {
    positionals.push_back(std::move(spec));
    return std::move(*this);
  }
  CommandSpec with(CommandSpec spec) && {
    subcommands.push_back(std::move(spec));
    return std::move(*this);
  }
  CommandSpec with(const std::vector<OptionSpec>& specs) && {
    options.insert(options.end(), specs.begin(), specs.end());
    return std::move(*this);
  }
  CommandSpec help_when_empty() && {
    helps_when_empty = true;
    return std::move(*this);
  }
  CommandSpec hidden() && {
    is_hidden = true;
    return std::move(*this);
  }

  const CommandSpec* find(std::string_view word) const;
};

CommandSpec command(std::string name, std::string about, RunFunction run);
CommandSpec group(std::string name, std::string about);
// The command and whatever follows it is refused as not built.
CommandSpec not_built_command(std::string name);

// -h, -q, -v, --output and so on: accepted before and after every command word (spec/07 1.2).
const std::vector<OptionSpec>& global_options();

}  // namespace weir::cli
