#include "control/relay/relay_service.h"

#include <algorithm>

#include "base/hex.h"
#include "control/authority/attributes.h"
#include "dataplane/wire/bare.h"

namespace weir::control {

void RelayService::start() {
  for (const char* address : {kRelayAddress, kStaticRelayAddress}) {
    const Status added =
        workers_.add({.address = address,
                      .allowed = {core_.tcp_flow, core_.api_flow},
                      .gate = rights_.guard(address, kRelayAddress, ResourceType::kRelay),
                      .handle = [this](MessageEvent& message) {
                        on_message(message);
                        return false;
                      }});
    CHECK(added.has_value());
  }
}

bool RelayService::has_right(PrincipalId principal, std::string_view name) const {
  if (!rights_.has_authority()) return true;
  const auto owner = core_.principals.identifier(principal);
  const AttributeMap* attributes = owner ? rights_.attributes(*owner) : nullptr;
  if (attributes == nullptr) return false;
  if (!rights_.decide(kRelayAddress, ResourceType::kRelay, owner).allow) return false;
  const std::string allowed = attribute_text(*attributes, kAttributeRelay);
  return allowed == "*" ||
         (attributes->contains(to_bytes(as_bytes(kAttributeRelay))) && allowed == name);
}

void RelayService::on_rights_changed(const std::optional<Identifier>& peer) {
  if (!rights_.has_authority()) return;
  std::vector<std::pair<WorkerAddress, FlowId>> lost;
  for (const auto& [address, registrations] : relays_) {
    for (const Registration& one : registrations) {
      const auto owner = core_.principals.identifier(one.principal);
      if (peer && owner != peer) continue;
      const std::string_view name = std::string_view(address).substr(sizeof kRelayPrefix - 1);
      if (!has_right(one.principal, name)) lost.emplace_back(address, one.flow);
    }
  }
  for (const auto& [address, flow] : lost) {
    core_.count(ControlCounter::kRelaysRevoked);
    core_.log(LogLevel::kInfo, "relay {} ended: its owner has lost the right to it", address);
    if (!drop(address, flow)) continue;
    remove_worker(address);
    if (relays_.contains(address)) install(address);
  }
}

void RelayService::remove_worker(const WorkerAddress& address) {
  rights_.unguard(address);
  workers_.remove(address);
}

bool RelayService::may_register(const WorkerAddress& address, const MessageEvent& message) {
  const auto old = relays_.find(address);
  if (old != relays_.end()) {
    const PrincipalId owner = old->second.back().principal;
    if (owner == kNoPrincipal || owner == message.principal) return true;
    core_.count(ControlCounter::kRelaysNotOwned);
    core_.log(LogLevel::kWarn, "registration of relay {} ignored: it belongs to another identity",
              address);
    return false;
  }
  if (workers_.has(address)) {  // an outlet or a service of that name
    core_.count(ControlCounter::kRelaysMalformed);
    return false;
  }
  const NodeLimits& limits = core_.config.limits;
  std::size_t mine = 0;
  if (message.principal != kNoPrincipal) {
    if (const std::uint32_t* count = by_principal_.find(message.principal)) mine = *count;
  } else if (const auto* names = by_flow_.find(message.flow)) {
    mine = names->size();
  }
  if (relays_.size() < limits.relays_max && mine < limits.relays_per_owner_max) return true;
  core_.count(ControlCounter::kRelaysOverLimit);
  core_.log(LogLevel::kWarn, "registration of relay {} ignored: too many relays", address);
  return false;
}

void RelayService::on_message(MessageEvent& message) {
  auto name = wire::decode_bare_string(message.payload);
  if (!name || message.ret.count == 0 || name->size() > kRelayNameBytesMax) {
    return core_.count(ControlCounter::kRelaysMalformed);
  }
  // Its connection may have ended before this message was seen: nothing would end the relay.
  if (message.flow != kNoFlow && !core_.flows.is_producing(message.flow)) return;
  if (*name == "register") {
    std::uint8_t raw[16];
    core_.rng.fill(raw);
    *name = to_hex(raw);
  }
  if (!has_right(message.principal, *name)) {
    core_.count(ControlCounter::kRelaysNotAllowed);
    const auto who = core_.principals.identifier(message.principal);
    return core_.log(LogLevel::kWarn, "registration of relay {} ignored: {} has no right to it",
                     *name, who ? who->text() : "a plain connection");
  }
  const WorkerAddress address = kRelayPrefix + *name;
  if (!may_register(address, message)) return;
  if (const auto old = relays_.find(address); old != relays_.end()) {
    core_.count(ControlCounter::kRelaysReplaced);
    remove_worker(address);
    // Another owner's (a plain connection's) does not come back; the same connection has one.
    std::vector<FlowId> gone;
    for (const Registration& one : old->second) {
      if (one.principal != message.principal || one.flow == message.flow) gone.push_back(one.flow);
    }
    if (gone.empty() && old->second.size() == kRegistrationsMax) {
      gone.push_back(old->second.front().flow);
    }
    for (const FlowId flow : gone) drop(address, flow);
  }
  // The worker of the client at the end of the return route gets the answer, but no traffic.
  EncodedRoute forward = to_encoded(without_last(to_route(message.ret)));
  const FlowId forward_flow = core_.flows.behind(forward);
  const auto relay = relays_.try_emplace(address).first;
  relay->second.push_back({message.flow, message.principal, std::move(forward), forward_flow});
  by_flow_[message.flow].push_back(&relay->first);
  if (message.principal != kNoPrincipal) ++by_principal_[message.principal];
  core_.count(ControlCounter::kRelaysRegistered);
  install(address);
  const auto owner = core_.principals.identifier(message.principal);
  core_.log(LogLevel::kInfo, "relay {} registered by {}", address,
            owner ? owner->text() : "a plain connection");
  core_.send_message(std::move(message.ret), encoded_local(address),
                     wire::encode_bare_string(address));
}

void RelayService::install(const WorkerAddress& address) {
  const Registration& current = relays_.at(address).back();
  const std::uint8_t gate = core_.config.relays_are_guarded
                                ? rights_.guard(address, kRelayAddress, ResourceType::kRelay)
                                : kOpenGate;
  const Status added = workers_.add({.address = address,
                                     .kind = WorkerKind::kRelay,
                                     .allowed = {core_.tcp_flow, core_.api_flow},
                                     .forward = current.forward,
                                     .forward_flow = current.forward_flow,
                                     .gate = gate});
  CHECK(added.has_value());
}

bool RelayService::drop(const WorkerAddress& address, FlowId flow) {
  const auto it = relays_.find(address);
  if (it == relays_.end()) return false;
  std::vector<Registration>& all = it->second;
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const auto& r) { return r.flow == flow; });
  if (at == all.end()) return false;
  std::vector<const WorkerAddress*>& names = *by_flow_.find(flow);
  std::erase(names, &it->first);
  if (names.empty()) by_flow_.erase(flow);
  if (const PrincipalId principal = at->principal; principal != kNoPrincipal) {
    if (--*by_principal_.find(principal) == 0) by_principal_.erase(principal);
  }
  const bool was_current = at + 1 == all.end();
  all.erase(at);
  if (all.empty()) relays_.erase(it);
  return was_current;
}

void RelayService::on_flow_ended(FlowId flow) {
  const auto* names = by_flow_.find(flow);
  if (flow == kNoFlow || names == nullptr) return;
  std::vector<WorkerAddress> addresses;
  for (const WorkerAddress* name : *names) addresses.push_back(*name);
  std::sort(addresses.begin(), addresses.end());
  for (const WorkerAddress& address : addresses) {
    if (!drop(address, flow)) continue;
    remove_worker(address);
    core_.count(ControlCounter::kRelaysEnded);
    const bool has_older = relays_.contains(address);
    core_.log(LogLevel::kInfo, "relay {} ended with its connection{}", address,
              has_older ? "; an older one takes over" : "");
    if (has_older) install(address);
  }
}

}  // namespace weir::control
