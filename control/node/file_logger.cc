#include "control/node/file_logger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

namespace weir {
namespace {

constexpr char kPrefix[] = "stdout.";
constexpr char kSuffix[] = ".log";

timespec now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

std::string day_of(const timespec& time) {
  tm utc{};
  gmtime_r(&time.tv_sec, &utc);
  return fmt::format("{:04}-{:02}-{:02}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

std::string format(const timespec& time, LogLevel level, const std::string& text) {
  tm utc{};
  gmtime_r(&time.tv_sec, &utc);
  std::string line =
      fmt::format("{}T{:02}:{:02}:{:02}.{:06}Z {:>5} {}", day_of(time), utc.tm_hour, utc.tm_min,
                  utc.tm_sec, time.tv_nsec / 1000, log_level_name(level), text);
  // What a peer can write into a line must not look like another line.
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }, ' ');
  return line;
}

}  // namespace

std::string log_line(LogLevel level, const std::string& text) { return format(now(), level, text); }

LogLevel log_level_from(const std::string& text, LogLevel otherwise) {
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  for (const LogLevel level :
       {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (upper == log_level_name(level)) return level;
  }
  return otherwise;
}

FileLog::FileLog(FileLogOptions options) : options_(std::move(options)) {}

FileLog::~FileLog() {
  if (fd_ >= 0) ::close(fd_);
}

void FileLog::write(LogLevel level, const std::string& line) {
  if (level < options_.level) return;
  const timespec time = now();
  if (const std::string day = day_of(time); day != day_ || fd_ < 0) open_for(day);
  if (fd_ < 0) return;
  std::string text = format(time, level, line);
  text += '\n';
  // A short write is a full disk.
  const ssize_t written = ::write(fd_, text.data(), text.size());
  static_cast<void>(written);
}

void FileLog::open_for(const std::string& day) {
  if (fd_ >= 0) ::close(fd_);
  day_ = day;
  const std::string path = options_.directory + "/" + kPrefix + day + kSuffix;
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  remove_oldest();
}

void FileLog::remove_oldest() const {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) names.push_back(name);
  }
  if (names.size() <= options_.files_max) return;
  std::sort(names.begin(), names.end());  // the day is in the name
  names.resize(names.size() - options_.files_max);
  for (const std::string& name : names) {
    std::filesystem::remove(options_.directory + "/" + name, error);
  }
}

Logger FileLog::logger(std::shared_ptr<FileLog> log) {
  return
      [log = std::move(log)](LogLevel level, const std::string& line) { log->write(level, line); };
}

}  // namespace weir
