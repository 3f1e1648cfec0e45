#include "tools/weir/items.h"

#include <fmt/core.h>

#include <algorithm>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

[[noreturn]] void give_up_not_found(const ItemKind& kind, const std::string& name) {
  const std::string text = kind.not_found.empty()
                               ? fmt::format("The {} {} was not found", kind.singular, name)
                               : fmt::format(fmt::runtime(kind.not_found), name);
  give_up(Failure{text, {}, {}, kind.not_found_code, kExitFailed});
}

void print_none(Context& context, const ItemKind& kind, const char* verb) {
  context.print({.plain = info_line(fmt::format("There are no {} to {}", kind.plural, verb)),
                 .machine = std::nullopt,
                 .json = Json::array()});
}

void delete_all(Context& context, const Arguments& arguments, const ItemKind& kind,
                const std::vector<std::string>& names,
                const std::function<Output(const std::string&)>& remove) {
  if (!context.confirm(arguments.has("yes"),
                       fmt::format("Are you sure that you want to delete all {} {}?", names.size(),
                                   kind.plural))) {
    return;
  }
  for (const std::string& name : names) {
    try {
      context.print(remove(name));
    } catch (const CommandFailed& failed) {
      context.note(warning_line(fmt::format("Failed to delete the {} {}: {}", kind.singular, name,
                                            failed.failure().message)));
    }
  }
}

}  // namespace

void show_items(Context& context, const Arguments& arguments, const ItemKind& kind,
                const std::vector<std::string>& names,
                const std::function<std::string()>& default_name,
                const std::function<Output(const std::string&)>& show) {
  if (names.empty()) return print_none(context, kind, "show");
  std::vector<std::string> chosen;
  if (arguments.has(kind.name_key)) {
    chosen = {arguments.text(kind.name_key)};
  } else if (!context.can_ask()) {
    if (!default_name) give_up(kind.no_name);
    chosen = {default_name()};
  } else if (names.size() == 1) {
    chosen = names;
  } else {
    chosen = context.choose(fmt::format("Which {}?", kind.plural), names);
  }
  for (const std::string& name : chosen) {
    if (!contains(names, name)) give_up_not_found(kind, name);
    context.print(show(name));
  }
}

void delete_items(Context& context, const Arguments& arguments, const ItemKind& kind,
                  const std::vector<std::string>& names,
                  const std::function<Output(const std::string&)>& remove) {
  if (names.empty()) return print_none(context, kind, "delete");
  if (arguments.has("all")) return delete_all(context, arguments, kind, names, remove);
  std::vector<std::string> chosen;
  if (arguments.has(kind.name_key)) {
    chosen = {arguments.text(kind.name_key)};
  } else if (!context.can_ask()) {
    return;  // Ockam does nothing here, with --yes too, and scripts rely on exit 0
  } else if (names.size() == 1) {
    chosen = names;
  } else {
    chosen = context.choose(fmt::format("Which {} do you want to delete?", kind.plural), names);
  }
  for (const std::string& name : chosen) {
    if (!contains(names, name)) give_up_not_found(kind, name);
  }
  if (chosen.empty()) return;
  const std::string question = fmt::format("Are you sure that you want to delete {}?",
                                           chosen.size() == 1 ? chosen.front() : "these");
  if (!context.confirm(arguments.has("yes"), question)) return;
  for (const std::string& name : chosen) context.print(remove(name));
}

CommandSpec with_delete_arguments(CommandSpec command, const ItemKind& kind, bool has_all) {
  command.positionals.push_back(positional(kind.name_key, "The " + kind.singular));
  command.options.push_back(flag("yes", "Do not ask for confirmation").short_form('y'));
  if (has_all) {
    command.options.push_back(
        flag("all", "Delete all " + kind.plural).conflicts_with(kind.name_key));
  }
  return command;
}

}  // namespace weir::cli
