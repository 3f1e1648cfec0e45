#include "control/node/internal/rights.h"

#include <algorithm>

#include "control/authority/attributes.h"
#include "control/store/state.h"

namespace weir::control {
namespace {

// How late the end of a credential may be noticed, also when the wall clock jumps.
constexpr std::uint64_t kLookMs = 1'000;
// What peers have shown is stored in groups.
constexpr std::uint64_t kKeepMs = 100;
constexpr std::size_t kKeptAtOnceMax = 512;

}  // namespace

Rights::Rights(NodeCore& core, State* state, Policies& policies)
    : core_(core), state_(state), policies_(policies), gates_(kNobodysGate) {
  for (std::uint8_t gate = 1; gate < kNobodysGate; ++gate) free_gates_.push_back(gate);
  policies_.on_change([this] { on_policies_changed(); });
}

void Rights::load() {
  if (state_ == nullptr) return;
  const auto rows = state_->attributes().list(core_.config.name, core_.clock.unix_seconds());
  if (!rows) {
    return core_.log(LogLevel::kError, "credentials of peers not read: {}", rows.error().text());
  }
  for (const AttributesRecord& row : *rows) {
    const auto peer = Identifier::parse(row.identifier);
    const auto authority = Identifier::parse(row.attested_by);
    auto attributes = decode_attributes(row.attributes);
    if (!peer || !authority || !attributes) continue;
    attested_[{*peer, *authority}] = {std::move(*attributes), row.expires_at.value_or(0)};
  }
  expire();
}

// --- peers

bool Rights::is_revoked(const Identifier& peer, const Identifier& authority) const {
  const auto list = revoked_.find(authority);
  return list != revoked_.end() && list->second.contains(peer);
}

void Rights::accept(const Identifier& peer, const std::vector<VerifiedCredential>& credentials) {
  bool any = false;
  for (const VerifiedCredential& credential : credentials) {
    Attested attested{credential.data.attributes, credential.data.expires_at_s};
    Attested& known = attested_[{peer, credential.issuer}];
    any = any || known.attributes != attested.attributes || known.expires_at_s == 0;
    if (known.expires_at_s == attested.expires_at_s && known.attributes == attested.attributes) {
      continue;
    }
    known = std::move(attested);
    if (state_ == nullptr || !core_.config.persist) continue;
    unkept_.emplace(peer, credential.issuer);
    keep_later();
  }
  if (timer_ == kNoTimer && !attested_.empty()) expire();
  if (any && changed) changed(peer);
}

void Rights::keep_later() {
  if (keep_timer_ != kNoTimer) return;
  keep_timer_ = core_.after_ms(kKeepMs, [this] {
    keep_timer_ = kNoTimer;
    keep_some();
    if (!unkept_.empty()) keep_later();
  });
}

// One transaction: a commit costs milliseconds, whatever it holds.
void Rights::keep_some() {
  std::vector<AttributesRecord> records;
  while (!unkept_.empty() && records.size() < kKeptAtOnceMax) {
    const auto who = unkept_.extract(unkept_.begin()).value();
    const auto it = attested_.find(who);
    if (it == attested_.end()) continue;
    records.push_back({core_.config.name, who.first.text(),
                       encode_attributes(it->second.attributes), core_.clock.unix_seconds(),
                       it->second.expires_at_s, who.second.text()});
  }
  const Status stored = records.empty() ? Status{} : state_->attributes().put_all(records);
  if (stored) return;
  core_.log(LogLevel::kWarn, "credentials of {} peers will be forgotten with this node: {}",
            records.size(), stored.error().text());
}

void Rights::keep() {
  while (!unkept_.empty()) keep_some();
}

const AttributeMap* Rights::attributes(const Identifier& peer, const Identifier& authority) const {
  const auto it = attested_.find({peer, authority});
  if (it == attested_.end() || it->second.expires_at_s <= core_.clock.unix_seconds()) {
    return nullptr;
  }
  return is_revoked(peer, authority) ? nullptr : &it->second.attributes;
}

const AttributeMap* Rights::attributes(const Identifier& peer) const {
  for (const Identifier& authority : core_.config.authorities) {
    if (const AttributeMap* found = attributes(peer, authority)) return found;
  }
  return nullptr;
}

void Rights::set_revoked(const Identifier& authority, const std::vector<Identifier>& who) {
  std::set<Identifier> now(who.begin(), who.end());
  std::set<Identifier>& before = revoked_[authority];
  std::vector<Identifier> differing;
  std::set_symmetric_difference(now.begin(), now.end(), before.begin(), before.end(),
                                std::back_inserter(differing));
  before = std::move(now);
  std::erase_if(differing,
                [&](const Identifier& peer) { return !attested_.contains({peer, authority}); });
  for (const Identifier& peer : differing) {
    core_.log(LogLevel::kInfo, "{} is {} a member", peer.text(),
              is_revoked(peer, authority) ? "no longer" : "again");
  }
  tell(differing);
}

// Each change looks at all channels, so several are one.
void Rights::tell(const std::vector<Identifier>& peers) const {
  if (!changed || peers.empty()) return;
  changed(peers.size() == 1 ? std::optional<Identifier>(peers.front()) : std::nullopt);
}

// Also what a clock that jumped has ended.
void Rights::expire() {
  const std::uint64_t now_s = core_.clock.unix_seconds();
  std::vector<Identifier> ended;
  for (auto it = attested_.begin(); it != attested_.end();) {
    if (it->second.expires_at_s > now_s) {
      ++it;
      continue;
    }
    ended.push_back(it->first.first);
    it = attested_.erase(it);
  }
  if (!ended.empty() && state_ != nullptr && core_.config.persist) {
    (void)state_->attributes().remove_expired(core_.config.name, now_s);
  }
  for (const Identifier& peer : ended) {
    core_.log(LogLevel::kInfo, "the credential of {} has ended", peer.text());
  }
  tell(ended);
  core_.timers.cancel(timer_);
  timer_ = kNoTimer;
  if (!attested_.empty()) timer_ = core_.after_ms(kLookMs, [this] { timer_ = kNoTimer, expire(); });
}

// --- resources

AccessRequest Rights::request_of(std::string_view resource,
                                 const std::optional<Identifier>& peer) const {
  AccessRequest request;
  request.resource = resource;
  request.subject = peer;
  request.attributes = peer ? attributes(*peer) : nullptr;
  request.authority = has_authority();
  return request;
}

Decision Rights::decide(std::string_view name, ResourceType type,
                        const std::optional<Identifier>& peer) const {
  AccessRequest request = request_of(name, peer);
  request.type = type;
  return policies_.decide(request);
}

// Nobody has set a policy, and there is no authority: not even an identity is asked for.
bool Rights::is_open(const std::string& name, ResourceType type) const {
  return decide(name, type, std::nullopt).source == Decision::Source::kNoAuthority;
}

Rights::Rule Rights::rule_of(const std::string& name, ResourceType type) const {
  AccessRequest request;
  request.resource = name;
  request.type = type;
  const Policy* policy = policies_.in_effect(request);
  if (policy == nullptr || !policy->expr) return {};
  Rule rule{policy->text, {}, &*policy->expr};
  if (policy->text.find("resource.id") == std::string::npos) return rule;
  // A line end is in no policy's text.
  rule.key += "\n" + name;
  rule.resource = name;
  return rule;
}

std::uint8_t Rights::take_gate(const std::string& name, ResourceType type) {
  if (is_open(name, type)) return kOpenGate;
  const Rule rule = rule_of(name, type);
  if (rule.expr == nullptr) return kNobodysGate;
  for (std::uint8_t i = 1; i < kNobodysGate; ++i) {
    if (gates_[i].users == 0 || gates_[i].key != rule.key) continue;
    ++gates_[i].users;
    return i;
  }
  if (free_gates_.empty()) {
    core_.log(LogLevel::kError,
              "{} different policies are in use, all that weir can guard: {} is closed",
              kNobodysGate - 1, name);
    return kNobodysGate;
  }
  const std::uint8_t gate = free_gates_.front();
  free_gates_.pop_front();
  gates_[gate] = Gate{rule.key, rule.resource, *rule.expr, 1};
  return gate;
}

void Rights::drop_gate(std::uint8_t gate) {
  if (gate == kOpenGate || gate == kNobodysGate || --gates_[gate].users != 0) return;
  gates_[gate] = {};
  free_gates_.push_back(gate);
}

std::uint8_t Rights::guard(const WorkerAddress& worker, std::string name, ResourceType type) {
  unguard(worker);
  const std::uint8_t gate = take_gate(name, type);
  const bool is_new = gate != kOpenGate && gate != kNobodysGate && gates_[gate].users == 1;
  guarded_[worker] = {std::move(name), type, gate};
  // Channels that are open do not know this gate yet.
  if (is_new && changed) changed(std::nullopt);
  return gate;
}

void Rights::unguard(const WorkerAddress& worker) {
  const auto it = guarded_.find(worker);
  if (it == guarded_.end()) return;
  drop_gate(it->second.gate);
  guarded_.erase(it);
}

Gates Rights::gates_of(const Identifier& peer) const {
  Gates gates = kOpenGates;
  AccessRequest request = request_of({}, peer);
  for (std::uint8_t i = 1; i < kNobodysGate; ++i) {
    if (gates_[i].users == 0) continue;
    request.resource = gates_[i].resource;
    if (decide_by(*gates_[i].expr, request).allow) gates |= Gates{1} << i;
  }
  return gates;
}

// In this order, so that nobody is let through by a gate that means something else now, and nobody
// is refused who has had the right before and has it afterwards: channels learn the new gates,
// workers get them, channels forget the old ones.
void Rights::on_policies_changed() {
  std::vector<std::pair<WorkerAddress, std::uint8_t>> old;
  for (auto& [worker, guarded] : guarded_) {
    const std::uint8_t before = guarded.gate;
    guarded.gate = take_gate(guarded.name, guarded.type);
    if (guarded.gate == before) {
      drop_gate(before);
    } else {
      old.emplace_back(worker, before);
    }
  }
  if (!old.empty() && changed) changed(std::nullopt);
  for (const auto& [worker, before] : old) {
    core_.broadcast(SetWorkerGate{worker, guarded_.at(worker).gate});
    drop_gate(before);
  }
  if (changed) changed(std::nullopt);
}

}  // namespace weir::control
