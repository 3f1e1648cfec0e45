#include "tools/weir/spec.h"

namespace weir::cli {

std::string OptionSpec::display() const {
  return "--" + name + (takes_value() ? " <" + value_name + ">" : "");
}

OptionSpec flag(std::string name, std::string help) {
  return option(std::move(name), {}, std::move(help));
}

OptionSpec option(std::string name, std::string value_name, std::string help) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.value_name = std::move(value_name);
  spec.help = std::move(help);
  return spec;
}

OptionSpec not_built_flag(std::string name) { return not_built_option(std::move(name), {}); }

OptionSpec not_built_option(std::string name, std::string value_name) {
  OptionSpec spec = option(std::move(name), std::move(value_name), "not built yet");
  spec.is_built = false;
  spec.is_hidden = true;
  spec.is_repeatable = true;
  return spec;
}

PositionalSpec positional(std::string name, std::string help, Check check) {
  return {std::move(name), std::move(help), false, std::move(check)};
}

PositionalSpec required_positional(std::string name, std::string help, Check check) {
  return {std::move(name), std::move(help), true, std::move(check)};
}

const CommandSpec* CommandSpec::find(std::string_view word) const {
  for (const CommandSpec& sub : subcommands) {
    if (sub.name == word) return &sub;
  }
  return nullptr;
}

CommandSpec command(std::string name, std::string about, RunFunction run) {
  CommandSpec spec;
  spec.name = std::move(name);
  spec.about = std::move(about);
  spec.run = run;
  return spec;
}

CommandSpec group(std::string name, std::string about) {
  return command(std::move(name), std::move(about), nullptr);
}

CommandSpec not_built_command(std::string name) {
  CommandSpec spec = command(std::move(name), "not built yet", nullptr);
  spec.is_built = false;
  spec.is_hidden = true;
  return spec;
}

const std::vector<OptionSpec>& global_options() {
  static const std::vector<OptionSpec> options = {
      flag("help", "Print help").short_form('h'),
      flag("version", "Print the version").short_form('V'),
      flag("quiet", "Nothing on stderr but error reports, and no questions [env: QUIET]")
          .short_form('q'),
      flag("verbose", "Log lines on stderr; repeat for more").short_form('v').repeatable(),
      flag("no-color", "No colours [env: NO_COLOR]"),
      flag("no-input", "Never ask, even on a terminal [env: NO_INPUT]"),
      option("output", "FORMAT", "Format of the result")
          .one_of({"plain", "json"})
          .by_default("plain"),
      not_built_option("jq", "FILTER"),
      flag("compact-output", "JSON on one line"),
      flag("pretty", "Deprecated, no effect").hidden(),
      flag("test-argument-parser", "Check the arguments, do nothing").hidden(),
  };
  return options;
}

}  // namespace weir::cli
