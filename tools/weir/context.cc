#include "tools/weir/context.h"

#include <fmt/core.h>

#include <charconv>

#include "control/store/postgres_place.h"
#include "tools/weir/failure.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

constexpr std::uint64_t kDefaultTimeoutMs = 120'000;

bool switched_on(const EnvLookup& env, const char* name) {
  const auto text = env(name);
  if (!text) return false;
  const auto value = parse_bool(*text);
  if (!value) {
    refuse_usage(fmt::format("invalid value '{}' for the variable {}: true or false", *text, name));
  }
  return *value;
}

constexpr char kAdviceUrl[] =
    "WEIR_DATABASE_URL is postgres://user:password@host:port/name; without it and without "
    "OCKAM_DATABASE_* the state is in SQLite";

[[noreturn]] void give_up_state(std::string what, const Error& error, const char* advice) {
  give_up(Failure{std::move(what), {error.text()}, advice, {}, kExitFailed});
}

}  // namespace

Globals read_globals(const Arguments& arguments, const EnvLookup& env) {
  Globals globals;
  globals.quiet = arguments.has("quiet") || switched_on(env, "QUIET");
  globals.no_input = arguments.has("no-input") || switched_on(env, "NO_INPUT");
  const auto no_color = env("NO_COLOR");
  globals.no_color = arguments.has("no-color") || (no_color && !no_color->empty()) ||
                     env("TERM").value_or("") == "dumb";
  globals.verbosity = arguments.count("verbose");
  globals.compact = arguments.has("compact-output");
  const auto format = arguments.optional("output");
  globals.plain = format == "plain";
  globals.json = format == "json" || (globals.compact && !format);
  return globals;
}

std::optional<std::string> setting(const EnvLookup& env, std::string_view name) {
  for (const char* prefix : {"WEIR_", "OCKAM_"}) {
    auto value = env((prefix + std::string(name)).c_str());
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

bool setting_is_on(const EnvLookup& env, std::string_view name) {
  const auto text = setting(env, name);
  return text && parse_bool(*text).value_or(true);
}

std::uint64_t default_timeout_ms(const EnvLookup& env) {
  const auto text = setting(env, "DEFAULT_TIMEOUT");
  if (!text) return kDefaultTimeoutMs;
  const auto duration = parse_duration(*text);
  return duration ? duration->ms : kDefaultTimeoutMs;
}

Context::Context(Globals globals, EnvLookup env, Terminal terminal, const CommandSpec& root)
    : globals_(globals), env_(std::move(env)), terminal_(terminal), root_(root) {}

const std::string& Context::home() {
  if (!home_) home_ = must(home_directory(env_));
  return *home_;
}

State& Context::state() {
  if (state_) return *state_;
  auto postgres = postgres_place(env_);
  if (!postgres) give_up_state("Failed to open the state", postgres.error(), kAdviceUrl);
  StateOptions options;
  options.home = home();
  options.postgres = *postgres;
  auto opened = State::open(options);
  if (!opened && *postgres) {
    give_up_state(fmt::format("Failed to open the state in PostgreSQL at {}", (*postgres)->text()),
                  opened.error(), kAdviceUrl);
  }
  if (!opened) {
    const bool says_it = opened.error().code == Errc::kRefused;
    give_up_state(fmt::format("Failed to open the local state in {}", home()), opened.error(),
                  says_it ? "" : "set WEIR_HOME to use another directory");
  }
  state_ = std::move(*opened);
  return *state_;
}

OutputMode Context::output_mode() const {
  return {.json = globals_.json,
          .plain = globals_.plain,
          .compact = globals_.compact,
          .is_terminal = terminal_.stdout_is_terminal};
}

void Context::print(const Output& output) { write_stdout(rendered(output, output_mode())); }

void Context::note(std::string_view line) {
  if (!globals_.quiet) write_stderr(std::string(line) + "\n");
}

void Context::progress(std::string_view line) {
  if (terminal_.stderr_is_terminal) note(line);
}

bool Context::confirm(bool yes_given, std::string_view question) {
  if (yes_given) return true;
  if (!can_ask()) give_up("Use --yes to confirm");
  write_stderr(fmt::format("{} [Y/n] ", question));
  std::string answer;
  if (!read_stdin_line(answer)) return false;
  return answer.empty() || answer[0] == 'y' || answer[0] == 'Y';
}

std::vector<std::string> Context::choose(std::string_view question,
                                         const std::vector<std::string>& items) {
  std::string text(question);
  for (std::size_t i = 0; i < items.size(); ++i) text += fmt::format("\n  {}  {}", i + 1, items[i]);
  write_stderr(text + "\nNumbers, separated by blanks: ");
  std::string answer;
  std::vector<std::string> chosen;
  if (!read_stdin_line(answer)) return chosen;
  const char* at = answer.data();
  const char* end = at + answer.size();
  while (at < end) {
    std::size_t number = 0;
    const auto [next, failed] = std::from_chars(at, end, number);
    if (failed == std::errc() && number >= 1 && number <= items.size()) {
      chosen.push_back(items[number - 1]);
    }
    at = next == at ? at + 1 : next;
  }
  return chosen;
}

std::uint64_t Context::duration_ms(const Arguments& arguments, std::string_view key,
                                   std::uint64_t otherwise_ms) {
  if (!arguments.has(key)) return otherwise_ms;
  const Duration duration = must(parse_duration(arguments.text(key)));
  if (!duration.leftover.empty()) {
    note(warning_line(fmt::format("'{}' in '{}' means nothing: only the number at its end counts",
                                  duration.leftover, arguments.text(key))));
  }
  return duration.ms;
}

}  // namespace weir::cli
