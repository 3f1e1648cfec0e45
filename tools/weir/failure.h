// How a command gives up. Inside this tool, and only here, a failure is thrown: a command is a
// straight line of steps of which each may end it, and nothing below tools/ ever sees the
// exception.
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitFailed = 70;

struct Failure {
  std::string message;              // first line; what scripts match (spec/07 1.5)
  std::vector<std::string> causes;  // one per level
  std::string help;                 // what to do about it; may be empty
  std::string code;                 // "OCK404"; may be empty
  int exit_code = kExitFailed;
};

class CommandFailed : public std::exception {
 public:
  explicit CommandFailed(Failure failure) : failure_(std::move(failure)) {}
  const char* what() const noexcept override { return failure_.message.c_str(); }
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

[[noreturn]] inline void give_up(Failure failure) { throw CommandFailed(std::move(failure)); }
[[noreturn]] inline void give_up(std::string message, std::string help = {}) {
  throw CommandFailed(Failure{std::move(message), {}, std::move(help), {}, kExitFailed});
}
// The arguments were wrong: "error: TEXT" on stderr, exit 64.
[[noreturn]] inline void refuse_usage(std::string text) {
  throw CommandFailed(Failure{std::move(text), {}, {}, {}, kExitUsage});
}
[[noreturn]] void give_up(const Error& error);

// The value, or the error's text as the command's failure.
template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}
inline void must(Status status) {
  if (!status) give_up(status.error());
}
// The same under a first line of the command's own; the error becomes the cause.
template <typename T>
T must(Result<T> result, const std::string& message) {
  if (!result) give_up(Failure{message, {result.error().text()}, {}, {}, kExitFailed});
  return std::move(*result);
}

struct ReportStyle {
  bool graphic = false;  // `×` and `╰─▶`: stdout and stderr are terminals
  bool colour = false;   // stderr is a terminal that takes colours
};
// The report of spec/07 1.5, ready for stderr, with its final newline.
std::string failure_report(const Failure& failure, const ReportStyle& style);

}  // namespace weir::cli
