// Where the node's log lines go: a file per day in production (file_logger.h), a function in tests.
// Called on the control thread only; a line has no newline at its end and never holds a secret.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir {

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError };
const char* log_level_name(LogLevel level);  // "INFO"

using Logger = std::function<void(LogLevel level, const std::string& line)>;

}  // namespace weir
