// One thread of load: a poller, a party, a mode, and the loop that sends on schedule.
//
// The main thread hands over one phase at a time and takes its statistics when it is over; nothing
// else is shared but the live counters and the time at which Ctrl-C ended everything.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tools/load/meter.h"
#include "tools/load/mode.h"
#include "tools/load/options.h"
#include "tools/load/schedule.h"

namespace weir::load {

struct Phase {
  std::uint64_t start_ns = 0;    // first message due
  std::uint64_t measure_ns = 0;  // start of the window
  std::uint64_t end_ns = 0;      // no message is due from here on
  std::uint64_t grace_ns = 0;    // how long answers are waited for after that
  double rate_per_s = 0;         // of this thread; 0 and closed 0: no operations
  std::uint32_t closed = 0;      // of this thread
};

class Worker {
 public:
  // `cut_ns`: the end of everything, UINT64_MAX while nobody has interrupted.
  Worker(const Options& options, std::uint32_t thread, const std::atomic<std::uint64_t>& cut_ns);
  ~Worker();

  enum class SetUp : std::uint8_t { kGoingOn, kReady, kBroken };
  SetUp set_up_state() const { return set_up_state_.load(std::memory_order_acquire); }
  std::uint32_t set_up_count() const { return set_up_count_.load(std::memory_order_relaxed); }
  std::string broken() const;

  void post(const Phase& phase);
  // The statistics of the phase posted last, once it is over; each once.
  std::optional<Stats> take();
  const Meter& meter() const { return meter_; }

 private:
  void run();
  bool set_up(Mode& mode);
  void run_phase(Mode& mode, const Phase& phase);
  // Sends what is due; the time of the next message.
  std::uint64_t send_due(Mode& mode, Schedule& schedule, std::uint64_t end_ns);
  // False: nothing more can be sent before something comes.
  bool send_closed(Mode& mode, const Phase& phase, std::uint64_t end_ns);

  const Options& options_;
  const std::uint32_t thread_number_;
  const std::atomic<std::uint64_t>& cut_ns_;
  Meter meter_;
  Poller* poller_ = nullptr;  // the thread's own
  std::uint64_t phases_run_ = 0;
  std::uint64_t last_done_ = 0;  // closed loop: completions when the last one was seen
  std::uint64_t last_done_ns_ = 0;

  std::atomic<SetUp> set_up_state_{SetUp::kGoingOn};
  std::atomic<std::uint32_t> set_up_count_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::string broken_;
  std::optional<Phase> posted_;
  std::optional<Stats> result_;
  std::thread thread_;
};

}  // namespace weir::load
