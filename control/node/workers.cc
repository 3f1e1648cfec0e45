#include "control/node/internal/workers.h"

#include <algorithm>

namespace weir::control {

Status WorkerTable::reserve(const WorkerAddress& address, const std::vector<FlowId>& allowed) {
  if (workers_.contains(address)) {
    return fail(Errc::kAlreadyExists, "operation failed for address", "0#" + address);
  }
  workers_.emplace(address, Worker{});
  for (const FlowId flow : allowed) {
    if (flow == kNoFlow) continue;
    flows_by_address_[address].insert(flow);
    addresses_by_flow_[flow].insert(address);
  }
  return {};
}

Status WorkerTable::add(WorkerSpec spec) {
  if (auto status = reserve(spec.address, spec.allowed); !status) return status;
  Worker& worker = workers_[spec.address];
  worker.id = core_.next_id();
  worker.ours = true;
  if (spec.handle) {
    handlers_.emplace(worker.id, std::make_shared<Handle>(std::move(spec.handle)));
  }
  AddWorker command;
  command.address = spec.address;
  command.kind = spec.kind;
  command.worker = worker.id;
  command.forward = std::move(spec.forward);
  command.forward_flow = spec.forward_flow;
  command.allowed = flows_of(spec.address);
  core_.send_to_owner(spec.address, command);
  return {};
}

void WorkerTable::remove(const WorkerAddress& address) {
  const auto it = workers_.find(address);
  if (it == workers_.end()) return;
  if (it->second.ours) {
    handlers_.erase(it->second.id);
    core_.send_to_owner(address, RemoveWorker{address});
  }
  if (const auto flows = flows_by_address_.find(address); flows != flows_by_address_.end()) {
    for (const FlowId flow : flows->second) {
      const auto addresses = addresses_by_flow_.find(flow);
      addresses->second.erase(address);
      if (addresses->second.empty()) addresses_by_flow_.erase(addresses);
    }
    flows_by_address_.erase(flows);
  }
  workers_.erase(it);
}

std::vector<WorkerAddress> WorkerTable::list() const {
  std::vector<WorkerAddress> addresses;
  addresses.reserve(workers_.size());
  for (const auto& [address, worker] : workers_) addresses.push_back(address);
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

void WorkerTable::allow(FlowId flow, const WorkerAddress& address) {
  if (flow == kNoFlow || !flows_by_address_[address].insert(flow).second) return;
  addresses_by_flow_[flow].insert(address);
  if (workers_.contains(address)) core_.send_to_owner(address, AllowFlow{flow, address, true});
}

void WorkerTable::end_flow(FlowId flow) {
  const auto it = addresses_by_flow_.find(flow);
  if (it == addresses_by_flow_.end()) return;
  for (const WorkerAddress& address : it->second) {
    const auto flows = flows_by_address_.find(address);
    flows->second.erase(flow);
    if (flows->second.empty()) flows_by_address_.erase(flows);
    if (workers_.contains(address)) core_.send_to_owner(address, AllowFlow{flow, address, false});
  }
  addresses_by_flow_.erase(it);
}

std::vector<FlowId> WorkerTable::flows_of(const WorkerAddress& address) const {
  const auto it = flows_by_address_.find(address);
  if (it == flows_by_address_.end()) return {};
  return {it->second.begin(), it->second.end()};
}

bool WorkerTable::allowed(FlowId flow, FlowId spawner, const WorkerAddress& address) const {
  const auto it = flows_by_address_.find(address);
  if (it == flows_by_address_.end()) return false;
  return (flow != kNoFlow && it->second.contains(flow)) ||
         (spawner != kNoFlow && it->second.contains(spawner));
}

void WorkerTable::deliver(MessageEvent& message) {
  const auto it = handlers_.find(message.worker);
  if (it == handlers_.end()) {
    core_.count(ControlCounter::kMessagesForNobody);
    core_.message_done(message.link);
    return;
  }
  const std::shared_ptr<Handle> handle = it->second;  // it may remove itself
  const LinkId link = message.link;
  if (!(*handle)(message)) core_.message_done(link);
}

std::size_t WorkerTable::permissions() const {
  std::size_t count = 0;
  for (const auto& [flow, addresses] : addresses_by_flow_) count += addresses.size();
  return count;
}

}  // namespace weir::control
