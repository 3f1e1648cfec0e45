// weir-latency: record, report, compare. Exit codes: 0; 1 (failed, ended early, or a regression
// with --fail-on-regression); 64 (usage).
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "tools/latency/compare.h"
#include "tools/latency/options.h"
#include "tools/latency/record.h"
#include "tools/latency/report_html.h"
#include "tools/latency/report_text.h"

namespace {

using namespace weir;
using namespace weir::latency;

int failed(const std::string& what, const Error& error) {
  std::fputs(fmt::format("error: {}: {}\n", what, error.text()).c_str(), stderr);
  return 1;
}

// Writes and prints what was asked for.
int show(const Options& options, const Recording& recording) {
  if (!options.html.empty()) {
    const Status written = write_file(options.html, report_html(recording));
    if (!written) return failed("the report", written.error());
  }
  if (options.text) std::fputs(report_text(recording).c_str(), stdout);
  return 0;
}

int run_record(const Options& options) {
  const auto recording = record(options);
  if (!recording) return failed("cannot record", recording.error());
  int code = 0;
  if (!options.output.empty()) {
    const Status written = write_file(options.output, to_file_text(*recording));
    if (!written) code = failed("the recording", written.error());
  }
  code = std::max(code, show(options, *recording));
  if (recording->note.starts_with("it ended early")) {
    std::fputs(("warning: " + recording->note + "\n").c_str(), stderr);
    code = 1;
  }
  return code;
}

int run_report(const Options& options) {
  const auto recording = read_recording(options.file);
  if (!recording) return failed(options.file, recording.error());
  return show(options, *recording);
}

int run_compare(const Options& options) {
  const auto before = read_recording(options.file);
  if (!before) return failed(options.file, before.error());
  const auto after = read_recording(options.after);
  if (!after) return failed(options.after, after.error());
  bool regressed = false;
  const std::string text = comparison_text(*before, *after, compare(*before, *after), regressed);
  std::fputs(text.c_str(), stdout);
  return regressed && options.fail_on_regression ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const ParsedOptions parsed = parse_options(argc, argv);
  if (parsed.exit_code) {
    std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
    return *parsed.exit_code;
  }
  switch (parsed.options.verb) {
    case Verb::kRecord:
      return run_record(parsed.options);
    case Verb::kReport:
      return run_report(parsed.options);
    case Verb::kCompare:
      return run_compare(parsed.options);
  }
  return 0;
}
