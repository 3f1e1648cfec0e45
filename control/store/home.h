// Where weir keeps its state: the home directory, a node's log folder and its socket.
// Implements spec 08 §1.1 with one difference: WEIR_HOME comes before OCKAM_HOME, and everything is
// private to the user (directories 0700, files 0600). Errors: kInvalid (a name, a variable), kIo.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir {

// Looks up one environment variable; nullopt when unset. Injected, so that tests need no setenv.
using EnvLookup = std::function<std::optional<std::string>(const char* name)>;
EnvLookup process_environment();

// WEIR_HOME, else OCKAM_HOME, else $HOME/.weir; always absolute, nothing is created. An empty
// WEIR_HOME or HOME counts as unset; an empty OCKAM_HOME is the current directory, as in Ockam.
Result<std::string> home_directory(const EnvLookup& env);

// Makes the directory and its parents. One that exists already is closed to others (0700), except
// where that would hurt: not ours, sticky (/tmp), the root, or `keep_mode` (the user's HOME
// itself).
Status create_home(const std::string& home, std::string_view keep_mode = {});

// Node names: Unicode letters, digits, marks, `_`, `-` (spec 07 §1.3); not empty, at most 200 bytes
// (a folder is named after it), valid UTF-8.
Status check_node_name(std::string_view name);
// Names of identities and vaults: printable UTF-8 without '/' or control characters, 1..200 bytes,
// not "." or "..": a vault's file is named after it.
Status check_name(std::string_view name);

inline std::string database_path(const std::string& home) { return home + "/database.sqlite3"; }
inline std::string vault_path(const std::string& home, std::string_view vault) {
  return home + "/vault-" + std::string(vault);
}
inline std::string node_directory(const std::string& home, std::string_view node) {
  return home + "/nodes/" + std::string(node);
}
// Creates nodes/ and nodes/<node>/ (0700) and returns the latter. The name must be valid.
Result<std::string> create_node_directory(const std::string& home, std::string_view node);
// Removes nodes/<node>/ with its logs; a missing one is fine.
Status remove_node_directory(const std::string& home, std::string_view node);

// The path of the node's API socket: nodes/<node>/api.sock, or, where that is too long for
// sun_path (107 bytes), <runtime>/<hash of home and node>.sock with <runtime> =
// $XDG_RUNTIME_DIR/weir or /tmp/weir-<uid>, made 0700; refused if it belongs to somebody else. Same
// answer every time.
Result<std::string> node_socket_path(const std::string& home, std::string_view node,
                                     const EnvLookup& env);

}  // namespace weir
