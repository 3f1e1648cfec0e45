// Is the process that a node recorded still that process? A pid alone may be reused, after a reboot
// at once; with its start time (field 22 of /proc/<pid>/stat, clock ticks since boot) it is unique,
// so that no command ever signals a foreign process (spec 08 §2.3, better than the original).
#pragma once

#include <cstdint>
#include <optional>

namespace weir {

enum class ProcessStatus : std::uint8_t { kStopped, kRunning, kZombie };

// nullopt: no such process, or /proc cannot be read.
std::optional<std::uint64_t> process_start_ticks(std::int64_t pid);
// kStopped also when the pid now belongs to another process. start_ticks 0 = unknown: pid decides.
ProcessStatus process_status(std::int64_t pid, std::uint64_t start_ticks);

}  // namespace weir
