// Help and usage lines, from the command tree.
#include <fmt/format.h>

#include <algorithm>

#include "tools/weir/arguments.h"
#include "tools/weir/version.h"

namespace weir::cli {
namespace {

struct Row {
  std::string left;
  std::string right;
};

std::string table(const char* title, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.left.size());
  std::string out = fmt::format("\n{}:\n", title);
  for (const Row& row : rows) out += fmt::format("  {:<{}}  {}\n", row.left, width, row.right);
  return out;
}

Row option_row(const OptionSpec& spec) {
  Row row;
  row.left = (spec.letter != 0 ? fmt::format("-{}, ", spec.letter) : "    ") + spec.display();
  row.right = spec.help;
  if (spec.is_repeatable) row.left += "...";
  if (!spec.default_text.empty()) row.right += " [default: " + spec.default_text + "]";
  if (!spec.choices.empty()) {
    row.right += fmt::format(" [possible values: {}]", fmt::join(spec.choices, ", "));
  }
  for (const std::string& alias : spec.aliases) row.right += " [alias: --" + alias + "]";
  return row;
}

std::vector<Row> option_rows(const std::vector<OptionSpec>& options) {
  std::vector<Row> rows;
  for (const OptionSpec& spec : options) {
    if (!spec.is_hidden) rows.push_back(option_row(spec));
  }
  return rows;
}

}  // namespace

std::string usage_line(const CommandSpec& command, const std::vector<std::string>& path) {
  std::string out = fmt::format("Usage: {}", kProgramName);
  for (const std::string& word : path) out += " " + word;
  out += " [OPTIONS]";
  if (!command.subcommands.empty()) return out + " <COMMAND>";
  for (const OptionSpec& spec : command.options) {
    if (spec.is_required) out += " " + spec.display();
  }
  for (const PositionalSpec& spec : command.positionals) {
    out += spec.is_required ? " <" + spec.name + ">" : " [" + spec.name + "]";
  }
  return out;
}

std::string help_text(const CommandSpec& command, const std::vector<std::string>& path) {
  std::string out = command.about + "\n\n" + usage_line(command, path) + "\n";
  std::vector<Row> rows;
  for (const CommandSpec& sub : command.subcommands) {
    if (!sub.is_hidden) rows.push_back({sub.name, sub.about});
  }
  if (!rows.empty()) rows.push_back({"help", "Print this, or the help of a subcommand"});
  out += table("Commands", rows);
  rows.clear();
  for (const PositionalSpec& spec : command.positionals) {
    rows.push_back({spec.is_required ? "<" + spec.name + ">" : "[" + spec.name + "]", spec.help});
  }
  out += table("Arguments", rows);
  out += table("Options", option_rows(command.options));
  out += table("Global options", option_rows(global_options()));
  return out;
}

}  // namespace weir::cli
