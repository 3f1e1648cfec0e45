#include "dataplane/shard/crossing.h"

#include <algorithm>
#include <utility>

#include "dataplane/shard/shard.h"
#include "dataplane/telemetry/probes.h"

namespace weir {
namespace {

// What a message costs beside its bytes: its place in a ring, its queue entry.
constexpr std::uint32_t kMessageCharge = 256;
constexpr std::uint64_t kStallMaxNs = kNsPerSecond;

// Moves what fits, in order. True if anything did.
template <typename T>
bool push_all(std::vector<T>& waiting, SpscRing<T>& ring) {
  std::size_t moved = 0;
  while (moved < waiting.size() && ring.push(std::move(waiting[moved]))) ++moved;
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(moved));
  return moved > 0;
}

bool same_source(const CrossCredit& a, const CrossCredit& b) {
  return a.kind == b.kind && a.object == b.object && a.generation == b.generation;
}

}  // namespace

Crossing::Crossing(Shard& shard, std::vector<Peer> peers)
    : shard_(shard), peers_(std::move(peers)), waiting_(peers_.size()) {}

bool Crossing::busy() const {
  if (!own_.empty()) return true;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const CrossRing* from = peers_[i].from;
    if (from != nullptr && (stalled() ? !from->returns.empty() : !from->empty())) return true;
    // A full ring is drained at once by a shard that runs; nobody says when there is room again.
    if (!waiting_[i].messages.empty() || !waiting_[i].returns.empty()) return true;
  }
  return false;
}

void Crossing::send(ShardId to, const CrossMessage& message) {
  CHECK(to < peers_.size() && peers_[to].to != nullptr);
  waiting_[to].messages.push_back(message);
}

void Crossing::send_to_all(const CrossMessage& message) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].to != nullptr) waiting_[i].messages.push_back(message);
  }
}

bool Crossing::send(ShardId to, Packet& packet, FlowId open_for) {
  shard_.arena.finish(packet);
  Packet routes;
  const std::size_t route_bytes = packet.onward.bytes() + packet.ret.bytes();
  if (!shard_.arena.reserve(routes, route_bytes, 0)) {
    shard_.counters.drop(DropReason::kMemory);
    return false;
  }
  routes.head_begin -= route_bytes;
  packet.onward.copy_to(routes.head_begin);
  packet.ret.copy_to(routes.head_begin + packet.onward.bytes());
  shard_.arena.finish(routes);

  CrossMessage message;
  message.routes = routes.head_begin;
  message.route_buffer = routes.head_buffer;
  BufferPool::ref(message.route_buffer);
  message.onward_bytes = static_cast<std::uint32_t>(packet.onward.bytes());
  message.onward_count = packet.onward.count();
  message.ret_bytes = static_cast<std::uint32_t>(packet.ret.bytes());
  message.ret_count = packet.ret.count();
  if (!packet.payload.empty()) {
    message.payload = packet.payload;
    message.payload_room = packet.payload_room;
    message.payload_buffer = packet.payload_buffer;
    BufferPool::ref(message.payload_buffer);
  }
  if (packet.head_bytes() + packet.tail_bytes() != 0) {
    message.head_begin = packet.head_begin;
    message.head_end = packet.head_end;
    message.tail_end = packet.tail_end;
    message.head_buffer = packet.head_buffer;
    BufferPool::ref(message.head_buffer);
  }
  message.flow = packet.flow;
  message.spawner = packet.spawner;
  message.principal = packet.principal;
  message.gates = packet.gates;
  message.lane = packet.lane;
  message.link = packet.link;
  message.foreign = packet.foreign;
  message.open_for = open_for;
  message.credit = take_credit();
  if (message.credit.bytes == 0 && shard_.source != nullptr) {
    Source& source = *shard_.source;
    const auto bytes =
        static_cast<std::uint32_t>(packet.total_bytes() + route_bytes) + kMessageCharge;
    message.credit = {shard_.config.id, source.kind, source.object, source.generation, bytes};
    source.crossing_bytes += bytes;
    if (source.crossing_bytes > shard_.config.limits.queue_high_bytes && !source.waits_for_credit) {
      source.waits_for_credit = true;
      shard_.counters.add(Counter::kSourcePauses);
    }
  }
  WEIR_PROBE(ring_pushed, shard_.config.id, to, message.routes, message.payload.size());
  if (shard_.stages) message.timing = shard_.stages->crossing();
  send(to, message);
  return true;
}

void Crossing::receive() {
  for (const CrossCredit& credit : own_) credit_back(credit);  // adds none: flush() does
  own_.clear();
  bool left = false;
  for (std::size_t from = 0; from < peers_.size(); ++from) {
    CrossRing* ring = peers_[from].from;
    if (ring == nullptr) continue;
    for (CrossReturn back; ring->returns.pop(back);) {
      if (back.buffer != nullptr) shard_.pool.unref(back.buffer);
      if (back.credit.bytes != 0) credit_back(back.credit);
    }
    CrossMessage message;
    while (!ring->messages.empty() && has_memory() && ring->messages.pop(message))
      deliver(message, static_cast<ShardId>(from));
    left = left || !ring->messages.empty();
  }
  if (!left) stalled_since_ns_ = 0;
}

// Rather wait than lose somebody's message; but two shards that wait for each other's memory would
// do so for ever.
bool Crossing::has_memory() {
  if (shard_.arena.ready()) {
    stalled_since_ns_ = 0;
    return true;
  }
  if (stalled_since_ns_ == 0) stalled_since_ns_ = shard_.now_ns;
  return shard_.now_ns - stalled_since_ns_ > kStallMaxNs;
}

void Crossing::credit_back(const CrossCredit& credit) {
  Link* link = nullptr;
  Stream* stream = nullptr;
  Source* source = nullptr;
  if (credit.kind == Source::Kind::kLink) {
    link = shard_.links.find(credit.object, credit.generation);
    if (link != nullptr) source = &link->source;
  } else {
    stream = shard_.portals.find(credit.object, credit.generation);
    if (stream != nullptr) source = &stream->source;
  }
  if (source == nullptr) return;  // ended meanwhile
  DCHECK(source->crossing_bytes >= credit.bytes);
  source->crossing_bytes -= credit.bytes;
  if (!source->waits_for_credit || source->crossing_bytes > shard_.config.limits.queue_low_bytes)
    return;
  source->waits_for_credit = false;
  shard_.ready(*source);
}

void Crossing::deliver(CrossMessage& message, ShardId from) {
  switch (message.kind) {
    case CrossMessage::Kind::kPacket:
      return deliver_packet(message, from);
    case CrossMessage::Kind::kAcceptedLink:
      return shard_.links.adopt(message.socket, message.portal, message.spawner, message.peer);
    case CrossMessage::Kind::kAcceptedStream:
      return shard_.portals.adopt(message.socket, message.portal, message.peer);
    case CrossMessage::Kind::kFlowGone:
      shard_.table.forget_flow(message.flow);
      return shard_.channels.flow_gone(message.flow);
  }
}

void Crossing::deliver_packet(CrossMessage& message, ShardId from) {
  const auto borrowed = [&](Buffer* lender) {
    return lender == nullptr ? BufferRef()
                             : BufferRef(shard_.pool, shard_.pool.borrow(lender, from));
  };
  const BufferRef payload = borrowed(message.payload_buffer);
  const BufferRef head = borrowed(message.head_buffer);
  const BufferRef routes = borrowed(message.route_buffer);
  Packet packet;
  packet.onward = {{}, 0, {message.routes, message.onward_bytes}, message.onward_count};
  packet.ret = {
      {}, 0, {message.routes + message.onward_bytes, message.ret_bytes}, message.ret_count};
  packet.payload = message.payload;
  packet.payload_room = message.payload_room;
  packet.payload_buffer = payload.get();
  packet.head_begin = message.head_begin;
  packet.head_end = message.head_end;
  packet.tail_end = message.tail_end;
  packet.head_buffer = head.get();
  packet.flow = message.flow;
  packet.spawner = message.spawner;
  packet.principal = message.principal;
  packet.gates = message.gates;
  packet.lane = message.lane;
  packet.link = message.link;
  packet.foreign = message.foreign;
  credit_ = message.credit;
  WEIR_PROBE(ring_popped, shard_.config.id, from, message.routes, message.payload.size());
  if (shard_.stages) [[unlikely]]
    shard_.stages->arrived(message.timing, packet.total_bytes());
  shard_.router.dispatch(packet, message.open_for);
  if (shard_.stages) [[unlikely]]
    shard_.stages->frame_ends();
  // What did not become a queue entry of a connection has left.
  if (const CrossCredit rest = take_credit(); rest.bytes != 0) shard_.items.due().push_back(rest);
}

void Crossing::collect_returns() {
  for (const LentBuffer& lent : shard_.pool.returns())
    waiting_[lent.owner].returns.push_back({lent.buffer, {}});
  shard_.pool.returns().clear();
  for (const CrossCredit& credit : shard_.items.due()) {
    // It went out and came back.
    if (credit.shard == shard_.config.id) {
      own_.push_back(credit);
      continue;
    }
    auto& returns = waiting_[credit.shard].returns;
    if (!returns.empty() && same_source(returns.back().credit, credit)) {
      returns.back().credit.bytes += credit.bytes;
    } else {
      returns.push_back({nullptr, credit});
    }
  }
  shard_.items.due().clear();
}

void Crossing::flush() {
  if (peers_.empty()) return;
  collect_returns();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Waiting& waiting = waiting_[i];
    if (waiting.messages.empty() && waiting.returns.empty()) continue;
    const bool returned = push_all(waiting.returns, peers_[i].to->returns);
    const bool sent = push_all(waiting.messages, peers_[i].to->messages);
    if ((returned || sent) && peers_[i].wake) peers_[i].wake();
  }
}

}  // namespace weir
