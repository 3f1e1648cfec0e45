#include "dataplane/io/sim_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/check.h"
#include "dataplane/io/internal/readiness_io.h"

namespace weir {

using namespace io_internal;

namespace {

constexpr std::uint64_t kConnectTimeoutNs = 127 * kNsPerSecond;  // Linux: tcp_syn_retries = 6
constexpr std::uint16_t kEphemeralFirst = 40000;

enum EventKind : int {
  kSyn,            // at the acceptor's side of the connecting end `end`
  kConnectResult,  // at the connecting end; count = errno
  kData,
  kFin,
  kReset,
  kWindow,  // count bytes were read at the other side
};

}  // namespace

// A listener, or one side of a connection; the two sides of a connection are 2n and 2n + 1.
struct SimNetwork::End {
  SimParty* party = nullptr;
  std::uint32_t token = 0;
  unsigned untold_edges = 0;  // what happened before somebody owned it

  bool is_listener = false;
  std::deque<SimEnd> backlog;
  SocketAddress address;  // own (listener: bound)
  SocketAddress target;   // where it connects to or comes from

  std::int32_t connect_result = -EINPROGRESS;
  std::deque<std::uint8_t> arrived;
  std::uint64_t last_arrival_ns = 0;  // of what this end sent
  std::uint64_t in_flight_bytes = 0;  // sent by this end, not yet read by the other
  bool fin_sent = false;
  bool fin_arrived = false;
  bool is_reset = false;
  bool reset_told = false;  // ECONNRESET is told once, then it is the end of the stream
  bool is_lost = false;     // nothing arrives here any more
  bool wants_window = false;
  bool closed = false;
};

struct SimNetwork::Event {
  std::uint64_t at_ns;
  std::uint64_t sequence;
  int kind;
  SimEnd end;
  std::uint64_t count;
  Bytes bytes;
};

struct SimNetwork::Later {
  bool operator()(const std::unique_ptr<Event>& a, const std::unique_ptr<Event>& b) const {
    return a->at_ns != b->at_ns ? a->at_ns > b->at_ns : a->sequence > b->sequence;
  }
};

std::string SimParameters::to_string() const {
  return fmt::format(
      "delay {}..{} ns, window {} B, short_read {}, short_write {}, stall {} (up to {} ns), reset "
      "{}, "
      "lose {}, refuse_connect {}, lose_connect {}, fail_accept {}, exhaust_accept {} (per mille)",
      delay_ns_min, delay_ns_max, window_bytes, short_read, short_write, stall, stall_ns_max, reset,
      lose, refuse_connect, lose_connect, fail_accept, exhaust_accept);
}

SimParameters SimParameters::draw(SeededRng& rng) {
  SimParameters p;
  p.delay_ns_min = rng.below(1'000'000);
  p.delay_ns_max = p.delay_ns_min + rng.below(rng.chance(200) ? 200'000'000 : 2'000'000);
  p.window_bytes = static_cast<std::uint32_t>(1024u << rng.below(11));  // 1 KiB .. 1 MiB
  p.short_read = static_cast<std::uint32_t>(rng.below(500));
  p.short_write = static_cast<std::uint32_t>(rng.below(500));
  p.stall = static_cast<std::uint32_t>(rng.below(10));
  if (rng.chance(500)) p.reset = static_cast<std::uint32_t>(rng.below(5));
  if (rng.chance(250)) p.lose = static_cast<std::uint32_t>(rng.below(3));
  p.refuse_connect = static_cast<std::uint32_t>(rng.below(100));
  p.lose_connect = static_cast<std::uint32_t>(rng.below(20));
  p.fail_accept = static_cast<std::uint32_t>(rng.below(50));
  p.exhaust_accept = static_cast<std::uint32_t>(rng.below(50));
  return p;
}

SimNetwork::SimNetwork(std::uint64_t seed, const SimParameters& parameters)
    : rng_(seed), parameters_(parameters) {}

SimNetwork::~SimNetwork() = default;

// ---- time
// ------------------------------------------------------------------------------------------

std::uint64_t SimNetwork::next_event_ns() const {
  return heap_.empty() ? kForever : heap_.front()->at_ns;
}

void SimNetwork::advance_to(std::uint64_t time_ns) {
  while (next_event_ns() <= time_ns) {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const std::unique_ptr<Event> event = std::move(heap_.back());
    heap_.pop_back();
    now_ns_ = std::max(now_ns_, event->at_ns);
    run(*event);
  }
  now_ns_ = std::max(now_ns_, time_ns);
}

bool SimNetwork::step(std::uint64_t limit_ns) {
  const std::uint64_t next = next_event_ns();
  if (next > limit_ns || next == kForever) {
    if (limit_ns != kForever) advance_to(limit_ns);
    return false;
  }
  advance_to(next);
  return true;
}

std::uint64_t SimNetwork::draw_delay() {
  std::uint64_t delay = parameters_.delay_ns_min;
  const std::uint64_t spread = parameters_.delay_ns_max - std::min(delay, parameters_.delay_ns_max);
  if (spread > 0) delay += rng_.below(spread + 1);
  if (rng_.chance(parameters_.stall)) delay += rng_.below(parameters_.stall_ns_max + 1);
  return delay;
}

void SimNetwork::schedule(std::uint64_t at_ns, int kind, SimEnd end, Bytes bytes,
                          std::uint64_t count) {
  heap_.push_back(
      std::make_unique<Event>(Event{at_ns, sequence_++, kind, end, count, std::move(bytes)}));
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

// ---- what arrives
// ------------------------------------------------------------------------------------

void SimNetwork::tell(End& end, unsigned edges) {
  if (end.closed) return;
  if (end.party == nullptr) {
    end.untold_edges |= edges;
  } else {
    end.party->on_edge(end.token, edges);
  }
}

void SimNetwork::run(Event& event) {
  const auto mix = [this](std::uint64_t value) {
    trace_hash_ = (trace_hash_ ^ value) * 0x100000001b3;
  };
  mix(event.at_ns);
  mix(static_cast<std::uint64_t>(event.kind));
  mix(static_cast<std::uint64_t>(event.end));
  for (const std::uint8_t byte : event.bytes) mix(byte);

  End& end = *ends_[static_cast<std::size_t>(event.end)];
  if (event.kind == kSyn) return arrive_syn(event.end);
  if (event.kind == kConnectResult) {
    if (end.connect_result != -EINPROGRESS) return;
    end.connect_result = -static_cast<std::int32_t>(event.count);
    return tell(end, event.count == 0 ? unsigned{kWritableEdge} : unsigned{kEndEdge});
  }
  if (end.is_lost) return;
  switch (event.kind) {
    case kData:
      // Data for a closed end is answered with RST, as the kernel does.
      if (end.closed) return schedule(now_ns_ + draw_delay(), kReset, event.end ^ 1);
      if (end.is_reset) return;
      end.arrived.insert(end.arrived.end(), event.bytes.begin(), event.bytes.end());
      return tell(end, kReadableEdge);
    case kFin:
      if (end.is_reset) return;
      end.fin_arrived = true;
      return tell(end, kReadableEdge | kUrgentEdge);
    case kReset:
      return arrive_reset(event.end);
    case kWindow:
      end.in_flight_bytes -= event.count;
      if (end.wants_window) tell(end, kWritableEdge);
      end.wants_window = false;
      return;
    default:
      CHECK(false);
  }
}

SimEnd SimNetwork::find_listener(const SocketAddress& target) const {
  if (const auto exact = listeners_.find(target.text()); exact != listeners_.end())
    return exact->second;
  SocketAddress any;  // all addresses of the family
  any.any.sa_family = target.any.sa_family;
  any.set_port(target.port());
  const auto wildcard = listeners_.find(any.text());
  return wildcard != listeners_.end() ? wildcard->second : -1;
}

void SimNetwork::arrive_syn(SimEnd connecting) {
  End& from = *ends_[static_cast<std::size_t>(connecting)];
  if (from.closed) return;
  const SimEnd found = find_listener(from.target);
  const bool is_cut = cut_.contains(from.target.text());
  if (rng_.chance(parameters_.lose_connect) || is_cut) {
    return schedule(now_ns_ + kConnectTimeoutNs, kConnectResult, connecting, {}, ETIMEDOUT);
  }
  if (found < 0 || rng_.chance(parameters_.refuse_connect)) {
    return schedule(now_ns_ + draw_delay(), kConnectResult, connecting, {}, ECONNREFUSED);
  }
  End& accepting = *ends_[static_cast<std::size_t>(connecting ^ 1)];
  accepting.connect_result = 0;
  accepting.address = from.target;
  accepting.target = from.address;
  const std::uint64_t answer_ns = now_ns_ + draw_delay();
  accepting.last_arrival_ns = answer_ns;
  schedule(answer_ns, kConnectResult, connecting, {}, 0);
  if (rng_.chance(parameters_.fail_accept)) {
    return close(connecting ^ 1, true);
  }
  End& listener = *ends_[static_cast<std::size_t>(found)];
  listener.backlog.push_back(connecting ^ 1);
  accepting.untold_edges |= kWritableEdge;
  tell(listener, kReadableEdge);
}

void SimNetwork::arrive_reset(SimEnd id) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  if (end.is_reset || end.closed) return;
  if (end.connect_result == -EINPROGRESS) end.connect_result = -ECONNRESET;
  end.is_reset = true;
  tell(end, kEndEdge);
}

// ---- faults
// ------------------------------------------------------------------------------------------

void SimNetwork::lose_connection(SimEnd end) {
  ends_[static_cast<std::size_t>(end)]->is_lost = true;
  ends_[static_cast<std::size_t>(end ^ 1)]->is_lost = true;
}

void SimNetwork::reset_connection(SimEnd end) {
  schedule(now_ns_ + draw_delay(), kReset, end);
  schedule(now_ns_ + draw_delay(), kReset, end ^ 1);
}

void SimNetwork::cut(const SocketAddress& listener, bool is_cut) {
  if (!is_cut) {
    cut_.erase(listener.text());
    return;
  }
  cut_[listener.text()] = true;
  for (std::size_t i = 0; i + 1 < ends_.size(); i += 2) {
    if (!ends_[i]->is_listener && ends_[i]->target == listener)
      lose_connection(static_cast<SimEnd>(i));
  }
}

std::vector<SimEnd> SimNetwork::connections_to(const SocketAddress& listener) const {
  std::vector<SimEnd> out;
  for (std::size_t i = 0; i + 1 < ends_.size(); i += 2) {
    const End& end = *ends_[i];
    if (end.is_listener || end.is_reset || !(end.target == listener)) continue;
    if (!end.closed && !ends_[i + 1]->closed) out.push_back(static_cast<SimEnd>(i));
  }
  return out;
}

void SimNetwork::expire_lost() {
  for (const auto& end : ends_) {
    if (!end->is_lost) continue;
    end->is_lost = false;
    if (end->closed || end->is_reset) continue;
    if (end->connect_result == -EINPROGRESS) end->connect_result = -ETIMEDOUT;
    end->is_reset = true;
    tell(*end, kEndEdge);
  }
}

void SimNetwork::lose_all_of(const SimParty& party) {
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    if (ends_[i]->party == &party && !ends_[i]->is_listener)
      lose_connection(static_cast<SimEnd>(i));
  }
}

// ---- what parties call
// -------------------------------------------------------------------------------

SimEnd SimNetwork::listen(const SocketAddress& address, SocketAddress& bound) {
  bound = address;
  while (bound.port() == 0 || (address.port() == 0 && listeners_.contains(bound.text()))) {
    bound.set_port(next_port_++);
    if (next_port_ < kEphemeralFirst) next_port_ = kEphemeralFirst;
  }
  if (listeners_.contains(bound.text())) return -EADDRINUSE;
  const auto id = static_cast<SimEnd>(ends_.size());
  ends_.push_back(std::make_unique<End>());
  ends_.push_back(std::make_unique<End>());  // keeps the pairing by parity
  ends_.back()->closed = true;
  ends_.back()->is_listener = true;
  End& end = *ends_[static_cast<std::size_t>(id)];
  end.is_listener = true;
  end.address = bound;
  listeners_[bound.text()] = id;
  return id;
}

SimEnd SimNetwork::connect(const SocketAddress& address) {
  const auto id = static_cast<SimEnd>(ends_.size());
  ends_.push_back(std::make_unique<End>());
  ends_.push_back(std::make_unique<End>());
  End& end = *ends_[static_cast<std::size_t>(id)];
  end.target = address;
  end.address = SocketAddress::v4_loopback(next_port_++);
  if (next_port_ < kEphemeralFirst) next_port_ = kEphemeralFirst;
  end.last_arrival_ns = now_ns_ + draw_delay();
  schedule(end.last_arrival_ns, kSyn, id);
  return id;
}

std::int32_t SimNetwork::connect_outcome(SimEnd end) const {
  return ends_[static_cast<std::size_t>(end)]->connect_result;
}

SimEnd SimNetwork::accept(SimEnd listener, SocketAddress& peer) {
  End& end = *ends_[static_cast<std::size_t>(listener)];
  if (end.backlog.empty()) return -EAGAIN;
  if (rng_.chance(parameters_.exhaust_accept)) return -EMFILE;
  const SimEnd accepted = end.backlog.front();
  end.backlog.pop_front();
  peer = ends_[static_cast<std::size_t>(accepted)]->target;
  return accepted;
}

std::int32_t SimNetwork::send(SimEnd id, std::span<const iovec> vectors, std::size_t skip) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  if (end.is_reset) {
    const bool first = !std::exchange(end.reset_told, true);
    return first ? -ECONNRESET : -EPIPE;
  }
  if (end.fin_sent) return -EPIPE;
  Bytes bytes;
  const std::size_t room = parameters_.window_bytes -
                           std::min<std::uint64_t>(end.in_flight_bytes, parameters_.window_bytes);
  const std::size_t wanted = total_bytes(vectors) - skip;
  std::size_t count = std::min(room, wanted);
  if (count > 1 && rng_.chance(parameters_.short_write)) count = 1 + rng_.below(count);
  if (count < wanted) end.wants_window = true;
  if (count == 0 && wanted > 0) return -EAGAIN;
  // A random short write leaves room in the window: no edge would come for it by itself.
  if (count < wanted && count < room) tell(end, kWritableEdge);
  bytes.reserve(count);
  for (const iovec& vector : vectors) {
    const std::size_t skipped = std::min(skip, vector.iov_len);
    skip -= skipped;
    const std::size_t take = std::min(vector.iov_len - skipped, count - bytes.size());
    const auto* from = static_cast<const std::uint8_t*>(vector.iov_base) + skipped;
    bytes.insert(bytes.end(), from, from + take);
  }
  end.in_flight_bytes += count;
  end.last_arrival_ns = std::max(end.last_arrival_ns, now_ns_ + draw_delay());
  schedule(end.last_arrival_ns, kData, id ^ 1, std::move(bytes));
  if (rng_.chance(parameters_.reset)) reset_connection(id);
  if (rng_.chance(parameters_.lose)) lose_connection(id);
  return static_cast<std::int32_t>(count);
}

std::int32_t SimNetwork::receive(SimEnd id, MutableByteSpan into) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  if (end.arrived.empty()) {
    if (end.is_reset) return std::exchange(end.reset_told, true) ? 0 : -ECONNRESET;
    return end.fin_arrived ? 0 : -EAGAIN;
  }
  std::size_t count = std::min(into.size(), end.arrived.size());
  if (count > 1 && rng_.chance(parameters_.short_read)) count = 1 + rng_.below(count);
  const auto stop = end.arrived.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(end.arrived.begin(), stop, into.begin());
  end.arrived.erase(end.arrived.begin(), stop);
  if (!end.is_lost) schedule(now_ns_ + draw_delay(), kWindow, id ^ 1, {}, count);
  // A random short read leaves data behind that no further edge would announce.
  if (!end.arrived.empty()) tell(end, kReadableEdge);
  return static_cast<std::int32_t>(count);
}

void SimNetwork::shutdown_send(SimEnd id) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  if (end.fin_sent || end.is_reset) return;
  end.fin_sent = true;
  end.last_arrival_ns = std::max(end.last_arrival_ns, now_ns_ + draw_delay());
  schedule(end.last_arrival_ns, kFin, id ^ 1);
}

void SimNetwork::close(SimEnd id, bool reset) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  if (end.closed) return;
  end.party = nullptr;
  if (end.is_listener) {
    end.closed = true;
    listeners_.erase(end.address.text());
    for (const SimEnd waiting : end.backlog) close(waiting, true);
    return;
  }
  // Unread data turns an orderly close into a reset, as in the kernel. So does giving up a connect
  // that the other side has already taken.
  const bool is_half_made = end.connect_result != 0;
  if ((!is_half_made || ends_[static_cast<std::size_t>(id ^ 1)]->connect_result == 0) &&
      !end.is_reset) {
    if (reset || is_half_made || !end.arrived.empty()) {
      schedule(std::max(now_ns_ + draw_delay(), end.fin_sent ? end.last_arrival_ns : 0), kReset,
               id ^ 1);
    } else {
      shutdown_send(id);
    }
  }
  end.closed = true;
  end.arrived.clear();
}

void SimNetwork::own(SimEnd id, SimParty* party, std::uint32_t token) {
  End& end = *ends_[static_cast<std::size_t>(id)];
  end.party = party;
  end.token = token;
  if (end.untold_edges != 0) tell(end, std::exchange(end.untold_edges, 0));
}

}  // namespace weir
