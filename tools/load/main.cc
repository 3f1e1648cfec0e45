// weir-load: load that speaks the protocol itself. Parse, run, print.
#include <fmt/core.h>

#include <cstdio>

#include "tools/load/options.h"
#include "tools/load/report.h"
#include "tools/load/run.h"

int main(int argc, char** argv) {
  using namespace weir::load;
  const ParsedOptions parsed = parse_options(argc, argv);
  if (parsed.exit_code) {
    std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
    return *parsed.exit_code;
  }
  const RunResult result = run(parsed.options);
  const std::string text = parsed.options.json ? report_json(parsed.options, result)
                                               : report_text(parsed.options, result);
  std::fputs(text.c_str(), stdout);
  return result.error.empty() ? 0 : 1;
}
