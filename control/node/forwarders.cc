#include "control/node/internal/forwarders.h"

#include <algorithm>

namespace weir::control {

Forwarders::~Forwarders() { core_.timers.cancel(check_timer_); }

void Forwarders::create(const std::string& target, Done<ForwarderInfo> done) {
  auto parsed = wire::HostnamePort::parse(target);
  if (!parsed) return done(pass(parsed));
  for (auto& [address, forwarder] : forwarders_) {
    if (forwarder.target.text() != parsed->text()) continue;
    forwarder.last_used_ns = core_.now_ns();
    if (forwarder.link) return done(info(forwarder));
    forwarder.answers.push_back(std::move(done));
    return dial(address);
  }
  if (forwarders_.size() >= core_.config.limits.forwarders_max) {
    return done(fail(Errc::kExhausted, "too many forwarders"));
  }
  const ShardId shard = core_.next_shard();
  const WorkerAddress address = core_.new_address(shard);
  Forwarder& forwarder = forwarders_[address];
  forwarder.address = address;
  forwarder.target = std::move(*parsed);
  forwarder.shard = shard;
  forwarder.last_used_ns = core_.now_ns();
  forwarder.answers.push_back(std::move(done));
  if (check_timer_ == kNoTimer) {
    check_timer_ = core_.after_ms(kForwarderCheckMs, [this] { check(); });
  }
  wait_for_use(address);
  dial(address);
}

void Forwarders::wait_for_use(const WorkerAddress& address) {
  workers_.remove(address);
  const Status added =
      workers_.add({.address = address,
                    .allowed = {core_.tcp_flow},
                    .handle = [this, address](MessageEvent& message) {
                      const auto it = forwarders_.find(address);
                      if (it == forwarders_.end()) return false;
                      Forwarder& forwarder = it->second;
                      forwarder.last_used_ns = core_.now_ns();
                      if (forwarder.waiting.size() >= kForwarderWaitingMax ||
                          core_.now_ns() < forwarder.retry_ns) {
                        core_.count(ControlCounter::kForwarderMessagesDropped);
                        return false;
                      }
                      forwarder.waiting.push_back(std::move(message));
                      dial(address);
                      return true;  // the credit goes back when the message has gone on
                    }});
  CHECK(added.has_value());
}

void Forwarders::dial(const WorkerAddress& address) {
  Forwarder& forwarder = forwarders_.at(address);
  if (forwarder.connecting != 0 || forwarder.link) return;
  const ControlId attempt = links_.connect(
      forwarder.target.hostname, forwarder.target.port, kForwarderWaitMsMax, forwarder.shard,
      [this, address](Result<Link> link) { connected(address, std::move(link)); });
  const auto it = forwarders_.find(address);
  if (it != forwarders_.end() && !it->second.link) it->second.connecting = attempt;
}

void Forwarders::connected(const WorkerAddress& address, Result<Link> link) {
  const auto it = forwarders_.find(address);
  if (it == forwarders_.end()) {
    if (link) links_.close(link->id);
    return;
  }
  Forwarder& forwarder = it->second;
  forwarder.connecting = 0;
  const auto waiting = std::exchange(forwarder.waiting, {});
  const auto answers = std::exchange(forwarder.answers, {});
  if (!link) {
    const std::uint64_t pause_ms =
        std::min<std::uint64_t>(200ULL << std::min(forwarder.failures++, 5U), kForwarderWaitMsMax);
    forwarder.retry_ns = core_.now_ns() + pause_ms * kNsPerMs;
    for (const MessageEvent& message : waiting) {
      core_.count(ControlCounter::kForwarderMessagesDropped);
      core_.message_done(message.link);
    }
    // Never connected, and somebody waits for the first answer: there is no forwarder.
    if (!answers.empty() && forwarder.frames == 0) {
      workers_.remove(address);
      forwarders_.erase(it);
    }
    for (const auto& answer : answers) answer(std::unexpected(link.error()));
    return;
  }
  forwarder.link = link->id;
  forwarder.failures = 0;
  workers_.remove(address);
  const Status added = workers_.add({.address = address,
                                     .kind = WorkerKind::kForwarder,
                                     .allowed = {core_.tcp_flow},
                                     .forward = encoded_local(link->sender),
                                     .forward_flow = link->flow});
  CHECK(added.has_value());
  for (const MessageEvent& message : waiting) {
    // Once more to the same address: the data plane now knows what to do with it.
    wire::Route onward = to_route(message.onward);
    onward.push_front(wire::Address::local(address));
    core_.send_message(to_encoded(onward), message.ret, message.payload);
    core_.message_done(message.link);
  }
  for (const auto& answer : answers) answer(info(forwarder));
}

void Forwarders::on_link_ended(const Link& link) {
  for (auto& [address, forwarder] : forwarders_) {
    if (forwarder.link != link.id) continue;
    forwarder.link.reset();
    forwarder.frames = std::max<std::uint64_t>(forwarder.frames, 1);
    wait_for_use(address);
    return;
  }
}

void Forwarders::check() {
  check_timer_ = kNoTimer;
  const std::uint64_t now = core_.now_ns();
  std::vector<WorkerAddress> idle;
  for (const auto& [address, forwarder] : forwarders_) {
    if (now - forwarder.last_used_ns >= kForwarderIdleMs * kNsPerMs) idle.push_back(address);
  }
  for (const WorkerAddress& address : idle) {
    core_.log(LogLevel::kInfo, "forwarder to {} ended: not used for 10 minutes",
              forwarders_.at(address).target.text());
    static_cast<void>(remove(address));
  }
  if (forwarders_.empty()) return;
  core_.broadcast(Report{0, ReportKind::kLinks});
  check_timer_ = core_.after_ms(kForwarderCheckMs, [this] { check(); });
}

void Forwarders::on_links(const std::vector<LinkInfo>& links) {
  for (const LinkInfo& link : links) {
    for (auto& [address, forwarder] : forwarders_) {
      if (forwarder.link != link.link || forwarder.frames == link.frames) continue;
      forwarder.frames = link.frames;
      forwarder.last_used_ns = core_.now_ns();
    }
  }
}

Status Forwarders::remove(const std::string& address) {
  const auto it = forwarders_.find(address.starts_with("0#") ? address.substr(2) : address);
  if (it == forwarders_.end()) return fail(Errc::kNotFound, "no such forwarder", address);
  const Forwarder forwarder = std::move(it->second);
  forwarders_.erase(it);
  links_.cancel(forwarder.connecting);
  workers_.remove(forwarder.address);
  for (const MessageEvent& message : forwarder.waiting) core_.message_done(message.link);
  if (forwarder.link) links_.close(*forwarder.link);
  for (const auto& answer : forwarder.answers) {
    answer(fail(Errc::kNotFound, "the forwarder was deleted"));
  }
  return {};
}

ForwarderInfo Forwarders::info(const Forwarder& forwarder) const {
  return {forwarder.address, forwarder.target.text(), forwarder.link.has_value(),
          (core_.clock.now_ns() - forwarder.last_used_ns) / kNsPerSecond};
}

std::vector<ForwarderInfo> Forwarders::list() const {
  std::vector<ForwarderInfo> result;
  for (const auto& [address, forwarder] : forwarders_) result.push_back(info(forwarder));
  return result;
}

}  // namespace weir::control
