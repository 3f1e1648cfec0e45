// One seed's world: three machines, their applications, one network, one time. Everything is
// stepped in one thread; who runs next follows from the seed.
//
// A run has four phases: set-up on a calm network, the rough phase (faults), calm again (everything
// must recover, new streams must work and old ones end), and quiet (everything that the streams
// took must have been given back).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/apps.h"
#include "tests/sim/host.h"
#include "tests/sim/planted_io.h"
#include "tests/sim/scenario.h"

namespace weir::sim {

struct Outcome {
  std::uint64_t hash = 0;  // of everything that happened: equal for equal seeds
  std::uint64_t turns = 0;
  std::uint64_t virtual_ms = 0;
  std::uint64_t bytes_checked = 0;
  std::uint32_t streams_done = 0;    // both directions to their end
  std::uint32_t streams_broken = 0;  // ended with an error, as they should have
  std::uint32_t restarts = 0;
  std::string failure;           // empty: all is well
  std::vector<std::string> log;  // the last lines, with virtual times
};

class World {
 public:
  // `echo`: every log line goes to stderr at once.
  World(const Scenario& scenario, const Plant& plant, bool echo);
  ~World();
  Outcome run();

 private:
  void set_up();
  void rough();
  void calm();
  void quiet();

  // Runs until it holds; false after that much virtual time.
  bool run_until(const std::function<bool()>& holds, std::uint64_t limit_ms);
  void sleep_ms(std::uint64_t ms) {
    run_until([] { return false; }, ms);
  }
  bool take_turns();
  std::uint64_t next_ns();
  std::uint64_t draw_turn_delay();
  void later(std::uint64_t ns, std::function<void()> what);

  void start_fault(const Fault& fault);
  void restart(Host& host, Host::Crash how, const Fault& fault);
  void boot_again(Host& host);
  void toggle_extra_inlet(Host& host);
  void act(const Act& what, bool must_succeed);
  void send_to_echo(const std::string& to, const Act& what, bool must_succeed,
                    std::function<void()> then);
  std::string peer_route() const;
  bool inlet_is_up();
  bool path_works();
  std::vector<Census> census() const;
  std::string describe(const std::vector<Census>& census) const;
  std::string open_streams() const;
  void require(bool holds, const std::string& otherwise) const;
  void note(const std::string& line);
  Host& host(HostRole role) { return *hosts_[static_cast<std::size_t>(role)]; }

  const Scenario& scenario_;
  Plant plant_;
  const bool echo_;
  SeededRng rng_;
  SimNetwork network_;
  std::multimap<std::uint64_t, std::function<void()>> later_;
  Apps apps_;
  std::vector<std::unique_ptr<Host>> hosts_;  // by role; no relay in a direct world
  std::vector<std::string> log_;
  SocketAddress inlet_;
  SocketAddress target_;
  std::vector<Census> baseline_;
  AppStream* probe_ = nullptr;
  std::uint64_t probe_until_ns_ = 0;  // then the next one is tried
  std::uint64_t turns_ = 0;
  std::uint64_t turns_at_this_time_ = 0;
  std::uint64_t last_ns_ = 0;
  std::uint32_t extra_inlets_ = 0;
  std::uint32_t acts_open_ = 0;
  std::uint32_t acts_required_ = 0;  // of these: must succeed
  std::string act_failure_;          // said by a callback of the node; thrown outside it
  bool faults_over_ = false;
};

// Draws, runs, and says what happened.
Outcome run_seed(std::uint64_t seed, const Plant& plant, bool echo);

}  // namespace weir::sim
