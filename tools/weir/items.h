// The generic rules of `show` and `delete` (spec/07 1.6): what an empty list, a missing name, --all
// and a missing confirmation mean, the same for every kind of thing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/weir/context.h"

namespace weir::cli {

struct ItemKind {
  std::string singular;   // "tcp inlet"
  std::string plural;     // "tcp inlets"
  std::string name_key;   // positional: "ALIAS"
  std::string no_name;    // "No TCP Inlet alias provided"; empty: there is a default
  std::string not_found;  // "The {} was not found" style override with one {}; empty: the usual
  std::string not_found_code;
};

// `names`: all there are. `default_name`: what is meant without a name. Each chosen one is shown.
void show_items(Context& context, const Arguments& arguments, const ItemKind& kind,
                const std::vector<std::string>& names,
                const std::function<std::string()>& default_name,
                const std::function<Output(const std::string& name)>& show);

// Asks for confirmation, then removes. With --all a failing item is a warning.
void delete_items(Context& context, const Arguments& arguments, const ItemKind& kind,
                  const std::vector<std::string>& names,
                  const std::function<Output(const std::string& name)>& remove);

// [NAME] [-y|--yes] [--all].
CommandSpec with_delete_arguments(CommandSpec command, const ItemKind& kind, bool has_all = true);

}  // namespace weir::cli
