#include "tools/load/handshakes.h"

#include <algorithm>

namespace weir::load {
namespace {

// A node allows 32 half-open handshakes per connection; one that is being closed may still count.
constexpr std::uint32_t kBusyPerLaneMax = 24;

}  // namespace

HandshakesMode::HandshakesMode(const ModeContext& context) : context_(context) {
  Target target = context_.options.target;
  target.make_secure();
  plan_ = {target.listeners, target.onward};
  if (plan_.onward.empty()) plan_.onward.push_back(wire::Address::local("echo"));
}

Status HandshakesMode::start() {
  const Options& options = context_.options;
  lanes_.resize(std::max(1u, share_of(options.connections, context_.thread, options.threads())));
  for (Lane& lane : lanes_) {
    lane.connection = std::make_unique<Connection>(context_.poller, options.target.endpoint);
    if (!lane.connection->open())
      return fail(Errc::kIo, "cannot connect", lane.connection->error());
  }
  context_.party.prepare_fresh(share_of(options.prepare, context_.thread, options.threads()));
  return {};
}

bool HandshakesMode::ready() const {
  return std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.connection->state() == Connection::State::kOpen;
  });
}

std::string HandshakesMode::broken() const {
  for (const Lane& lane : lanes_) {
    if (lane.connection->state() == Connection::State::kClosed) return lane.connection->error();
  }
  return {};
}

HandshakesMode::Operation& HandshakesMode::take(std::uint32_t lane) {
  if (lanes_[lane].free.empty()) {
    const auto number = static_cast<std::uint32_t>(operations_.size());
    operations_.emplace_back();
    operations_.back().lane = lane;
    operations_.back().tunnel =
        std::make_unique<Tunnel>(*lanes_[lane].connection, context_.party, plan_, *this, number);
    lanes_[lane].free.push_back(number);
  }
  Operation& operation = operations_[lanes_[lane].free.back()];
  lanes_[lane].free.pop_back();
  ++lanes_[lane].busy;
  operation.busy = true;
  return operation;
}

bool HandshakesMode::operate(std::uint64_t intended_ns) {
  for (std::size_t tries = 0; tries < lanes_.size(); ++tries) {
    const std::uint32_t lane = next_lane_;
    if (++next_lane_ == lanes_.size()) next_lane_ = 0;
    if (lanes_[lane].busy >= kBusyPerLaneMax) continue;
    Operation& operation = take(lane);
    operation.intended_ns = intended_ns;
    if (context_.options.new_identities) operation.tunnel->set_identity(context_.party.fresh());
    ++outstanding_;
    context_.meter.sent(intended_ns);
    operation.tunnel->open();
    return true;
  }
  return false;
}

void HandshakesMode::release(Tunnel& tunnel) {
  Operation& operation = operations_[tunnel.number()];
  if (!operation.busy) return;
  operation.busy = false;
  --lanes_[operation.lane].busy;
  lanes_[operation.lane].free.push_back(tunnel.number());
  --outstanding_;
}

void HandshakesMode::tunnel_ready(Tunnel& tunnel) {
  store_be64(tunnel.begin(8), operations_[tunnel.number()].intended_ns);
  tunnel.finish();
}

void HandshakesMode::tunnel_message(Tunnel& tunnel, MutableByteSpan payload) {
  context_.meter.completed(operations_[tunnel.number()].intended_ns, context_.poller.arrival_ns(),
                           payload.size());
  tunnel.close();
  release(tunnel);
}

void HandshakesMode::tunnel_lost(Tunnel& tunnel, const char* why) {
  context_.meter.failed(why);
  release(tunnel);
}

void HandshakesMode::forget_outstanding() {
  for (Operation& operation : operations_) {
    if (!operation.busy) continue;
    operation.tunnel->close();
    release(*operation.tunnel);
  }
}

}  // namespace weir::load
