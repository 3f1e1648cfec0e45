#include "tools/load/churn.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

namespace weir::load {

ChurnMode::ChurnMode(const ModeContext& context) : context_(context) {
  Target target = context_.options.target;
  if (context_.options.tunnel != TunnelKind::kConnection) target.make_secure();
  plan_ = {target.listeners, target.onward};
  if (plan_.onward.empty()) plan_.onward.push_back(wire::Address::local("echo"));
}

bool ChurnMode::operate(std::uint64_t intended_ns) {
  if (free_.empty()) {
    if (operations_.size() == kOperationsMax) return false;
    const auto number = static_cast<std::uint32_t>(operations_.size());
    auto made = std::make_unique<Operation>();
    // Spread over source addresses, so that ports that rest after a close do not run out.
    made->connection =
        std::make_unique<Connection>(context_.poller, context_.options.target.endpoint, number % 8);
    made->tunnel =
        std::make_unique<Tunnel>(*made->connection, context_.party, plan_, *this, number);
    operations_.push_back(std::move(made));
    free_.push_back(number);
  }
  Operation& operation = *operations_[free_.back()];
  free_.pop_back();
  operation.busy = true;
  operation.intended_ns = intended_ns;
  ++outstanding_;
  context_.meter.sent(intended_ns);
  if (context_.options.tunnel == TunnelKind::kRelay) {
    operation.tunnel->set_relay_name(
        fmt::format("churn-{:x}-{}-{}", ::getpid(), context_.thread, relays_++));
  }
  operation.tunnel->open();
  return true;
}

void ChurnMode::tunnel_ready(Tunnel& tunnel) {
  const std::size_t bytes = std::max<std::size_t>(8, context_.options.sizes.draw(context_.rng));
  store_be64(tunnel.begin(bytes), operations_[tunnel.number()]->intended_ns);
  tunnel.finish();
}

void ChurnMode::tunnel_message(Tunnel& tunnel, MutableByteSpan payload) {
  Operation& operation = *operations_[tunnel.number()];
  if (!operation.busy) return;
  context_.meter.completed(operation.intended_ns, context_.poller.arrival_ns(), payload.size());
  release(operation);
}

void ChurnMode::tunnel_lost(Tunnel& tunnel, const char* why) {
  Operation& operation = *operations_[tunnel.number()];
  if (!operation.busy) return;
  context_.meter.failed(why);
  release(operation);
}

void ChurnMode::release(Operation& operation) {
  if (!operation.busy) return;
  operation.busy = false;
  --outstanding_;
  operation.tunnel->close();
  operation.connection->flush();  // the channel's Close
  operation.connection->close("done");
  free_.push_back(operation.tunnel->number());
}

void ChurnMode::forget_outstanding() {
  for (auto& operation : operations_) release(*operation);
}

}  // namespace weir::load
