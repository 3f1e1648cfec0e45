#include "control/node/internal/outlets.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "dataplane/portal/stream_reason.h"

namespace weir::control {

Outlets::~Outlets() {
  for (auto& [id, outlet] : outlets_) core_.timers.cancel(outlet.timer);
}

Error Outlets::not_found(const std::string& address) {
  return {Errc::kNotFound, "Outlet not found", "Outlet with address 0#" + address + " not found"};
}

void Outlets::create(const OutletRequest& request, Done<OutletStatus> done) {
  std::string address = request.address.value_or(kOutletAddress);
  if (!request.address && workers_.has(address)) {
    std::uint8_t raw[8];
    core_.rng.fill(raw);
    address = "outlet-" + to_hex(raw);
  }
  if (address.empty()) return done(fail(Errc::kInvalid, "the address is empty"));
  // The TCP listener's peers only while there is no project authority.
  std::vector<FlowId> allowed;
  if (!rights_.has_authority()) allowed.push_back(core_.tcp_flow);
  if (request.reachable_from_default_secure_channel) allowed.push_back(core_.api_flow);
  if (!workers_.reserve(address, allowed)) {
    return done(fail(Errc::kAlreadyExists, "A TCP outlet with that address already exists",
                     "A TCP outlet with address '" + address + "' already exists"));
  }
  if (request.policy) {
    if (const Status set = set_policy(address, *request.policy); !set) {
      workers_.remove(address);
      return done(std::unexpected(set.error()));
    }
  }
  const ControlId id = core_.next_id();
  Outlet& outlet = outlets_[id];
  outlet.id = id;
  outlet.address = address;
  outlet.request = request;
  if (request.authorized) {
    for (const Identifier& who : *request.authorized) {
      outlet.authorized.push_back(core_.principals.acquire(who));
    }
  }
  by_address_[address] = id;
  keep(outlet);
  resolve(id, std::move(done));
}

void Outlets::resolve(ControlId id, Done<OutletStatus> done) {
  const auto it = outlets_.find(id);
  if (it == outlets_.end()) return;
  core_.timers.cancel(it->second.timer);
  it->second.resolving = true;
  const wire::HostnamePort& to = it->second.request.to;
  core_.resolver.resolve(
      to.hostname, to.port,
      [this, id, done = std::move(done)](Result<std::vector<SocketAddress>> addresses) {
        const auto found = outlets_.find(id);
        if (found == outlets_.end()) {
          if (done) done(fail(Errc::kNotFound, "the outlet was deleted"));
          return;
        }
        Outlet& outlet = found->second;
        if (!addresses) {
          core_.log(LogLevel::kWarn, "TCP Outlet {}: {}: {}", outlet.address,
                    outlet.request.to.text(), addresses.error().text());
        }
        outlet.resolving = false;
        // A name that cannot be resolved now keeps the addresses it had.
        if (addresses) {
          outlet.resolved = true;
          open(outlet, std::move(*addresses));
        } else if (!outlet.opened) {
          open(outlet, {});
        }
        if (!outlet.resolved && !outlet.request.to.is_numeric()) {
          outlet.timer = core_.after_ms(outlet.retry_ms, [this, id] { resolve(id, nullptr); });
          outlet.retry_ms = std::min(2 * outlet.retry_ms, kOutletResolveRetryMsMax);
        }
        if (done) done(status(outlet));
      });
}

void Outlets::on_stale(const OutletStale& event) {
  const auto it = outlets_.find(event.outlet);
  // Each shard says it.
  if (it != outlets_.end() && !it->second.resolving) resolve(event.outlet, nullptr);
}

void Outlets::open(Outlet& outlet, std::vector<SocketAddress> targets) {
  std::uint32_t good_ms = 0;
  if (!outlet.request.to.is_numeric()) {
    good_ms = outlet.resolved ? kOutletResolveMs : kOutletResolveRetryMs;
  }
  if (outlet.opened) {
    core_.broadcast(RetargetOutlet{outlet.id, std::move(targets), good_ms});
    return;
  }
  outlet.opened = true;
  OpenOutlet command;
  command.outlet = outlet.id;
  command.address = outlet.address;
  command.targets = std::move(targets);
  command.targets_good_ms = good_ms;
  command.allowed = workers_.flows_of(outlet.address);
  command.authorized = outlet.authorized;
  command.only_authorized = outlet.request.authorized.has_value();
  command.skip_handshake = outlet.request.skip_handshake;
  command.gate = rights_.guard(outlet.address, outlet.address, ResourceType::kTcpOutlet);
  core_.broadcast(command);
}

OutletStatus Outlets::status(const Outlet& outlet) const {
  OutletStatus result;
  result.to = outlet.request.to;
  result.address = outlet.address;
  result.authorized = outlet.request.authorized.value_or(std::vector<Identifier>{});
  return result;
}

std::vector<OutletStatus> Outlets::list() const {
  std::vector<OutletStatus> result;
  for (const auto& [id, outlet] : outlets_) result.push_back(status(outlet));
  return result;
}

Result<OutletStatus> Outlets::show(const std::string& address) const {
  const auto it = by_address_.find(address);
  if (it == by_address_.end()) return std::unexpected(not_found(address));
  return status(outlets_.at(it->second));
}

Result<OutletStatus> Outlets::remove(const std::string& address) {
  const auto it = by_address_.find(address);
  if (it == by_address_.end()) return std::unexpected(not_found(address));
  Outlet& outlet = outlets_.at(it->second);
  OutletStatus result = status(outlet);
  core_.timers.cancel(outlet.timer);
  for (const PrincipalId who : outlet.authorized) core_.principals.release(who);
  if (outlet.opened) core_.broadcast(CloseOutlet{outlet.id});
  workers_.remove(address);
  rights_.unguard(address);
  keeper_.remove(Kept::kOutlet, address);
  outlets_.erase(it->second);
  by_address_.erase(it);
  return result;
}

void Outlets::end_streams_of(PrincipalId principal) {
  const auto who = core_.principals.identifier(principal);
  for (const auto& [id, outlet] : outlets_) {
    if (rights_.decide(outlet.address, ResourceType::kTcpOutlet, who).allow) continue;
    core_.broadcast(EndStreams{id, principal});
  }
}

bool Outlets::on_stream_ended(const StreamEnded& event) {
  const auto it = outlets_.find(event.portal);
  if (it == outlets_.end()) return false;
  const auto reason = static_cast<StreamReason>(event.reason);
  core_.log(reason == StreamReason::kFinished ? LogLevel::kDebug : LogLevel::kInfo,
            "TCP Outlet {}: stream with {} ended{}: {} ({} bytes out, {} bytes in)",
            it->second.address, it->second.request.to.text(),
            event.was_open ? "" : " before it was open", stream_reason_words(reason),
            event.bytes_to_peer, event.bytes_from_peer);
  return true;
}

void Outlets::keep(const Outlet& outlet) {
  const OutletRequest& request = outlet.request;
  keeper_.put(
      Kept::kOutlet, outlet.address,
      {{"to", request.to.text()},
       {"reachable_from_default_secure_channel", request.reachable_from_default_secure_channel},
       {"skip_handshake", request.skip_handshake},
       {"enable_nagle", request.enable_nagle},
       {"authorized", identifiers_json(request.authorized)}});
}

void Outlets::restore() {
  for (const auto& [address, options] : keeper_.list(Kept::kOutlet)) {
    auto to = wire::HostnamePort::parse(text_from(options, "to"));
    if (!to) {
      core_.log(LogLevel::kError, "TCP Outlet {} not restored: {}", address, to.error().text());
      continue;
    }
    OutletRequest request;
    request.to = std::move(*to);
    request.address = address;
    request.reachable_from_default_secure_channel =
        flag_from(options, "reachable_from_default_secure_channel", true);
    request.skip_handshake = flag_from(options, "skip_handshake", false);
    request.enable_nagle = flag_from(options, "enable_nagle", false);
    request.authorized = identifiers_from(options, "authorized");
    create(request, [](const Result<OutletStatus>&) {});
  }
}

}  // namespace weir::control
