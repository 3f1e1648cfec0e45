#include "tools/common/node_finder.h"

#include <sys/stat.h>

#include "control/store/postgres_place.h"
#include "control/store/process.h"
#include "control/store/state.h"
#include "dataplane/wire/multiaddr.h"

namespace weir::tools {
namespace {

Result<std::string> plain_name(const std::string& text) {
  if (text.find('/') == std::string::npos) return text;
  const auto route = wire::MultiAddr::parse(text);
  if (route) {
    if (const auto name = route->leading(wire::Proto::kNode)) return std::string(*name);
  }
  return fail(Errc::kInvalid, "that names no node: give a name, such as n1 or /node/n1", text);
}

}  // namespace

Result<NodeRecord> find_running_node(const std::optional<std::string>& name, const EnvLookup& env) {
  std::string plain;
  if (name) {
    auto parsed = plain_name(*name);
    if (!parsed) return pass(parsed);
    plain = std::move(*parsed);
  }
  auto home = home_directory(env);
  if (!home) return pass(home);
  const auto missing = [&]() -> std::unexpected<Error> {
    if (!name) {
      return fail(Errc::kNotFound, "there is no default node: name one with --at",
                  "home is " + *home);
    }
    return fail(Errc::kNotFound, "there is no such node: `weir node list` shows those of this home",
                plain + " in " + *home + " (WEIR_HOME names another home)");
  };
  auto postgres = postgres_place(env);
  if (!postgres) return pass(postgres);
  // Looking must not make a home.
  struct stat info{};
  const std::string place = *postgres ? *home : database_path(*home);
  if (::stat(place.c_str(), &info) != 0) return missing();
  StateOptions options;
  options.home = *home;
  options.postgres = *postgres;
  auto state = State::open(options);
  if (!state) return pass(state);
  auto node = name ? (*state)->nodes().get(plain) : (*state)->nodes().get_default();
  if (!node && node.error().code == Errc::kNotFound) return missing();
  if (!node) return pass(node);
  if (node->pid <= 0 ||
      process_status(node->pid, node->pid_start_ticks) != ProcessStatus::kRunning) {
    return fail(Errc::kRefused, "the node is not running: `weir node start NAME` starts it",
                node->name);
  }
  return node;
}

}  // namespace weir::tools
