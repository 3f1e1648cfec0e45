#include "tools/load/flows.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"

namespace weir::load {
namespace {

constexpr std::size_t kStampBytes = 8;
// One source address has about 28,000 ports for one target.
constexpr std::uint32_t kConnectionsPerSource = 20'000;
// A node of weir allows 1,024 relays to one identity: further ones belong to throw-away identities.
constexpr std::uint32_t kRelaysPerIdentity = 1000;
// How long a flow may take to answer for the first time, and how often it is set up. After the last
// time it counts as up: the measurement then says that nothing is answered.
constexpr std::uint64_t kFirstAnswerNs = 2 * kNsPerSecond;
constexpr std::uint32_t kTriesMax = 4;
// A message that belongs to no operation.
constexpr std::uint64_t kProbeStamp = 0;

}  // namespace

FlowsMode::FlowsMode(const ModeContext& context)
    : context_(context),
      paired_(context.options.mode == ModeKind::kRelay),
      stamped_(context.options.payload.empty() && context.options.sizes.min_bytes() >= kStampBytes),
      self_relay_(context.options.mode == ModeKind::kIdle &&
                  context.options.tunnel == TunnelKind::kRelay) {
  const Options& options = context_.options;
  Target target = options.target;
  if (options.mode == ModeKind::kIdle && options.tunnel != TunnelKind::kConnection) {
    target.make_secure();
  }
  sender_plan_ = {target.listeners, target.onward};
  if (sender_plan_.onward.empty()) sender_plan_.onward.push_back(wire::Address::local("echo"));
  if (paired_) {
    // The same way to the node for both ends, each with or without a channel.
    target.make_secure();
    if (!options.secure_sender) sender_plan_.listeners.clear();
    if (options.secure_sender) sender_plan_.listeners = target.listeners;
    if (options.secure_receiver) receiver_plan_.listeners = target.listeners;
  }
  has_channels_ = !sender_plan_.listeners.empty() || !receiver_plan_.listeners.empty();
}

std::string FlowsMode::relay_name(std::uint32_t flow) const {
  return fmt::format("load-{:x}-{}-{}", ::getpid(), context_.thread, flow);
}

void FlowsMode::add_flows(std::uint32_t count, std::uint32_t connections) {
  const Options& options = context_.options;
  const std::uint32_t sides = paired_ ? 2 : 1;
  for (std::uint32_t i = 0; i < connections * sides; ++i) {
    const std::uint32_t all = i * options.threads() + context_.thread;
    connections_.push_back(std::make_unique<Connection>(context_.poller, options.target.endpoint,
                                                        all / kConnectionsPerSource));
  }
  flows_.resize(count);
  Identifier owner = context_.party.own();
  for (std::uint32_t i = 0; i < count; ++i) {
    Flow& flow = flows_[i];
    const bool full = i % kRelaysPerIdentity == 0 && (i != 0 || context_.thread != 0);
    if (full && (self_relay_ || paired_)) owner = context_.party.fresh();
    flow.sender = std::make_unique<Tunnel>(*connections_[i % connections], context_.party,
                                           sender_plan_, *this, i);
    if (options.mode == ModeKind::kIdle && options.new_identities) owner = context_.party.fresh();
    if (self_relay_ || options.new_identities) flow.sender->set_identity(owner);
    if (self_relay_) flow.sender->set_relay_name(relay_name(i));
    if (!paired_) continue;
    flow.receiver = std::make_unique<Tunnel>(*connections_[connections + i % connections],
                                             context_.party, receiver_plan_, *this, i);
    flow.receiver->set_identity(owner);
    flow.receiver->set_relay_name(relay_name(i));
  }
}

Status FlowsMode::start() {
  const Options& options = context_.options;
  add_flows(share_of(options.flows(), context_.thread, options.threads()),
            std::max(1u, share_of(options.connections, context_.thread, options.threads())));
  open_more();
  return {};
}

void FlowsMode::open_more() {
  while (opening_ < kOpeningMax && next_to_open_ < flows_.size() && broken_.empty()) {
    ++opening_;
    open(next_to_open_++);
  }
}

void FlowsMode::open(std::uint32_t number) {
  Flow& flow = flows_[number];
  ++flow.tries;
  flow.opened_ns = now_ns();
  if (has_channels_) watched_.push_back({number, flow.opened_ns});
  (paired_ ? flow.receiver : flow.sender)->open();
}

std::uint64_t FlowsMode::tick(std::uint64_t now_ns) {
  while (!watched_.empty()) {
    const Watched first = watched_.front();
    if (now_ns < first.opened_ns + kFirstAnswerNs) return first.opened_ns + kFirstAnswerNs;
    watched_.pop_front();
    Flow& flow = flows_[first.flow];
    if (flow.up || flow.opened_ns != first.opened_ns || !broken_.empty()) continue;
    if (flow.tries == kTriesMax) {
      if (flow.sender->state() == Tunnel::State::kReady) flow_up(flow);
      continue;
    }
    flow.sender->close();
    if (flow.receiver) flow.receiver->close();
    open(first.flow);
  }
  return ~std::uint64_t{0};
}

void FlowsMode::tunnel_ready(Tunnel& tunnel) {
  Flow& flow = flows_[tunnel.number()];
  if (&tunnel == flow.receiver.get()) {
    flow.sender->set_onward({wire::Address::local("forward_to_" + relay_name(tunnel.number())),
                             tunnel.application_address()});
    return flow.sender->open();
  }
  if (self_relay_) {
    tunnel.set_onward({wire::Address::local("forward_to_" + relay_name(tunnel.number())),
                       tunnel.application_address()});
  }
  if (!has_channels_) return flow_up(flow);
  const Bytes& fixed = context_.options.payload;
  std::uint8_t* payload = tunnel.begin(fixed.empty() ? kStampBytes : fixed.size());
  if (fixed.empty()) {
    store_be64(payload, kProbeStamp);
  } else {
    std::ranges::copy(fixed, payload);
  }
  tunnel.finish();
}

void FlowsMode::flow_up(Flow& flow) {
  flow.up = true;
  ++ready_flows_;
  --opening_;
  if (context_.options.mode == ModeKind::kIdle) {
    flow.sender->drop_expanded_keys();
    flow.sender->connection().trim();
  }
  if (ready_flows_ == flows_.size()) started_ = true;
  open_more();
}

void FlowsMode::tunnel_lost(Tunnel& tunnel, const char* why) {
  Flow& flow = flows_[tunnel.number()];
  context_.meter.failed(why);
  if (!started_ && broken_.empty()) broken_ = why;
  if (!flow.up) return;
  flow.up = false;
  --ready_flows_;
}

bool FlowsMode::operate(std::uint64_t intended_ns) {
  for (std::size_t tries = 0; tries < flows_.size(); ++tries) {
    Flow& flow = flows_[next_flow_];
    if (++next_flow_ == flows_.size()) next_flow_ = 0;
    if (!flow.up || flow.sender->connection().backlog_bytes() > kBacklogBytesMax) continue;
    const Bytes& fixed = context_.options.payload;
    const std::size_t bytes =
        fixed.empty() ? context_.options.sizes.draw(context_.rng) : fixed.size();
    std::uint8_t* payload = flow.sender->begin(bytes);
    if (stamped_) {
      store_be64(payload, intended_ns);
    } else {
      std::ranges::copy(fixed, payload);
      flow.due.push_back(intended_ns);
    }
    flow.sender->finish();
    ++outstanding_;
    context_.meter.sent(intended_ns);
    return true;
  }
  return false;
}

void FlowsMode::tunnel_message(Tunnel& tunnel, MutableByteSpan payload) {
  Flow& flow = flows_[tunnel.number()];
  if (paired_ && &tunnel != flow.receiver.get()) return;
  if (!flow.up) return flow_up(flow);
  std::uint64_t intended_ns = 0;
  if (stamped_) {
    if (payload.size() < kStampBytes) return context_.meter.failed("an answer without our stamp");
    intended_ns = load_be64(payload.data());
  } else {
    if (flow.due.empty()) return context_.meter.failed("more answers than messages");
    intended_ns = flow.due.front();
    flow.due.pop_front();
  }
  if (outstanding_ > 0) --outstanding_;
  context_.meter.completed(intended_ns, context_.poller.arrival_ns(), payload.size());
}

void FlowsMode::forget_outstanding() {
  outstanding_ = 0;
  for (Flow& flow : flows_) flow.due.clear();
}

void FlowsMode::finish(Stats& stats) {
  double unopened = 0;
  for (const Flow& flow : flows_) {
    unopened += static_cast<double>(flow.sender->unopened());
    if (flow.receiver) unopened += static_cast<double>(flow.receiver->unopened());
  }
  stats.figures["frames_that_did_not_open"] = unopened;
  stats.figures["flows_up"] = ready_flows_;
}

}  // namespace weir::load
