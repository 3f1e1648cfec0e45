// A TCP-like network in virtual time, driven by a seed: delays, short reads and writes, bounded
// windows, stalls, resets, lost connections, refused connects, failed accepts. The same seed and
// the same calls give the same run, byte for byte: events are ordered by (time, sequence number)
// and everything is keyed by number.
//
// One thread. A driver steps every party (SimIo, SimPeer), and when none has anything to do moves
// the time to next_event_ns(). The network must outlive its parties.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rng.h"
#include "dataplane/io/socket_address.h"

namespace weir {

// Chances are per mille, drawn once per occasion named beside each.
struct SimParameters {
  std::uint64_t delay_ns_min = 50'000;   // one way, per segment
  std::uint64_t delay_ns_max = 500'000;  // order within a direction is kept
  std::uint32_t window_bytes = 262'144;  // sent and not yet read, per direction
  std::uint32_t short_read = 0;          // per read: less than is there
  std::uint32_t short_write = 0;         // per write: less than the window allows
  std::uint32_t stall = 0;               // per segment: it comes up to stall_ns_max later
  std::uint64_t stall_ns_max = 2 * kNsPerSecond;
  std::uint32_t reset = 0;           // per write: the connection breaks, both ends get ECONNRESET
  std::uint32_t lose = 0;            // per write: nothing arrives any more, in either direction
  std::uint32_t refuse_connect = 0;  // per connect
  std::uint32_t lose_connect = 0;    // per connect: no answer; ETIMEDOUT after 127 s
  std::uint32_t fail_accept = 0;     // per connection: dies in the backlog
  std::uint32_t exhaust_accept = 0;  // per accept: EMFILE

  // Everything on one line, to be printed with the seed when a run fails.
  std::string to_string() const;
  // Hostile, but so that runs still make progress.
  static SimParameters draw(SeededRng& rng);
};

// One end of a connection, or a listener: what NativeSocket means in the simulator. Never reused.
using SimEnd = std::int32_t;

// Who is told that something changed at an end. Told only from within advance_to() or its own
// calls.
class SimParty {
 public:
  virtual ~SimParty() = default;
  // `edges`: Readiness bits (internal/readiness_io.h); `token` as given to own().
  virtual void on_edge(std::uint32_t token, unsigned edges) = 0;
};

class SimNetwork {
 public:
  SimNetwork(std::uint64_t seed, const SimParameters& parameters);
  ~SimNetwork();

  std::uint64_t now_ns() const { return now_ns_; }
  // Time of the next event; UINT64_MAX if there is none.
  std::uint64_t next_event_ns() const;
  // Runs every event up to that time, then it is that time. Never goes back.
  void advance_to(std::uint64_t time_ns);
  // Advances to the next event or the limit, whichever is first; false if there was no event before
  // it.
  bool step(std::uint64_t limit_ns = ~std::uint64_t{0});

  const SimParameters& parameters() const { return parameters_; }
  void set_parameters(const SimParameters& parameters) { parameters_ = parameters; }
  SeededRng& rng() { return rng_; }
  // Hash over everything delivered so far: equal runs have equal ones.
  std::uint64_t trace_hash() const { return trace_hash_; }

  // Faults by hand. A cut address refuses connects and loses its open connections silently.
  void lose_connection(SimEnd end);
  void reset_connection(SimEnd end);
  void cut(const SocketAddress& listener, bool is_cut);
  // The connecting ends of the open connections to that address, oldest first.
  std::vector<SimEnd> connections_to(const SocketAddress& listener) const;
  // What keep-alive and retransmission find out in the end: connections that were lost break, both
  // ends get an error.
  void expire_lost();
  // Every connection of one party is lost: its machine has no power.
  void lose_all_of(const SimParty& party);

  // --- What parties call. All results are bytes, 0 or -errno as the system calls give them.
  SimEnd listen(const SocketAddress& address, SocketAddress& bound);  // -EADDRINUSE
  SimEnd connect(const SocketAddress& address);
  std::int32_t connect_outcome(SimEnd end) const;  // 0, -EINPROGRESS or why it failed
  SimEnd accept(SimEnd listener, SocketAddress& peer);
  std::int32_t send(SimEnd end, std::span<const iovec> vectors, std::size_t skip);
  std::int32_t receive(SimEnd end, MutableByteSpan into);
  void shutdown_send(SimEnd end);
  void close(SimEnd end, bool reset);
  // From now on `party` hears of the end; it hears at once what is already so.
  void own(SimEnd end, SimParty* party, std::uint32_t token);

 private:
  struct End;
  struct Event;
  struct Later;

  std::uint64_t draw_delay();
  void schedule(std::uint64_t at_ns, int kind, SimEnd end, Bytes bytes = {},
                std::uint64_t count = 0);
  void run(Event& event);
  SimEnd find_listener(const SocketAddress& target) const;
  void arrive_syn(SimEnd end);
  void arrive_reset(SimEnd end);
  void tell(End& end, unsigned edges);

  SeededRng rng_;
  SimParameters parameters_;
  std::uint64_t now_ns_ = kNsPerSecond;  // not 0: 0 means "do not wait" in deadlines
  std::uint64_t sequence_ = 0;
  std::uint64_t trace_hash_ = 0xcbf29ce484222325;
  std::uint16_t next_port_ = 40000;
  std::vector<std::unique_ptr<End>> ends_;
  std::map<std::string, SimEnd> listeners_;  // by address text
  std::map<std::string, bool> cut_;
  std::vector<std::unique_ptr<Event>> heap_;
};

// The network's time as a Clock; the wall clock can be made to jump.
class SimClock final : public Clock {
 public:
  explicit SimClock(const SimNetwork& network, std::uint64_t unix_seconds = 1'700'000'000)
      : network_(network), base_seconds_(static_cast<std::int64_t>(unix_seconds)) {}
  std::uint64_t now_ns() override { return network_.now_ns(); }
  std::uint64_t unix_seconds() override {
    return static_cast<std::uint64_t>(base_seconds_ +
                                      static_cast<std::int64_t>(network_.now_ns() / kNsPerSecond));
  }
  void jump(std::int64_t seconds) { base_seconds_ += seconds; }

 private:
  const SimNetwork& network_;
  std::int64_t base_seconds_;
};

}  // namespace weir
