#include "tools/weir/failure.h"

#include <fmt/core.h>

#include "tools/weir/version.h"

namespace weir::cli {
namespace {

const char* code_of(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return "OCK404";
    case Errc::kAlreadyExists:
      return "OCK409";
    default:
      return "";
  }
}

// Later lines of a text stand under its first one.
std::string indented(const std::string& text, const char* prefix) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += prefix;
  }
  return out;
}

}  // namespace

void give_up(const Error& error) {
  // The texts of the state are the command's own (spec/07 4, 8): "what: detail" with what to do in
  // the detail is still one line for the reader.
  give_up(Failure{error.text(), {}, {}, code_of(error.code), kExitFailed});
}

std::string failure_report(const Failure& failure, const ReportStyle& style) {
  const char* cross = style.graphic ? "\u00d7" : "x";
  const char* arrow = style.graphic ? "\u2570\u2500\u25b6" : "`->";
  const char* bar = style.graphic ? "    \u2502 " : "    | ";
  const char* red = style.colour ? "\033[31m" : "";
  const char* grey = style.colour ? "\033[90m" : "";
  const char* end = style.colour ? "\033[0m" : "";

  std::string out =
      fmt::format("\n    {}{}{} {}\n", red, cross, end, indented(failure.message, bar));
  for (const std::string& cause : failure.causes) {
    out += fmt::format("    {} {}\n", arrow, indented(cause, "        "));
  }
  if (!failure.help.empty())
    out += fmt::format("    help: {}\n", indented(failure.help, "          "));
  out += "\n";
  if (!failure.code.empty())
    out += fmt::format("    {}Error code: {}{}\n", grey, failure.code, end);
  out += fmt::format("    {}{} {}{}\n", grey, kProgramName, kVersionText, end);
  return out;
}

}  // namespace weir::cli
