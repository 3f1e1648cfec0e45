// The process's three standard streams, as a command sees them. Only writing fails: a broken pipe
// is a failure of the command (exit 70), a closed stdout is not.
#pragma once

#include <string>
#include <string_view>

namespace weir::cli {

struct Terminal {
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;

  static Terminal of_process();
};

// Writes all of it; gives up with "Broken pipe (os error 32)" and the like.
void write_stdout(std::string_view text);
// Best effort.
void write_stderr(std::string_view text);
// One line of stdin without its newline, read byte by byte so that nothing behind it is consumed.
// False at the end of input.
bool read_stdin_line(std::string& line);

}  // namespace weir::cli
