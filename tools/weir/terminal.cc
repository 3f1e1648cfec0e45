#include "tools/weir/terminal.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Terminal Terminal::of_process() {
  return {::isatty(STDIN_FILENO) == 1, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1};
}

void write_stdout(std::string_view text) {
  const int failed = write_all(STDOUT_FILENO, text);
  if (failed == 0 || failed == EBADF) return;
  std::string words = std::strerror(failed);
  if (failed == ENOSPC) words = "No space left on device";
  give_up(fmt::format("{} (os error {})", words, failed));
}

void write_stderr(std::string_view text) { write_all(STDERR_FILENO, text); }

bool read_stdin_line(std::string& line) {
  constexpr std::size_t kLineBytesMax = 1 << 20;
  line.clear();
  while (line.size() < kLineBytesMax) {
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return !line.empty();
    if (c == '\n') return true;
    line += c;
  }
  return true;
}

}  // namespace weir::cli
