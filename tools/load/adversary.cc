#include "tools/load/adversary.h"

#include <algorithm>

#include "base/clock.h"

namespace weir::load {
namespace {

constexpr std::uint64_t kBystanderGapNs = 10 * kNsPerMs;
constexpr std::uint64_t kRetryNs = 10 * kNsPerMs;
constexpr std::size_t kBystanderBytes = 64;
constexpr std::uint32_t kAttackersMax = 4;
// An adversary's own memory stays bounded, too.
constexpr std::size_t kLaneBacklogMax = 1 << 20;

}  // namespace

TunnelPlan Adversary::plan_of(const Options& options) {
  TunnelPlan plan{options.target.listeners, options.target.onward};
  if (plan.onward.empty()) plan.onward.push_back(wire::Address::local("echo"));
  return plan;
}

Adversary::Adversary(const ModeContext& context, TunnelPlan plan)
    : context_(context), plan_(std::move(plan)) {
  bystander_plan_.onward.push_back(wire::Address::local("echo"));
}

Status Adversary::start() {
  const Options& options = context_.options;
  const Endpoint& endpoint = options.target.endpoint;
  lanes_.resize(std::max(1u, share_of(options.connections, context_.thread, options.threads())));
  for (std::uint32_t i = 0; i < lanes_.size(); ++i) {
    // From other addresses than the bystander's, where there are any.
    lanes_[i].connection =
        std::make_unique<Connection>(context_.poller, endpoint, 1 + i % kAttackersMax);
    lanes_[i].tunnel = std::make_unique<Tunnel>(*lanes_[i].connection, context_.party, plan_,
                                                static_cast<TunnelUser&>(*this), i);
    lanes_[i].tunnel->open();
  }
  bystander_connection_ = std::make_unique<Connection>(context_.poller, endpoint);
  bystander_ = std::make_unique<Tunnel>(*bystander_connection_, context_.party, bystander_plan_,
                                        static_cast<TunnelUser&>(*this), kBystander);
  bystander_->open();
  return {};
}

bool Adversary::operate(std::uint64_t intended_ns) {
  for (std::size_t tries = 0; tries < lanes_.size(); ++tries) {
    Lane& lane = lanes_[next_lane_];
    if (++next_lane_ == lanes_.size()) next_lane_ = 0;
    if (lane.tunnel->state() != Tunnel::State::kReady ||
        lane.connection->backlog_bytes() > kLaneBacklogMax) {
      continue;
    }
    ++lane.attacks;
    context_.meter.sent(intended_ns);
    attack(lane, intended_ns);
    return true;
  }
  return false;
}

// Called outside of the poller's turn: here, and only here, what was closed is opened again.
std::uint64_t Adversary::tick(std::uint64_t now) {
  bool all_ready = bystander_ && bystander_->state() == Tunnel::State::kReady;
  for (Lane& lane : lanes_) {
    if (lane.tunnel->state() == Tunnel::State::kReady) {
      lane_tick(lane, now);
      continue;
    }
    all_ready = false;
    if (lane.tunnel->state() != Tunnel::State::kClosed || now < lane.retry_ns || !ready_) continue;
    lane.connection->close("renewed");
    lane.attacks = 0;
    lane.retry_ns = now + kRetryNs;
    lane.tunnel->open();
  }
  if (all_ready) ready_ = true;
  if (ready_) bystander_tick(now);
  return now + kRetryNs;
}

void Adversary::bystander_tick(std::uint64_t now) {
  if (bystander_->state() != Tunnel::State::kReady || now < bystander_next_ns_) return;
  bystander_next_ns_ = now + kBystanderGapNs;
  store_be64(bystander_->begin(kBystanderBytes), now);
  bystander_->finish();
  if (context_.meter.window().has(now)) ++context_.meter.stats().bystander_sent;
}

void Adversary::renew(Lane& lane) {
  lane.connection->flush();
  renewing_ = true;
  lane.connection->close("renewed");
  renewing_ = false;
}

void Adversary::tunnel_ready(Tunnel& tunnel) {
  if (tunnel.number() != kBystander) lane_ready(lanes_[tunnel.number()]);
}

void Adversary::tunnel_message(Tunnel& tunnel, MutableByteSpan payload) {
  if (tunnel.number() != kBystander) return lane_message(lanes_[tunnel.number()], payload);
  if (payload.size() < 8) return;
  const std::uint64_t asked_ns = load_be64(payload.data());
  if (!context_.meter.window().has(asked_ns)) return;
  context_.meter.stats().bystander_ns.record(context_.poller.arrival_ns() - asked_ns);
}

void Adversary::tunnel_lost(Tunnel& tunnel, const char* why) {
  if (renewing_) return;
  if (!ready_ && broken_.empty()) broken_ = why;
  if (tunnel.number() == kBystander) {
    context_.meter.failed(std::string("the bystander was cut off: ") + why);
  } else {
    ++closed_by_target_;
  }
}

void Adversary::finish(Stats& stats) {
  stats.figures["answers"] = static_cast<double>(answers_);
  stats.figures["closed_by_target"] = static_cast<double>(closed_by_target_);
  stats.figures["bystander_up"] = bystander_->state() == Tunnel::State::kReady ? 1 : 0;
  answers_ = 0;
  closed_by_target_ = 0;
}

}  // namespace weir::load
