// A coarse timer as a descriptor, for components that close idle connections: ready once per period
// while it is armed.
#pragma once

#include <cstdint>

namespace weir {

class Ticker {
 public:
  Ticker();
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  int fd() const { return fd_; }
  void arm(std::uint32_t period_ms);  // no effect when it is armed
  void disarm();
  // Periods since the last call; makes the descriptor unready.
  std::uint64_t take();

 private:
  int fd_ = -1;
  bool armed_ = false;
};

}  // namespace weir
