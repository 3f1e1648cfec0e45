// The command line of weir-latency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::latency {

enum class Verb : std::uint8_t { kRecord, kReport, kCompare };

struct Options {
  Verb verb = Verb::kRecord;
  // record
  std::optional<std::string> at;
  double seconds = 10;
  // Timing a frame costs a shard about a microsecond, so it seems: at a million frames a second
  // and core one in 64 is a few per cent, one in 256 is lost in the noise.
  std::uint64_t sample = 256;
  std::uint64_t interval_ms = 250;
  std::uint64_t stall_us = 1000;
  bool take_over = false;
  bool quiet = false;
  std::string output;
  // record, report
  std::string html;
  bool text = false;
  // report, compare
  std::string file;
  std::string after;
  bool fail_on_regression = false;
};

struct ParsedOptions {
  Options options;
  std::optional<int> exit_code;  // help (0) or a usage error (64); `text` says it
  std::string text;
};
ParsedOptions parse_options(int argc, char** argv);

}  // namespace weir::latency
