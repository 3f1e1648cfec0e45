// A kind of load, as one thread runs it. The worker decides when; the mode knows what.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/rng.h"
#include "tools/load/meter.h"
#include "tools/load/options.h"
#include "tools/load/party.h"
#include "tools/load/poller.h"

namespace weir::load {

// What a mode works with. All outlive it.
struct ModeContext {
  const Options& options;
  Poller& poller;
  Party& party;
  Meter& meter;
  SeededRng& rng;
  std::uint32_t thread = 0;
};

class Mode {
 public:
  virtual ~Mode() = default;

  // Begins to set up; goes on in the poller's turns until ready() or broken().
  virtual Status start() = 0;
  virtual bool ready() const = 0;
  // Why it can never become ready; empty while there is hope.
  virtual std::string broken() const { return {}; }
  // How far it is, for the progress line.
  virtual std::uint32_t set_up() const { return 0; }

  // Starts one operation that was due at `intended_ns`. False: the target has not taken what was
  // sent before, nothing was done.
  virtual bool operate(std::uint64_t intended_ns) = 0;
  virtual std::uint64_t outstanding() const = 0;
  // Gives up waiting for what is outstanding.
  virtual void forget_outstanding() = 0;
  // A measurement begins. Modes without operations begin to stream.
  virtual void phase_begins() {}
  // Called every turn; the time when it wants to be called at the latest.
  virtual std::uint64_t tick(std::uint64_t) { return ~std::uint64_t{0}; }
  // Adds its own figures at the end of a measurement.
  virtual void finish(Stats&) {}
};

std::unique_ptr<Mode> make_mode(const ModeContext& context);

// The most that may wait for one connection before operations are held back.
inline constexpr std::size_t kBacklogBytesMax = 8 << 20;
// Tunnels that one thread sets up at the same time: fewer than the half-open handshakes that a node
// allows (32 per connection).
inline constexpr std::uint32_t kOpeningMax = 24;

}  // namespace weir::load
