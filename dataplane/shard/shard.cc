#include "dataplane/shard/shard.h"

#include <algorithm>
#include <utility>

#include "dataplane/telemetry/probes.h"

namespace weir {
namespace {

constexpr std::size_t kVectorsMax = 1024;  // the kernel's limit
constexpr std::size_t kFewVectors = 256;   // 4 KiB of iovecs: one small buffer
// Expanded keys held ready; two directions per busy channel.
constexpr std::size_t kKeySlots = 1024;

// A queue's name for the stage clocks.
std::uint64_t clock_key(const TxOwner& owner) {
  const auto kind = static_cast<std::uint64_t>(owner.kind);
  return kind << 63 | std::uint64_t{owner.generation} << 32 | owner.object;
}

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

Shard::Shard(const ShardConfig& shard_config, Io& shard_io, BufferPool& shard_pool,
             const Aead& shard_aead, Clock& shard_clock, Rng& shard_rng, ShardRings& rings,
             std::function<void()> wake_control, std::vector<Peer> peers)
    : config(shard_config),
      io(shard_io),
      pool(shard_pool),
      aead(shard_aead),
      clock(shard_clock),
      rng(shard_rng),
      table(shard_rng.next_u64()),
      arena(shard_pool),
      keys(shard_aead, kKeySlots),
      links(*this),
      channels(*this),
      portals(*this),
      router(*this),
      crossing(*this, std::move(peers)),
      rings_(rings),
      wake_control_(std::move(wake_control)),
      io_events_(256),
      order_(shard_config.limits.source_quantum),
      flow_ids_(shard_config.id) {
  now_ns = clock.now_ns();
  counters.shard = config.id;
  next_second_ns_ = now_ns + kNsPerSecond;
  dirty_.reserve(1024);
}

Shard::~Shard() {
  // The Io is gone or goes next: nothing is in flight any more.
  links.for_each([&](Link& link) { link.tx.clear(items, pool); });
  portals.for_each([&](Stream& stream) { stream.tx.clear(items, pool); });
}

void Shard::step(std::uint64_t deadline_ns) {
  const bool busy = !rings_.commands.empty() || crossing.busy() || !order_.empty();
  const bool retry =
      !starved_.empty() || !dirty_again_.empty() || !events_waiting_.empty() || crossing.stalled();
  const std::uint64_t retry_ns = retry ? now_ns + config.limits.buffer_retry_ns : ~std::uint64_t{0};
  const std::uint64_t wait = std::min({deadline_ns, timers.next_ns(), next_second_ns_, retry_ns});
  const std::size_t count = wait_for_events(busy, wait);
  // Also what came while it waited: whatever is done now may want to be looked after in a second.
  const bool worked = busy || count != 0 || !rings_.commands.empty() || crossing.busy();
  if (stages) [[unlikely]]
    stages->turn_begins(now_ns, counters);
  handle_commands();
  crossing.receive();
  for (std::size_t i = 0; i < count; ++i) handle_event(io_events_[i]);
  for (Timer timer; timers.pop_due(now_ns, timer);) {
    switch (timer.kind) {
      case Timer::Kind::kDial:
        links.dial_timed_out(timer.object, timer.generation);
        break;
      case Timer::Kind::kLinger:
        channels.linger_over(timer.object, timer.generation);
        break;
      case Timer::Kind::kPong:
        portals.pong_timed_out(timer.object, timer.generation);
        break;
    }
  }
  if (worked) next_second_ns_ = std::min(next_second_ns_, now_ns + kNsPerSecond);
  if (now_ns >= next_second_ns_) every_second(worked);
  // Each turn: a buffer may have come back.
  for (const TxOwner& owner : std::exchange(dirty_again_, {})) dirty_.push_back(owner);
  if (!starved_.empty()) feed_starved();
  serve();
  flush();
  settle();
  crossing.flush();
  push_events();
  if (stages) [[unlikely]]
    stages->turn_ends(counters);
}

std::size_t Shard::wait_for_events(bool busy, std::uint64_t until_ns) {
  if (config.spin_ns != 0 && !busy) {
    const std::uint64_t spin_until_ns = std::min(until_ns, clock.now_ns() + config.spin_ns);
    do {
      const std::size_t count = io.reap(io_events_, 0);
      now_ns = clock.now_ns();
      if (count != 0 || !rings_.commands.empty() || crossing.busy()) return count;
    } while (now_ns < spin_until_ns);
  }
  const std::size_t count = io.reap(io_events_, busy ? 0 : until_ns);
  now_ns = clock.now_ns();
  return count;
}

void Shard::handle_event(IoEvent& event) {
  const auto role = static_cast<SocketRole>(event.user >> 61);
  const auto generation = static_cast<std::uint32_t>(event.user >> 32 & 0x1fffffff);
  const auto index = static_cast<std::uint32_t>(event.user);
  if (role == SocketRole::kLinkListener || role == SocketRole::kInlet) {
    if (event.kind != IoEventKind::kAccepted || event.result < 0) return;
    if (role == SocketRole::kInlet) return portals.on_accepted(index, event);
    if (links.has_listener(index, generation)) return links.on_accepted(index, event);
    return io.discard(event.result);
  }
  if (role == SocketRole::kLink) {
    Link* link = links.find(index, generation);
    if (link == nullptr) {
      if (event.buffer != nullptr) pool.unref(event.buffer);
      return;
    }
    switch (event.kind) {
      case IoEventKind::kConnected:
        return links.on_connected(index, generation, event.result);
      case IoEventKind::kReceived:
        return links.on_received(*link, event);
      case IoEventKind::kSent:
        return on_sent({TxOwner::Kind::kLink, index, generation}, link->tx, event.result);
      case IoEventKind::kClosed:
        return links.on_closed(*link);
      case IoEventKind::kAccepted:
        return;
    }
    return;
  }
  Stream* stream = portals.find(index, generation);
  if (stream == nullptr) {
    if (event.buffer != nullptr) pool.unref(event.buffer);
    return;
  }
  switch (event.kind) {
    case IoEventKind::kConnected:
      return portals.on_connected(*stream, event.result);
    case IoEventKind::kReceived:
      return portals.on_received(*stream, event);
    case IoEventKind::kSent:
      return on_sent({TxOwner::Kind::kStream, index, generation}, stream->tx, event.result);
    case IoEventKind::kClosed:
      return portals.on_closed(*stream);
    case IoEventKind::kAccepted:
      return;
  }
}

void Shard::handle_commands() {
  std::size_t taken = 0;
  for (Command command; rings_.commands.pop(command); ++taken) run(std::move(command));
  // Control may have more that did not fit.
  if (taken >= rings_.commands.capacity() && wake_control_) wake_control_();
}

void Shard::run(Command&& command) {
  std::visit(Overloaded{
                 [](std::monostate) {},
                 [&](ListenTransport& c) { links.listen(c); },
                 [&](OpenInlet& c) { portals.open_inlet(c); },
                 [&](RouteInlet& c) { portals.route_inlet(c); },
                 [&](CloseListener& c) {
                   if (!links.close_listener(c.id)) portals.close_inlet(c.id, c.close_streams);
                 },
                 [&](ConnectLink& c) { links.connect(std::move(c)); },
                 [&](CloseLink& c) {
                   if (Link* link = links.find(c.link.index, c.link.generation)) {
                     // What is queued (a channel's Close) still leaves.
                     if (link->state == Link::State::kOpen && !link->tx.in_flight) {
                       flush_queue(link->tx, {TxOwner::Kind::kLink, link->index, link->generation});
                     }
                     links.close(*link, DropReason::kConnectionClosed);
                   }
                 },
                 [&](AddWorker& c) { add_worker(std::move(c)); },
                 [&](RemoveWorker& c) {
                   Entry* entry = table.find(as_bytes(c.address));
                   if (entry == nullptr) return;
                   // Connections, channels and streams end by their own commands.
                   if (entry->kind <= EntryKind::kRelay) remove_entry(*entry);
                 },
                 [&](SetWorkerGate& c) {
                   Entry* entry = table.find(as_bytes(c.address));
                   if (entry == nullptr) return;
                   entry->gate = c.gate;
                   if (entry->kind == EntryKind::kOutlet) portals.set_gate(entry->object, c.gate);
                 },
                 [&](AllowFlow& c) {
                   Entry* entry = table.find(as_bytes(c.address));
                   if (entry == nullptr) return;
                   c.allow ? table.allow(c.flow, *entry) : table.deny(c.flow, *entry);
                 },
                 [&](OpenOutlet& c) { portals.open_outlet(c); },
                 [&](RetargetOutlet& c) { portals.retarget(c); },
                 [&](CloseOutlet& c) { portals.close_outlet(c.outlet); },
                 [&](EndStreams& c) { portals.end_streams(c); },
                 [&](InstallChannel& c) { channels.install(std::move(c)); },
                 [&](SetGates& c) { channels.set_gates(c.channel, c.gates); },
                 [&](SendRefresh& c) { channels.send_refresh(c); },
                 [&](CloseChannel& c) {
                   channels.close(c.channel, c.send_close, ChannelEnd::kClosedHere);
                 },
                 [&](HandshakeStep& c) {
                   Entry* entry = table.find(as_bytes(c.address));
                   if (entry != nullptr && entry->kind == EntryKind::kHandshake)
                     router.handshake_step(*entry);
                 },
                 [&](SendMessage& c) { router.send(c.onward, c.ret, c.payload); },
                 [&](MessageDone& c) { links.credit_returned(c.link); },
                 [&](Report& c) { do_report(c); },
                 [&](SetStageClocks& c) { set_stage_clocks(c); },
                 [&](StopShard&) { stop_all(); },
             },
             command);
}

void Shard::add_worker(AddWorker&& command) {
  EntryKind kind = EntryKind::kControl;
  switch (command.kind) {
    case WorkerKind::kControl:
      kind = EntryKind::kControl;
      break;
    case WorkerKind::kHandshake:
      kind = EntryKind::kHandshake;
      break;
    case WorkerKind::kEcho:
      kind = EntryKind::kEcho;
      break;
    case WorkerKind::kHop:
      kind = EntryKind::kHop;
      break;
    case WorkerKind::kRelay:
    case WorkerKind::kForwarder:
      kind = EntryKind::kRelay;
      break;
  }
  // Adding again replaces: a relay that registers anew, a forwarder that dialled anew.
  if (Entry* old = table.find(as_bytes(command.address)); old != nullptr) {
    if (old->kind > EntryKind::kRelay) return;
    remove_entry(*old);
  }
  Entry* entry = table.add(as_bytes(command.address), kind, 0);
  CHECK(entry != nullptr);
  entry->worker = command.worker;
  entry->gate = command.gate;
  for (const FlowId flow : command.allowed) table.allow(flow, *entry);
  if (kind == EntryKind::kRelay) router.add_relay(*entry, std::move(command));
  if (kind == EntryKind::kHandshake) router.add_handshake(*entry);
}

void Shard::remove_entry(Entry& entry) {
  while (entry.users != nullptr) {
    RouteUser& user = *entry.users;
    // Each call takes its user out of the list.
    if (user.kind == RouteUser::Kind::kChannel) {
      channels.orphan(user.object);
    } else {
      table.remove_user(user);
      portals.route_lost(user.object);
    }
  }
  router.remove_object(entry);
  table.remove(entry);
}

FlowId Shard::flow_behind(const Entry& entry) {
  if (entry.kind == EntryKind::kLink) return links.at(entry.object).flow;
  if (entry.kind == EntryKind::kEncryptor) return channels.at(entry.object).flow;
  return kNoFlow;
}

void Shard::emit(Event event) { events_waiting_.push_back(std::move(event)); }

void Shard::push_events() {
  if (events_waiting_.empty()) return;
  std::size_t i = 0;
  while (i < events_waiting_.size() && rings_.events.push(std::move(events_waiting_[i]))) ++i;
  events_waiting_.erase(events_waiting_.begin(),
                        events_waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  if (wake_control_) wake_control_();
}

// --- queues
// -----------------------------------------------------------------------------------------

TxQueue* Shard::queue_of(const TxOwner& owner) {
  if (owner.kind == TxOwner::Kind::kLink) {
    Link* link = links.find(owner.object, owner.generation);
    return link != nullptr && link->state == Link::State::kOpen ? &link->tx : nullptr;
  }
  Stream* stream = portals.find(owner.object, owner.generation);
  // A broken stream's socket is being closed already.
  return stream != nullptr && stream->socket != kNoSocket && !stream->broken &&
                 stream->state != Stream::State::kClosing
             ? &stream->tx
             : nullptr;
}

void Shard::mark_dirty(TxQueue& queue, TxOwner owner) {
  if (queue.dirty || queue.in_flight) return;
  queue.dirty = true;
  dirty_.push_back(owner);
}

void Shard::enqueue(TxQueue& queue, TxOwner owner, TxItem* item, LaneKey lane) {
  std::size_t leaves_after = 0;
  if (owner.kind == TxOwner::Kind::kStream) {
    queue.push(item);
    leaves_after = queue.bytes;
  } else {
    leaves_after = queue.push(item, lane, config.limits.queue_mixed_bytes, pool);
    if (const CrossCredit credit = crossing.take_credit(); credit.bytes != 0)
      items.attach(*item, credit);
  }
  mark_dirty(queue, owner);
  WEIR_PROBE(frame_routed, config.id, static_cast<int>(owner.kind), owner.object, queue.bytes);
  if (stages) [[unlikely]]
    stages->queued(clock_key(owner), leaves_after);
  if (queue.in_flight) mark_unsettled(queue, owner);
  // A stream's own queue does not pause it: that is the peer's credit (portals).
  if (queue.bytes <= config.limits.queue_high_bytes || owner.kind != TxOwner::Kind::kLink) return;
  // Nor does it pause who has hardly anything in it.
  if (!queue.is_light(lane, config.limits.queue_light_bytes, config.limits.queue_reserve_bytes))
    pause_source(queue);
}

void Shard::pause_source(TxQueue& queue) {
  if (source == nullptr || source->waiting) return;
  source->waiting = true;
  source->next_waiter = queue.waiters;
  queue.waiters = source;
  counters.add(Counter::kSourcePauses);
}

void Shard::mark_unsettled(TxQueue& queue, TxOwner owner) {
  if (queue.unsettled) return;
  queue.unsettled = true;
  unsettled_.push_back(owner);
}

// What has not left in this turn waits for its socket: it must not pin what it does not fill.
void Shard::settle() {
  for (const TxOwner& owner : unsettled_) {
    TxQueue* queue = queue_of(owner);
    if (queue == nullptr) continue;
    queue->unsettled = false;
    queue->settle(pool, counters);
  }
  unsettled_.clear();
}

void Shard::sources_go_on(TxQueue& queue) {
  Source* waiter = std::exchange(queue.waiters, nullptr);
  while (waiter != nullptr) {
    Source* next = std::exchange(waiter->next_waiter, nullptr);
    waiter->waiting = false;
    order_.add(*waiter);
    waiter = next;
  }
}

Source* Shard::find_source(const TxOwner& owner) {
  if (owner.kind == TxOwner::Kind::kLink) {
    Link* link = links.find(owner.object, owner.generation);
    return link != nullptr ? &link->source : nullptr;
  }
  Stream* stream = portals.find(owner.object, owner.generation);
  return stream != nullptr ? &stream->source : nullptr;
}

// Sources in turn, until nobody has anything or this turn has done enough.
void Shard::serve() {
  const auto find = [this](const TxOwner& owner) { return find_source(owner); };
  std::int64_t left = config.limits.turn_cost_max;
  while (left > 0) {
    Source* next = order_.next(find);
    if (next == nullptr) return;
    const std::uint32_t generation = next->generation;
    const std::int64_t before = next->deficit;
    const bool more = next->kind == Source::Kind::kLink ? links.process(links.at(next->object))
                                                        : portals.process(portals.at(next->object));
    if (next->generation != generation)
      next = nullptr;  // its place in the slab is empty, or another's
    if (next != nullptr) left -= before - next->deficit;
    order_.done(next, more);
  }
}

void Shard::forget_source(Source& gone) {
  if (!gone.waiting) return;
  const auto unlink = [&](TxQueue& queue) {
    for (Source** at = &queue.waiters; *at != nullptr; at = &(*at)->next_waiter) {
      if (*at != &gone) continue;
      *at = gone.next_waiter;
      gone.waiting = false;
      gone.next_waiter = nullptr;
      return;
    }
  };
  // Rare: a source ends while it waits.
  links.for_each([&](Link& link) {
    if (gone.waiting && link.tx.waiters != nullptr) unlink(link.tx);
  });
  gone.waiting = false;
}

void Shard::wait_for_buffers(const Source& waiting) { starved_.push_back(owner_of(waiting)); }

void Shard::feed_starved() {
  for (const TxOwner& owner : starved_) {
    if (Source* starved = find_source(owner)) order_.add(*starved);
  }
  starved_.clear();
}

void Shard::flush() {
  // Whom this gives room goes on in the next turn.
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    const TxOwner owner = dirty_[i];
    TxQueue* queue = queue_of(owner);
    if (queue == nullptr) continue;
    queue->dirty = false;
    flush_queue(*queue, owner);
  }
  dirty_.clear();
}

void Shard::flush_queue(TxQueue& queue, TxOwner owner) {
  const SocketId socket = owner.kind == TxOwner::Kind::kLink ? links.at(owner.object).socket
                                                             : portals.at(owner.object).socket;
  while (!queue.in_flight && !queue.empty()) {
    if (queue.has_lanes()) [[unlikely]]
      take_turns(queue, socket);
    if (queue.vectors == nullptr)
      queue.vectors = pool.take(queue.item_count * 2 > kFewVectors ? BufferClass::kMedium
                                                                   : BufferClass::kSmall);
    // What waits for a stuck peer may hold all of a class; the others must still be served.
    if (queue.vectors == nullptr) queue.vectors = pool.take_at_least(kFewVectors * sizeof(iovec));
    if (queue.vectors == nullptr) {
      queue.dirty = true;
      dirty_again_.push_back(owner);
      return mark_unsettled(queue, owner);
    }
    auto* vectors = reinterpret_cast<iovec*>(queue.vectors->data);
    std::size_t total = 0;
    const std::size_t room =
        std::min<std::size_t>(kVectorsMax, queue.vectors->capacity / sizeof(iovec));
    const std::size_t count = queue.gather(vectors, room, total);
    const std::int32_t sent = io.send(socket, {vectors, count}, config.limits.queue_kept_bytes);
    if (sent == -EINPROGRESS) {
      queue.keep(bytes_kept({vectors, count}, config.limits.queue_kept_bytes).second);
      queue.in_flight = true;
      if (queue.stuck_since_ns == 0) queue.stuck_since_ns = now_ns;
      owner.kind == TxOwner::Kind::kLink ? links.watch(links.at(owner.object))
                                         : portals.watch(portals.at(owner.object));
      return mark_unsettled(queue, owner);
    }
    if (sent < 0) {
      if (owner.kind == TxOwner::Kind::kLink)
        return links.on_sent_error(links.at(owner.object), -sent);
      return portals.on_sent_error(portals.at(owner.object), -sent);
    }
    counters.add(Counter::kBytesOut, static_cast<std::uint64_t>(sent));
    WEIR_PROBE(frame_sent, config.id, static_cast<int>(owner.kind), owner.object, sent);
    if (stages) [[unlikely]]
      stages->sent(clock_key(owner), static_cast<std::size_t>(sent));
    queue.consume(static_cast<std::size_t>(sent), items, pool);
    queue.stuck_since_ns = 0;
  }
  if (!queue.in_flight) after_send(queue, owner);
}

// Several flows wait for one connection.
void Shard::take_turns(TxQueue& queue, SocketId socket) {
  if (queue.blocked && !queue.unsent_limited) {
    queue.unsent_limited = true;
    io.limit_unsent(socket, config.limits.unsent_shared_bytes);
  }
  queue.move_from_lanes(config.limits.queue_kept_bytes, pool);
}

void Shard::after_send(TxQueue& queue, TxOwner owner) {
  if (queue.empty() && queue.vectors != nullptr) {
    pool.unref(queue.vectors);
    queue.vectors = nullptr;
  }
  if (queue.bytes <= config.limits.queue_low_bytes && queue.waiters != nullptr)
    sources_go_on(queue);
  if (owner.kind == TxOwner::Kind::kStream) {
    if (Stream* stream = portals.find(owner.object, owner.generation)) portals.on_sent(*stream);
  }
}

void Shard::on_sent(TxOwner owner, TxQueue& queue, std::int32_t result) {
  queue.in_flight = false;
  TxQueue* open_queue = queue_of(owner);
  if (open_queue == nullptr) return;
  if (result < 0) {
    if (owner.kind == TxOwner::Kind::kLink)
      return links.on_sent_error(links.at(owner.object), -result);
    return portals.on_sent_error(portals.at(owner.object), -result);
  }
  counters.add(Counter::kBytesOut, static_cast<std::uint64_t>(result));
  WEIR_PROBE(frame_sent, config.id, static_cast<int>(owner.kind), owner.object, result);
  if (stages) [[unlikely]]
    stages->sent(clock_key(owner), static_cast<std::size_t>(result));
  if (result > 0) queue.stuck_since_ns = 0;
  queue.consume(static_cast<std::size_t>(result), items, pool);
  if (!queue.empty()) mark_dirty(queue, owner);
  after_send(queue, owner);
}

ShardId Shard::least_loaded() const {
  if (config.shard_count == 1) return config.id;
  // Round robin spreads new connections; loads even out because connections stay.
  return static_cast<ShardId>(next_shard_++ % config.shard_count);
}

void Shard::flow_gone(FlowId flow) {
  table.forget_flow(flow);
  flow_ids_.give_back(flow);
  CrossMessage gone;
  gone.kind = CrossMessage::Kind::kFlowGone;
  gone.flow = flow;
  crossing.send_to_all(gone);
}

// --- the rest
// -----------------------------------------------------------------------------------------

void Shard::every_second(bool busy) {
  const bool links_wait = links.check_deadlines(now_ns);
  const bool streams_wait = portals.check_deadlines(now_ns);
  // An idle shard sleeps until somebody wakes it, and holds no memory that it does not need.
  if (!busy) arena.release();
  pool.trim();
  const bool again = busy || links_wait || streams_wait || pool.can_trim();
  next_second_ns_ = again ? now_ns + kNsPerSecond : ~std::uint64_t{0};
}

void Shard::do_report(const Report& report) {
  Reported answer;
  answer.request = report.request;
  if (report.kind == ReportKind::kLinks) {
    links.report(answer.links);
    return emit(std::move(answer));
  }
  counters.set(Counter::kLinks, links.size());
  counters.set(Counter::kChannels, channels.size());
  counters.set(Counter::kStreams, portals.size());
  counters.set(Counter::kWorkers, table.size());
  counters.set(Counter::kBuffersSmall, pool.in_use(BufferClass::kSmall));
  counters.set(Counter::kBuffersMedium, pool.in_use(BufferClass::kMedium));
  counters.set(Counter::kBuffersBulk, pool.in_use(BufferClass::kBulk));
  counters.set(Counter::kBuffersFrame, pool.in_use(BufferClass::kFrame));
  answer.counters.assign(std::begin(counters.values), std::end(counters.values));
  answer.counters.insert(answer.counters.end(), std::begin(counters.drops),
                         std::end(counters.drops));
  emit(std::move(answer));
}

void Shard::set_stage_clocks(SetStageClocks& command) {
  if (command.clocks) command.clocks->attach(clock, now_ns, counters, stages.get());
  if (stages) [[unlikely]]
    stages->hand_over(now_ns, counters);
  stages.swap(command.clocks);
  emit(StageClocksBack{command.request, std::move(command.clocks)});
}

void Shard::stop_all() {
  if (stopping_) return;
  stopping_ = true;
  channels.close_all();
  flush();
  portals.end_all();
  links.for_each([&](Link& link) { links.close(link, DropReason::kConnectionClosed); });
  flush();
  stopped_ = true;
  emit(ShardStopped{});
}

}  // namespace weir
