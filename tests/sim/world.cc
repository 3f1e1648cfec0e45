#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tests/sim/failure.h"

namespace weir::sim {
namespace {

// Bounds in virtual time. Three unanswered pings (30 s), an attempt that hangs (30 s) and the
// longest back-off (3 s) may follow each other.
constexpr std::uint64_t kSetUpMs = 30'000;
constexpr std::uint64_t kRecoverMs = 75'000;
constexpr std::uint64_t kStreamsMs = 90'000;
// Linger of channels, idle forwarders and workers that wait for an answer.
constexpr std::uint64_t kQuietMs = 200'000;
// More turns than this in one instant, or in one run: something spins.
constexpr std::uint64_t kTurnsPerInstantMax = 100'000;
constexpr std::uint64_t kTurnsMax = 20'000'000;
constexpr std::size_t kLogLines = 400;
constexpr std::uint16_t kInletPort = 6000;
constexpr std::uint16_t kTargetPort = 7000;

}  // namespace

World::World(const Scenario& scenario, const Plant& plant, bool echo)
    : scenario_(scenario),
      plant_(plant),
      echo_(echo),
      rng_(scenario.seed ^ 0x7475726e),
      network_(scenario.seed, scenario.calm),
      apps_(
          network_,
          [this](std::uint64_t ns, std::function<void()> what) { later(ns, std::move(what)); },
          [this](const std::string& line) { note(line); }),
      inlet_(SocketAddress::v4_loopback(kInletPort)),
      target_(SocketAddress::v4_loopback(kTargetPort)) {
  for (int role = 0; role < kHosts; ++role) {
    hosts_.push_back(std::make_unique<Host>(
        network_, scenario_, plant_, static_cast<HostRole>(role),
        [this, role](const std::string& line) {
          note(fmt::format("{}: {}", hosts_[static_cast<std::size_t>(role)]->name, line));
        }));
  }
}

World::~World() = default;

Outcome World::run() {
  Outcome outcome;
  try {
    set_up();
    rough();
    calm();
    quiet();
  } catch (const Failure& failure) {
    outcome.failure = failure.what();
    note("FAILED: " + outcome.failure);
    for (const auto& one : hosts_) {
      for (const std::string& line : one->dump()) note(line);
      note(one->name + " dropped:" + one->drops());
    }
  }
  outcome.hash = network_.trace_hash() ^ apps_.hash() ^ turns_;
  outcome.turns = turns_;
  outcome.virtual_ms = network_.now_ns() / kNsPerMs;
  outcome.bytes_checked = apps_.bytes_checked();
  for (const auto& stream : apps_.streams())
    ++(stream->succeeded() ? outcome.streams_done : outcome.streams_broken);
  for (const auto& one : hosts_) outcome.restarts += one->starts - std::min(one->starts, 1U);
  outcome.log = std::move(log_);
  return outcome;
}

// --- phases
// -----------------------------------------------------------------------------------------------

// From the inlet's host to the outlet's, by a channel between them.
std::string World::peer_route() const {
  const auto at = [this](HostRole role) {
    return "/ip4/127.0.0.1/tcp/" +
           std::to_string(hosts_[static_cast<std::size_t>(role)]->listener.port());
  };
  const std::string end = "/secure/api";
  switch (scenario_.topology) {
    case Topology::kDirect:
      return at(HostRole::kOutlet) + end;
    case Topology::kRelay:
      return at(HostRole::kRelay) + "/service/forward_to_r" + end;
    case Topology::kRelayChannels:
    case Topology::kCount:
      break;
  }
  return at(HostRole::kRelay) + "/secure/api/service/forward_to_r" + end;
}

void World::set_up() {
  for (auto& one : hosts_) {
    if (one->role == HostRole::kRelay && !scenario_.has_relay()) continue;
    require(one->boot(false), one->name + " did not start");
    require(run_until([&] { return one->is_started(); }, kSetUpMs), one->name + " did not listen");
  }
  apps_.serve(target_);
  bool outlet_made = false;
  OutletRequest outlet;
  outlet.to = wire::HostnamePort::parse(target_.text()).value();
  host(HostRole::kOutlet).node().create_outlet(outlet, [&](const auto& made) {
    outlet_made = made.has_value();
  });
  require(run_until([&] { return outlet_made; }, kSetUpMs), "the outlet was not made");
  if (scenario_.has_relay()) {
    RelayRequest relay;
    const bool secure = scenario_.topology == Topology::kRelayChannels;
    relay.at = wire::MultiAddr::parse("/ip4/127.0.0.1/tcp/" +
                                      std::to_string(host(HostRole::kRelay).listener.port()) +
                                      (secure ? "/secure/api" : ""))
                   .value();
    relay.name = "r";
    relay.relay_address = "r";
    relay.wait_for_connection = false;
    host(HostRole::kOutlet).node().create_relay(relay, [](const auto&) {});
    const auto up = [&] {
      const auto relays = host(HostRole::kOutlet).node().list_relays();
      return !relays.empty() && relays[0].status == ConnectionStatus::kUp;
    };
    require(run_until(up, kSetUpMs), "the relay did not come up");
  }
  InletRequest inlet;
  inlet.listen = wire::HostnamePort::parse(inlet_.text()).value();
  inlet.to = wire::MultiAddr::parse(peer_route() + "/service/outlet").value();
  inlet.alias = "in";
  inlet.wait_connection = false;
  host(HostRole::kInlet).node().create_inlet(inlet, [](const auto&) {});
  require(run_until([&] { return inlet_is_up(); }, kSetUpMs), "the inlet did not come up");
  sleep_ms(3'000);
  baseline_ = census();
  note("set up: " + describe(baseline_));
}

void World::rough() {
  network_.set_parameters(scenario_.rough);
  for (const Fault& fault : scenario_.faults) {
    later(fault.at_ms * kNsPerMs, [this, fault] {
      if (!faults_over_) start_fault(fault);
    });
  }
  const bool clean = scenario_.is_clean();
  for (const StreamPlan& plan : scenario_.rough_streams) {
    later(plan.start_ms * kNsPerMs,
          [this, plan, clean] { apps_.start(plan, inlet_, clean && plan.abort == Abort::kNone); });
  }
  for (const Act& what : scenario_.rough_acts)
    later(what.at_ms * kNsPerMs, [this, what, clean] { act(what, clean); });
  sleep_ms(scenario_.rough_ms);
}

void World::calm() {
  faults_over_ = true;
  note("calm");
  network_.set_parameters(scenario_.calm);
  network_.cut(host(HostRole::kRelay).listener, false);
  network_.cut(host(HostRole::kOutlet).listener, false);
  network_.cut(host(HostRole::kInlet).listener, false);
  network_.expire_lost();
  apps_.serve(target_);
  for (auto& one : hosts_) {
    if (one->disk.power_is_cut()) continue;  // boot_again() is on its way
    one->disk.heal();
    for (const Fault& fault : scenario_.faults) {
      if (fault.kind == FaultKind::kClockJump && fault.host == one->role &&
          fault.at_ms <= scenario_.rough_ms) {
        one->clock.jump(-fault.seconds);
      }
    }
  }
  // What was on its way, resets too, is still as rough as it was.
  sleep_ms((scenario_.rough.delay_ns_max + scenario_.rough.stall_ns_max) / kNsPerMs + 1);
  const auto all_up = [&] {
    return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& one) {
      return one->is_started() || (one->role == HostRole::kRelay && !scenario_.has_relay());
    });
  };
  require(run_until(all_up, kRecoverMs), "a host did not come back");
  require(run_until([&] { return path_works(); }, kRecoverMs), "new streams do not work again");
  note("recovered");
  std::vector<AppStream*> streams;
  for (const StreamPlan& plan : scenario_.calm_streams) {
    later(plan.start_ms * kNsPerMs,
          [this, plan, &streams] { streams.push_back(&apps_.start(plan, inlet_, true)); });
  }
  const auto done = [&](std::size_t from) {
    return streams.size() == scenario_.calm_streams.size() &&
           std::all_of(streams.begin() + static_cast<std::ptrdiff_t>(from), streams.end(),
                       [](const AppStream* stream) { return stream->succeeded(); });
  };
  for (const Act& what : scenario_.calm_acts)
    later(what.at_ms * kNsPerMs, [this, what] { act(what, true); });
  // The first one's reader stands still meanwhile; the others must not wait for it.
  const bool others =
      run_until([&] { return done(1); }, scenario_.calm_streams[0].read_first_ms[0]);
  require(others, "a slow reader holds up other streams: " + open_streams());
  require(run_until([&] { return acts_required_ == 0; }, 4'000),
          "a new message is not answered in time");
  require(run_until([&] { return done(0); }, kStreamsMs),
          "new streams do not come to their end: " + open_streams());
}

// The inlet is up, and a small stream went through. What looks up may still have to find out that
// its peer has forgotten it (three pings), so that streams are tried again and again.
bool World::path_works() {
  if (!inlet_is_up()) return false;
  if (probe_ != nullptr && probe_->succeeded()) return true;
  if (probe_ != nullptr && !probe_->is_over() && network_.now_ns() < probe_until_ns_) return false;
  if (network_.now_ns() < probe_until_ns_) return false;
  probe_until_ns_ = network_.now_ns() + kNsPerSecond;
  StreamPlan plan;
  plan.bytes[kClient] = plan.bytes[kServer] = 64;
  probe_ = &apps_.start(plan, inlet_, false);
  return false;
}

void World::quiet() {
  const auto all_over = [&] {
    return apps_.open_anonymous() == 0 &&
           std::all_of(apps_.streams().begin(), apps_.streams().end(),
                       [](const auto& stream) { return stream->is_over(); });
  };
  // An end behind an opaque relay is not told that the other end lost its connection: such channels
  // and their streams end with the connection to the relay (README.md, "Known").
  if (scenario_.has_relay()) {
    for (const SimEnd link : network_.connections_to(host(HostRole::kRelay).listener))
      network_.reset_connection(link);
  }
  require(run_until([&] { return acts_open_ == 0; }, kQuietMs), "a message is never answered for");
  require(run_until(all_over, kQuietMs), "streams of the rough phase hang: " + open_streams());
  for (const auto& stream : apps_.streams()) {
    require(!stream->must_succeed || stream->succeeded(),
            fmt::format("stream {} did not succeed", stream->number));
  }
  const std::uint64_t end_ns = network_.now_ns() + kQuietMs * kNsPerMs;
  while (census() != baseline_) {
    require(network_.now_ns() < end_ns, "not everything was given back: before " +
                                            describe(baseline_) + "; now " + describe(census()));
    sleep_ms(997);
  }
}

// --- faults
// -----------------------------------------------------------------------------------------------

void World::start_fault(const Fault& fault) {
  Host& at = host(fault.host);
  note(fmt::format("fault: {} ({})", fault_name(fault.kind), at.name));
  const SocketAddress& middle =
      host(scenario_.has_relay() ? HostRole::kRelay : HostRole::kOutlet).listener;
  const std::uint64_t for_ns = fault.for_ms * kNsPerMs;
  switch (fault.kind) {
    case FaultKind::kResetLink:
    case FaultKind::kLoseLink: {
      const auto links = network_.connections_to(middle);
      if (links.empty()) return;
      const SimEnd link = links[fault.choice % links.size()];
      return fault.kind == FaultKind::kResetLink ? network_.reset_connection(link)
                                                 : network_.lose_connection(link);
    }
    case FaultKind::kCutLink:
      network_.cut(middle, true);
      return later(for_ns, [this, middle] { network_.cut(middle, false); });
    case FaultKind::kKill:
      return restart(at, Host::Crash::kProcess, fault);
    case FaultKind::kPowerLoss:
      return restart(at, Host::Crash::kPower, fault);
    case FaultKind::kShutdown:
      if (!at.is_started()) return;
      at.shut_down();
      later(100 * kNsPerMs, [&at] { at.stop_shards(); });
      return later(200 * kNsPerMs,
                   [this, &at, fault] { restart(at, Host::Crash::kProcess, fault); });
    case FaultKind::kDiskFull:
      if (at.disk.power_is_cut()) return;
      at.disk.fill_up_after(fault.choice % 8);
      return later(for_ns, [&at] {
        if (!at.disk.power_is_cut()) at.disk.heal();
      });
    case FaultKind::kClockJump:
      return at.clock.jump(fault.seconds);
    case FaultKind::kTargetDown:
      apps_.stop_serving();
      return later(for_ns, [this] { apps_.serve(target_); });
    case FaultKind::kExtraInlet:
      toggle_extra_inlet(host(HostRole::kInlet));
      return;
    case FaultKind::kCount:
      return;
  }
}

void World::restart(Host& at, Host::Crash how, const Fault& fault) {
  if (!at.is_up()) return;
  if (at.role != HostRole::kRelay) apps_.taint_open_streams();
  at.crash(how, fault.choice);
  if (how == Host::Crash::kPower) network_.cut(at.listener, true);
  later(fault.for_ms * kNsPerMs, [this, &at] {
    network_.cut(at.listener, false);
    boot_again(at);
  });
}

void World::boot_again(Host& at) {
  if (at.is_up()) return;
  note(at.name + ": starts again");
  if (at.boot(true)) return;
  later(kNsPerSecond, [this, &at] { boot_again(at); });
}

void World::toggle_extra_inlet(Host& at) {
  if (!at.is_started()) return;
  const std::string alias = fmt::format("extra{}", ++extra_inlets_);
  InletRequest request;
  request.listen = wire::HostnamePort::parse("127.0.0.1:0").value();
  request.to = wire::MultiAddr::parse(peer_route() + "/service/outlet").value();
  request.alias = alias;
  request.wait_connection = false;
  at.node().create_inlet(request, [](const auto&) {});
  // Deleted until the deletion is on a healthy disk: a restart from a full one brings it back.
  auto remove = std::make_shared<std::function<void()>>();
  *remove = [this, &at, alias, again = std::weak_ptr(remove)] {
    if (at.is_started()) (void)at.node().delete_inlet(alias);
    if (at.is_started() && faults_over_) return;
    if (auto self = again.lock()) later(kNsPerSecond, [self] { (*self)(); });
  };
  later(kNsPerSecond, [remove] { (*remove)(); });
}

// --- what the operator does
// -------------------------------------------------------------------------------

void World::act(const Act& what, bool must_succeed) {
  Host& at = host(HostRole::kInlet);
  if (!at.is_started()) return;
  if (!what.by_channel) return send_to_echo(peer_route() + "/service/echo", what, must_succeed, {});
  ChannelRequest request;
  request.to = wire::MultiAddr::parse(peer_route()).value();
  request.timeout_ms = 10'000;
  at.node().create_secure_channel(
      request, [this, &at, what, must_succeed](const Result<SecureChannelInfo>& made) {
        if (!made) {
          if (must_succeed) act_failure_ = "no channel for a message: " + made.error().text();
          return;
        }
        const std::string encryptor = made->encryptor;
        send_to_echo("/service/" + encryptor + "/service/echo", what, must_succeed,
                     [&at, encryptor] { (void)at.node().delete_secure_channel(encryptor); });
      });
}

// The answer is the question, or there is none. `then` only in the same life of the host.
void World::send_to_echo(const std::string& to, const Act& what, bool must_succeed,
                         std::function<void()> then) {
  Host& at = host(HostRole::kInlet);
  Bytes payload(what.bytes);
  fill_pattern(what.bytes, kServer, 0, payload);
  const std::uint32_t required = must_succeed ? 1 : 0;
  ++acts_open_;
  acts_required_ += required;
  // A node that dies forgets its callbacks.
  auto open = std::shared_ptr<void>(nullptr, [this, required](void*) {
    --acts_open_;
    acts_required_ -= required;
  });
  at.node().send_message(wire::MultiAddr::parse(to).value(), payload, 10'000,
                         [this, open, payload, must_succeed, then](const Result<Bytes>& answer) {
                           if (answer && *answer != payload) {
                             act_failure_ = "echo answered something else";
                           } else if (!answer && must_succeed) {
                             act_failure_ = "echo did not answer: " + answer.error().text();
                           }
                           if (then) then();
                         });
}

// --- time
// -------------------------------------------------------------------------------------------------

void World::later(std::uint64_t ns, std::function<void()> what) {
  later_.emplace(network_.now_ns() + ns, std::move(what));
}

std::uint64_t World::draw_turn_delay() {
  std::uint64_t delay = 0;
  if (scenario_.turn_delay_ns_max > 0) delay = rng_.below(scenario_.turn_delay_ns_max);
  if (scenario_.preempt_ns_max > 0 && rng_.chance(scenario_.preempt))
    delay += rng_.below(scenario_.preempt_ns_max);
  return delay;
}

// One turn for everybody who has work and a CPU. False: nothing more to do at this time.
bool World::take_turns() {
  const std::uint64_t now = network_.now_ns();
  if (now != last_ns_) {
    last_ns_ = now;
    turns_at_this_time_ = 0;
  }
  bool busy = false;
  while (!later_.empty() && later_.begin()->first <= now) {
    const auto what = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    what();
    busy = true;
  }
  for (auto& one : hosts_) {
    for (Thread* thread : one->threads()) {
      if (!thread->is_due()) continue;
      if (thread->ready_ns == 0) thread->ready_ns = now + draw_turn_delay();
      if (thread->ready_ns > now) continue;
      thread->ready_ns = 0;
      thread->turn();
      ++turns_at_this_time_;
      if (++turns_ % 64 == 0) one->check_bounds();
      busy = true;
    }
  }
  if (apps_.is_due()) {
    apps_.turn();
    busy = true;
  }
  require(act_failure_.empty(), act_failure_);
  require(turns_at_this_time_ < kTurnsPerInstantMax, "the hosts spin without time going on");
  require(turns_ < kTurnsMax, "the run does not come to its end");
  return busy;
}

std::uint64_t World::next_ns() {
  std::uint64_t next = network_.next_event_ns();
  if (!later_.empty()) next = std::min(next, later_.begin()->first);
  for (auto& one : hosts_) {
    for (Thread* thread : one->threads())
      next = std::min(next, thread->ready_ns != 0 ? thread->ready_ns : thread->deadline_ns());
  }
  return next;
}

bool World::run_until(const std::function<bool()>& holds, std::uint64_t limit_ms) {
  const std::uint64_t end_ns = network_.now_ns() + limit_ms * kNsPerMs;
  for (;;) {
    while (take_turns()) {
    }
    if (holds()) return true;
    if (network_.now_ns() >= end_ns) return false;
    network_.advance_to(std::clamp(next_ns(), network_.now_ns() + 1, end_ns));
  }
}

// --- what is seen
// -----------------------------------------------------------------------------------------

bool World::inlet_is_up() {
  Host& at = host(HostRole::kInlet);
  if (!at.is_started()) return false;
  for (const InletStatus& inlet : at.node().list_inlets()) {
    if (inlet.alias == "in") return inlet.status == ConnectionStatus::kUp;
  }
  return false;
}

std::vector<Census> World::census() const {
  std::vector<Census> out;
  for (const auto& one : hosts_) out.push_back(one->census());
  return out;
}

std::string World::describe(const std::vector<Census>& census) const {
  std::string out;
  for (std::size_t i = 0; i < census.size(); ++i)
    out += fmt::format("{}{} [{}]", i == 0 ? "" : ", ", hosts_[i]->name, census[i].to_string());
  return out;
}

std::string World::open_streams() const {
  std::string out;
  for (const auto& stream : apps_.streams()) {
    if (stream->is_over()) continue;
    out += fmt::format("[{}:", stream->number);
    for (int side = 0; side < 2; ++side) {
      const AppStream::End& end = stream->side[side];
      out +=
          fmt::format(" {} {}{}{}sent {}, got {} of {}", side == 0 ? "client" : "server",
                      end.opened ? "" : "unopened ", end.over ? "over " : "", end.eof ? "eof " : "",
                      end.sent, end.received, stream->plan.bytes[1 - side]);
    }
    out += "]";
  }
  if (apps_.open_anonymous() != 0)
    out += fmt::format(" {} connections that said nothing", apps_.open_anonymous());
  return out;
}

void World::require(bool holds, const std::string& otherwise) const {
  if (!holds) throw Failure(otherwise);
}

void World::note(const std::string& line) {
  const std::uint64_t us = network_.now_ns() / 1000;
  std::string stamped = fmt::format("{:>5}.{:06} {}", us / 1'000'000, us % 1'000'000, line);
  if (echo_) std::fprintf(stderr, "%s\n", stamped.c_str());
  log_.push_back(std::move(stamped));
  if (log_.size() > 2 * kLogLines)
    log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(kLogLines));
}

Outcome run_seed(std::uint64_t seed, const Plant& plant, bool echo) {
  const Scenario scenario = Scenario::draw(seed);
  World world(scenario, plant, echo);
  return world.run();
}

}  // namespace weir::sim
