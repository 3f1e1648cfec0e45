// weir node counters (ours): everything that the node counts, every drop by its reason, every
// limit.
#include <fmt/core.h>

#include "tools/weir/commands.h"
#include "tools/weir/nodes.h"

namespace weir::cli {
namespace {

std::string rows(const std::vector<api::NamedValue>& values) {
  std::string out;
  for (const api::NamedValue& value : values) {
    out += fmt::format("    {:<32} {}\n", value.name, value.value);
  }
  return out;
}

std::string report_text(const api::CountersReport& report) {
  std::string out = "  Control\n" + rows(report.control);
  for (std::size_t i = 0; i < report.shards.size(); ++i) {
    out += fmt::format("  Shard {}\n", i) + rows(report.shards[i].values);
    for (const api::DropCount& drop : report.shards[i].drops) {
      out += fmt::format("    dropped: {:<23} {}  ({})\n", drop.name, drop.count, drop.words);
    }
  }
  return out + "  Limits\n" + rows(report.limits);
}

void run_counters(Context& context, const Arguments& arguments) {
  const NodeApi api = api_of(context, chosen_node(context, arguments.optional("NODE_NAME")));
  const auto report = api.get<api::CountersReport>("/node/counters");
  context.print({.plain = report_text(report), .machine = {}, .json = json_from(report)});
}

}  // namespace

CommandSpec node_counters_command() {
  return command("counters", "Everything that a node counts, drops and limits (weir)", run_counters)
      .with(positional("NODE_NAME", "The node; by default the default node"));
}

}  // namespace weir::cli
