// What every command gets: global flags, environment, streams, and the state (opened at first use,
// so that `completion`, help and usage errors touch nothing).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "control/store/home.h"
#include "control/store/state.h"
#include "tools/weir/arguments.h"
#include "tools/weir/output.h"
#include "tools/weir/terminal.h"

namespace weir::cli {

struct Globals {
  bool quiet = false;
  bool no_color = false;
  bool no_input = false;
  int verbosity = 0;
  bool json = false;   // --output json, or --compact-output alone
  bool plain = false;  // --output plain
  bool compact = false;
};
// Flags, then the environment: QUIET, NO_INPUT take the usual forms of yes and no; NO_COLOR set and
// not empty means on. Gives up on another value.
Globals read_globals(const Arguments& arguments, const EnvLookup& env);

// WEIR_<name>, else OCKAM_<name>; empty counts as unset.
std::optional<std::string> setting(const EnvLookup& env, std::string_view name);
// Set, and not one of the forms of no: anything else is yes (spec/08 section 6, kind F).
bool setting_is_on(const EnvLookup& env, std::string_view name);
// WEIR_DEFAULT_TIMEOUT or OCKAM_DEFAULT_TIMEOUT; 120 s, also for a text that is no duration.
std::uint64_t default_timeout_ms(const EnvLookup& env);

class Context {
 public:
  Context(Globals globals, EnvLookup env, Terminal terminal, const CommandSpec& root);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Globals& globals() const { return globals_; }
  const EnvLookup& env() const { return env_; }
  const CommandSpec& root() const { return root_; }
  Clock& clock() { return clock_; }
  Rng& rng() { return rng_; }
  // Gives up when there is none.
  const std::string& home();
  // Opened, and its home made, at the first call. Gives up with advice.
  State& state();

  // --- stdout
  OutputMode output_mode() const;
  void print(const Output& output);
  // --- stderr; nothing with --quiet
  void note(std::string_view line);      // one line as it is
  void progress(std::string_view line);  // only on a terminal

  // --- questions
  bool can_ask() const {
    return terminal_.stderr_is_terminal && !globals_.no_input && !globals_.quiet;
  }
  // True: --yes was given, or the user said so. Gives up with "Use --yes to confirm".
  bool confirm(bool yes_given, std::string_view question);
  // One or several of `items`, by the user; can_ask().
  std::vector<std::string> choose(std::string_view question, const std::vector<std::string>& items);

  // The duration of an option, or `otherwise_ms`; warns when a part of the text means nothing.
  std::uint64_t duration_ms(const Arguments& arguments, std::string_view key,
                            std::uint64_t otherwise_ms);

 private:
  Globals globals_;
  EnvLookup env_;
  Terminal terminal_;
  const CommandSpec& root_;
  SystemClock clock_;
  SystemRng rng_;
  std::optional<std::string> home_;
  std::unique_ptr<State> state_;
};

}  // namespace weir::cli
