// The command `weir`. In order: stdin substitution, --version, --env, parsing, global flags, and
// then the one function that the tree names for the words given (spec/07 section 1.1).
#include <fmt/core.h>
#include <signal.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "tools/weir/commands.h"
#include "tools/weir/context.h"
#include "tools/weir/failure.h"
#include "tools/weir/version.h"

namespace weir::cli {
namespace {

int report(const Failure& failure, const Terminal& terminal, bool no_color) {
  if (failure.message.empty()) return failure.exit_code;  // a child has said why
  if (failure.exit_code == kExitUsage) {
    write_stderr(fmt::format("error: {}\n", failure.message));
  } else {
    const ReportStyle style = {
        .graphic = terminal.stdout_is_terminal && terminal.stderr_is_terminal,
        .colour = terminal.stderr_is_terminal && !no_color};
    write_stderr(failure_report(failure, style));
  }
  return failure.exit_code;
}

void run(const std::vector<std::string>& words, const Terminal& terminal, int& exit_code) {
  const Prepared prepared = prepare(words, read_stdin_line);
  if (prepared.wants_version) {
    write_stdout(fmt::format("    {} {} (speaks {})\n    compiled from {}\n", kProgramName,
                             kVersionText, kSpeaksText, source_text()));
    return;
  }
  for (const auto& [name, value] : prepared.variables) ::setenv(name.c_str(), value.c_str(), 1);
  const CommandSpec root = command_tree();
  const Parsed parsed = parse(root, prepared.words);
  if (parsed.kind == Parsed::Kind::kText) {
    write_stdout(parsed.text);
    exit_code = parsed.exit_code;
    return;
  }
  const EnvLookup env = process_environment();
  const Globals globals = read_globals(parsed.arguments, env);
  if (parsed.arguments.has("test-argument-parser")) return;
  Context context(globals, env, terminal, root);
  if (parsed.arguments.has("pretty")) {
    context.note(warning_line("--pretty is deprecated. This flag has no effect"));
  }
  parsed.command->run(context, parsed.arguments);
}

}  // namespace
}  // namespace weir::cli

int main(int argc, char** argv) {
  using namespace weir::cli;
  ::signal(SIGPIPE, SIG_IGN);  // a broken pipe is a failure with a text and exit 70
  const Terminal terminal = Terminal::of_process();
  const bool no_color = ::getenv("NO_COLOR") != nullptr;
  int exit_code = kExitOk;
  try {
    run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), terminal, exit_code);
  } catch (const CommandFailed& failed) {
    bool flagged = no_color;
    for (int i = 1; i < argc; ++i) flagged = flagged || std::string(argv[i]) == "--no-color";
    exit_code = report(failed.failure(), terminal, flagged);
  } catch (const std::exception& failed) {
    exit_code =
        report(Failure{"Unexpected failure of the command", {failed.what()}, {}, {}, kExitFailed},
               terminal, no_color);
  }
  return exit_code;
}
