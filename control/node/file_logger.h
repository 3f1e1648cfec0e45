// Log lines into nodes/<node>/stdout.YYYY-MM-DD.log, a new file at the first line of a new UTC day;
// the oldest files beyond `files_max` are removed (spec/08 section 7). Lines look like Ockam's:
//   2026-01-31T10:20:30.123456Z  INFO message
//
// Each line is one write(2), so that lines of two processes do not mix and nothing is lost in a
// kill. A full disk loses lines, never the node.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "control/node/logger.h"

namespace weir {

struct FileLogOptions {
  std::string directory;  // exists
  LogLevel level = LogLevel::kInfo;
  std::size_t files_max = 60;
};

class FileLog {
 public:
  explicit FileLog(FileLogOptions options);
  ~FileLog();
  FileLog(const FileLog&) = delete;
  FileLog& operator=(const FileLog&) = delete;

  void write(LogLevel level, const std::string& line);
  // Keeps the log alive as long as the Logger lives.
  static Logger logger(std::shared_ptr<FileLog> log);

 private:
  void open_for(const std::string& day);
  void remove_oldest() const;

  FileLogOptions options_;
  std::string day_;
  int fd_ = -1;
};

// "2026-01-31T10:20:30.123456Z  INFO message": also for a foreground node's terminal.
std::string log_line(LogLevel level, const std::string& text);
// "error", "warn", "info", "debug", "trace" in any case; `otherwise` for anything else.
LogLevel log_level_from(const std::string& text, LogLevel otherwise);

}  // namespace weir
