// What the system says about processes and the machine: CPU time, memory, name of the processor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::tools {

struct ProcessUse {
  double cpu_s = 0;  // user and system, of all threads alive
  std::uint64_t resident_bytes = 0;
  std::uint64_t anonymous_bytes = 0;
};
// nullopt: there is no such process, or we may not look at it.
std::optional<ProcessUse> process_use(std::uint32_t pid);
// CPU time of this process.
double own_cpu_s();

struct Machine {
  std::string cpu;
  std::string kernel;
  unsigned cores = 0;
};
Machine machine();

// As many open files as the system allows; the limit that holds now.
std::uint64_t raise_file_limit();

}  // namespace weir::tools
