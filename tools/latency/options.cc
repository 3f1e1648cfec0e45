#include "tools/latency/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "tools/latency/recording.h"

namespace weir::latency {
namespace {

constexpr int kExitUsage = 64;

void add_outputs(CLI::App& app, Options& options) {
  app.add_option("--html", options.html, "write the report as one self-contained HTML file");
  app.add_flag("--text", options.text, "print the report as text (the default without --html)");
}

void add_record(CLI::App& app, Options& options) {
  app.add_option("--at", options.at, "the node, as NAME or /node/NAME; else the default node");
  app.add_option("--seconds", options.seconds, "how long; Ctrl-C ends it earlier")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  app.add_option("--sample", options.sample, "time one frame in so many, at random")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--interval-ms", options.interval_ms, "how often the node is read")
      ->check(CLI::Range(std::uint64_t{20}, std::uint64_t{10'000}))
      ->capture_default_str();
  app.add_option("--stall-us", options.stall_us, "a turn of a shard this long is a stall")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{60'000'000}))
      ->capture_default_str();
  app.add_option("--output,-o", options.output, "write the recording, for `report` and `compare`");
  app.add_flag("--take-over", options.take_over, "end another profiler that is attached");
  app.add_flag("--quiet,-q", options.quiet, "no progress on stderr");
  add_outputs(app, options);
  app.footer(
      "Examples:\n"
      "  weir-latency record --at relay --seconds 30 -o before.json --html before.html\n"
      "  weir-latency record --at relay --sample 1 --text     every frame: for a quiet node");
}

void add_report(CLI::App& app, Options& options) {
  app.add_option("FILE", options.file, "what `record --output` wrote")->required();
  add_outputs(app, options);
  app.footer("Example:\n  weir-latency report before.json --html before.html");
}

void add_compare(CLI::App& app, Options& options) {
  app.add_option("BEFORE", options.file, "a recording")->required();
  app.add_option("AFTER", options.after, "another one, of the same load")->required();
  app.add_flag("--fail-on-regression", options.fail_on_regression,
               "exit 1 when something got slower beyond noise");
  app.footer("Example:\n  weir-latency compare before.json after.json");
}

}  // namespace

ParsedOptions parse_options(int argc, char** argv) {
  ParsedOptions parsed;
  CLI::App app(
      "Where frames spend their time in a running node, stage by stage: attached and detached\n"
      "without a restart. WORD --help says what each word takes.",
      "weir-latency");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  weir-latency record --at relay --seconds 10 -o a.json --html a.html\n"
      "  weir-latency compare a.json b.json");
  CLI::App* record = app.add_subcommand("record", "profile a running node for a while");
  CLI::App* report = app.add_subcommand("report", "a recording as text or HTML");
  CLI::App* compare =
      app.add_subcommand("compare", "what moved between two recordings, and beyond noise or not");
  add_record(*record, parsed.options);
  add_report(*report, parsed.options);
  add_compare(*compare, parsed.options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    parsed.exit_code = app.exit(error, out, err) == 0 ? 0 : kExitUsage;
    parsed.text = out.str() + err.str();
    return parsed;
  }
  if (report->parsed()) parsed.options.verb = Verb::kReport;
  if (compare->parsed()) parsed.options.verb = Verb::kCompare;
  if (parsed.options.html.empty() && parsed.options.output.empty()) parsed.options.text = true;
  return parsed;
}

}  // namespace weir::latency
