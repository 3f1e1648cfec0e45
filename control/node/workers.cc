#include "control/node/internal/workers.h"

#include <algorithm>

namespace weir::control {

// Keyed: the names of relays come from peers.
std::uint32_t WorkerTable::hash_of(std::string_view address) const {
  std::uint64_t hash = seed_ + address.size();
  for (std::size_t i = 0; i < address.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, address.data() + i, std::min<std::size_t>(8, address.size() - i));
    hash = mix(hash ^ word) + seed_;
  }
  return static_cast<std::uint32_t>(mix(hash));
}

WorkerAddress WorkerTable::text_of(const Worker& worker) {
  return worker.random ? worker.random->text() : *worker.text;
}

bool WorkerTable::is_named(const Worker& worker, std::string_view address) const {
  if (worker.random) return RandomName::of(address) == worker.random;
  return *worker.text == address;
}

std::uint32_t WorkerTable::locate(std::string_view address) const {
  const std::uint32_t* first = by_address_.find(hash_of(address));
  std::uint32_t at = first == nullptr ? kNone : *first;
  while (at != kNone && !is_named(workers_[at], address)) at = workers_[at].next_of_hash;
  return at;
}

std::uint32_t WorkerTable::locate_or_make(const WorkerAddress& address) {
  if (const std::uint32_t known = locate(address); known != kNone) return known;
  std::uint32_t index = 0;
  if (free_workers_.empty()) {
    index = static_cast<std::uint32_t>(workers_.size());
    workers_.emplace_back();
  } else {
    index = free_workers_.back();
    free_workers_.pop_back();
  }
  Worker& worker = workers_[index];
  worker.random = RandomName::of(address);
  if (!worker.random) worker.text = std::make_unique<const WorkerAddress>(address);
  const std::uint32_t hash = hash_of(address);
  if (const std::uint32_t* first = by_address_.find(hash)) worker.next_of_hash = *first;
  by_address_[hash] = index;
  return index;
}

void WorkerTable::forget_if_unused(std::uint32_t index) {
  Worker& worker = workers_[index];
  if (worker.exists || worker.grants != kNone) return;
  const std::uint32_t hash = hash_of(text_of(worker));
  std::uint32_t* link = by_address_.find(hash);
  while (*link != index) link = &workers_[*link].next_of_hash;
  *link = worker.next_of_hash;
  if (*by_address_.find(hash) == kNone) by_address_.erase(hash);
  worker = Worker{};
  free_workers_.push_back(index);
}

bool WorkerTable::has_grant(FlowId flow, std::uint32_t index) const {
  // Either list may be long (everybody may reach `echo`; a listener's flow reaches everything), but
  // hardly ever both.
  std::uint32_t of_worker = workers_[index].grants;
  const std::uint32_t* first = by_flow_.find(flow);
  std::uint32_t of_flow = first == nullptr ? kNone : *first;
  while (of_worker != kNone && of_flow != kNone) {
    if (grants_[of_worker].flow == flow || grants_[of_flow].worker == index) return true;
    of_worker = grants_[of_worker].next_of_worker;
    of_flow = grants_[of_flow].next_of_flow;
  }
  return false;
}

bool WorkerTable::grant(FlowId flow, std::uint32_t index) {
  if (flow == kNoFlow || has_grant(flow, index)) return false;
  std::uint32_t number = 0;
  if (free_grants_.empty()) {
    number = static_cast<std::uint32_t>(grants_.size());
    grants_.emplace_back();
  } else {
    number = free_grants_.back();
    free_grants_.pop_back();
  }
  std::uint32_t& of_worker = workers_[index].grants;
  const std::uint32_t* first = by_flow_.find(flow);
  const std::uint32_t of_flow = first == nullptr ? kNone : *first;
  grants_[number] = {flow, index, of_worker, kNone, of_flow, kNone};
  if (of_worker != kNone) grants_[of_worker].previous_of_worker = number;
  if (of_flow != kNone) grants_[of_flow].previous_of_flow = number;
  of_worker = number;
  by_flow_[flow] = number;
  return true;
}

void WorkerTable::revoke(std::uint32_t number) {
  const Grant grant = grants_[number];
  if (grant.next_of_worker != kNone) {
    grants_[grant.next_of_worker].previous_of_worker = grant.previous_of_worker;
  }
  if (grant.previous_of_worker != kNone) {
    grants_[grant.previous_of_worker].next_of_worker = grant.next_of_worker;
  } else {
    workers_[grant.worker].grants = grant.next_of_worker;
  }
  if (grant.next_of_flow != kNone) {
    grants_[grant.next_of_flow].previous_of_flow = grant.previous_of_flow;
  }
  if (grant.previous_of_flow != kNone) {
    grants_[grant.previous_of_flow].next_of_flow = grant.next_of_flow;
  } else if (grant.next_of_flow != kNone) {
    by_flow_[grant.flow] = grant.next_of_flow;
  } else {
    by_flow_.erase(grant.flow);
  }
  grants_[number] = Grant{};
  free_grants_.push_back(number);
}

bool WorkerTable::has(const WorkerAddress& address) const {
  const std::uint32_t index = locate(address);
  return index != kNone && workers_[index].exists;
}

Status WorkerTable::reserve(const WorkerAddress& address, const std::vector<FlowId>& allowed) {
  const std::uint32_t index = locate_or_make(address);
  Worker& worker = workers_[index];
  if (worker.exists) {
    return fail(Errc::kAlreadyExists, "operation failed for address", "0#" + address);
  }
  worker.exists = true;
  ++count_;
  for (const FlowId flow : allowed) grant(flow, index);
  return {};
}

Status WorkerTable::add(WorkerSpec spec) {
  if (auto status = reserve(spec.address, spec.allowed); !status) return status;
  Worker& worker = workers_[locate(spec.address)];
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
  command.gate = spec.gate;
  command.allowed = flows_of(spec.address);
  core_.send_to_owner(spec.address, command);
  return {};
}

void WorkerTable::drop_handler(const WorkerAddress& address) {
  const std::uint32_t index = locate(address);
  if (index != kNone) handlers_.erase(workers_[index].id);
}

void WorkerTable::remove(const WorkerAddress& address) {
  const std::uint32_t index = locate(address);
  if (index == kNone || !workers_[index].exists) return;
  Worker& worker = workers_[index];
  if (worker.ours) {
    handlers_.erase(worker.id);
    core_.send_to_owner(address, RemoveWorker{address});
  }
  while (worker.grants != kNone) revoke(worker.grants);
  worker.exists = false;
  --count_;
  forget_if_unused(index);
}

std::vector<WorkerAddress> WorkerTable::list() const {
  std::vector<WorkerAddress> addresses;
  addresses.reserve(count_);
  for (const Worker& worker : workers_) {
    if (worker.exists) addresses.push_back(text_of(worker));
  }
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

void WorkerTable::allow(FlowId flow, const WorkerAddress& address) {
  if (flow == kNoFlow) return;
  const std::uint32_t index = locate_or_make(address);
  if (!grant(flow, index)) return;
  if (workers_[index].exists) core_.send_to_owner(address, AllowFlow{flow, address, true});
}

void WorkerTable::end_flow(FlowId flow) {
  while (const std::uint32_t* first = by_flow_.find(flow)) {
    const std::uint32_t index = grants_[*first].worker;
    revoke(*first);
    if (workers_[index].exists) {
      const WorkerAddress address = text_of(workers_[index]);
      core_.send_to_owner(address, AllowFlow{flow, address, false});
    }
    forget_if_unused(index);
  }
}

std::vector<FlowId> WorkerTable::flows_of(const WorkerAddress& address) const {
  std::vector<FlowId> flows;
  const std::uint32_t index = locate(address);
  if (index == kNone) return flows;
  for (std::uint32_t at = workers_[index].grants; at != kNone; at = grants_[at].next_of_worker) {
    flows.push_back(grants_[at].flow);
  }
  std::sort(flows.begin(), flows.end());
  return flows;
}

bool WorkerTable::allowed(FlowId flow, FlowId spawner, const WorkerAddress& address) const {
  const std::uint32_t index = locate(address);
  if (index == kNone) return false;
  return (flow != kNoFlow && has_grant(flow, index)) ||
         (spawner != kNoFlow && has_grant(spawner, index));
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

}  // namespace weir::control
