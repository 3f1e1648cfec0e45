#include "tools/load/meter.h"

namespace weir::load {

void Stats::merge(const Stats& other) {
  sent += other.sent;
  completed += other.completed;
  held_back += other.held_back;
  done_in_window += other.done_in_window;
  bytes_in_window += other.bytes_in_window;
  latency_ns.merge(other.latency_ns);
  lag_ns.merge(other.lag_ns);
  for (const auto& [why, times] : other.failures) failures[why] += times;
  for (const auto& [name, value] : other.figures) figures[name] += value;
  bystander_ns.merge(other.bystander_ns);
  bystander_sent += other.bystander_sent;
}

}  // namespace weir::load
