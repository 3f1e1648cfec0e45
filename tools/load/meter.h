// What one thread counts during one measurement, and how threads' counts come together.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"

namespace weir::load {

struct Stats {
  // Of operations that were due inside the window.
  std::uint64_t sent = 0;
  std::uint64_t completed = 0;  // ... whenever the answer came
  std::uint64_t held_back = 0;  // due, but the target had not taken what was sent before
  // Of completions inside the window, whenever they were due: the rate.
  std::uint64_t done_in_window = 0;
  std::uint64_t bytes_in_window = 0;              // payload
  Histogram latency_ns;                           // from the intended send time
  Histogram lag_ns;                               // of our own sending loop behind its schedule
  std::map<std::string, std::uint64_t> failures;  // by reason
  std::map<std::string, double> figures;          // what only this mode counts; added up
  Histogram bystander_ns;                         // adversaries: how an honest peer fares meanwhile
  std::uint64_t bystander_sent = 0;

  void merge(const Stats& other);
};

// The window of a measurement; the end may be brought forward by Ctrl-C.
struct Window {
  std::uint64_t from_ns = ~std::uint64_t{0};
  std::uint64_t end_ns = 0;
  bool has(std::uint64_t at_ns) const { return at_ns >= from_ns && at_ns < end_ns; }
};

class Meter {
 public:
  void begin(const Window& window) {
    window_ = window;
    stats_ = {};
  }
  void cut(std::uint64_t end_ns) {
    if (end_ns < window_.end_ns) window_.end_ns = end_ns;
  }
  const Window& window() const { return window_; }
  Stats& stats() { return stats_; }

  void lag(std::uint64_t intended_ns, std::uint64_t lag_ns) {
    if (window_.has(intended_ns)) stats_.lag_ns.record(lag_ns);
  }
  void sent(std::uint64_t intended_ns) {
    live_sent_.fetch_add(1, std::memory_order_relaxed);
    if (window_.has(intended_ns)) ++stats_.sent;
  }
  void held_back(std::uint64_t intended_ns) {
    if (window_.has(intended_ns)) ++stats_.held_back;
  }
  // An answer to what was due at `intended_ns` came at `at_ns`.
  void completed(std::uint64_t intended_ns, std::uint64_t at_ns, std::uint64_t bytes) {
    live_done_.fetch_add(1, std::memory_order_relaxed);
    if (window_.has(at_ns)) {
      ++stats_.done_in_window;
      stats_.bytes_in_window += bytes;
    }
    if (window_.has(intended_ns)) {
      ++stats_.completed;
      stats_.latency_ns.record(at_ns > intended_ns ? at_ns - intended_ns : 0);
    }
  }
  // Bytes of a stream that has no operations.
  void streamed(std::uint64_t at_ns, std::uint64_t bytes) {
    live_done_.fetch_add(bytes, std::memory_order_relaxed);
    if (window_.has(at_ns)) stats_.bytes_in_window += bytes;
  }
  void failed(const std::string& why) {
    live_failed_.fetch_add(1, std::memory_order_relaxed);
    ++stats_.failures[why];
  }

  // For the progress line; any thread.
  std::uint64_t live_sent() const { return live_sent_.load(std::memory_order_relaxed); }
  std::uint64_t live_done() const { return live_done_.load(std::memory_order_relaxed); }
  std::uint64_t live_failed() const { return live_failed_.load(std::memory_order_relaxed); }

 private:
  Window window_;
  Stats stats_;
  std::atomic<std::uint64_t> live_sent_{0};
  std::atomic<std::uint64_t> live_done_{0};
  std::atomic<std::uint64_t> live_failed_{0};
};

}  // namespace weir::load
