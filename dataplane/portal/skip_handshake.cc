// Portals that skip the handshake (docs/spec/05 section 7): the inlet sends Ping and data at once,
// always to the outlet's own address; the outlet tells streams apart by who writes.
//
// What a real outlet does badly here is mended: only a Ping makes a stream, so that what is still
// on its way for one that ended dials nothing; data that comes before the target answers is copied
// aside, bounded, and never makes anybody wait; a target that does not answer ends its stream.
// There is no announcement of extensions in this mode (docs/spec/09 section 1.1).
#include <algorithm>
#include <cstring>

#include "dataplane/portal/portal.h"
#include "dataplane/shard/shard.h"

namespace weir {
namespace {

// The route is not empty.
ByteSpan last_address(const RouteRef& route) {
  const bool behind = route.second_count != 0;
  ByteSpan items = behind ? route.second : route.first;
  for (std::uint32_t left = behind ? route.second_count : route.first_count; left > 1; --left) {
    items = items.subspan(wire::canonical_address(items).encoded.size());
  }
  return items;
}

// Any buffer for at most `bytes`; smaller ones rather than none.
Buffer* take_near(BufferPool& pool, std::size_t bytes) {
  int c = static_cast<int>(BufferClass::kSmall);
  while (c < static_cast<int>(BufferClass::kBulk) && kBufferBytes[c] < bytes) ++c;
  for (; c >= 0; --c) {
    if (Buffer* buffer = pool.take(static_cast<BufferClass>(c))) return buffer;
  }
  return nullptr;
}

}  // namespace

// --- inlet
// ----------------------------------------------------------------------------------------------

void Portals::start_without_pong(Stream& stream) {
  stream.skips_handshake = true;
  stream.state = Stream::State::kOpen;
  std::uint8_t ping[wire::kPortalControlBytesMax];
  const std::size_t size = wire::put_portal_simple(ping, wire::PortalKind::kPing);
  if (!send_control(stream, {ping, size})) return end(stream, StreamReason::kSessionLost, true);
  stream.was_open = true;
  shard_.ready(stream.source);
}

// The outlet does not skip the handshake: it drops our data. The client must not wait for ever, nor
// the target's connection, which only the Pong's own route reaches.
void Portals::pong_not_expected(Stream& stream, const RouteRef& from) {
  set_route(stream, from);
  fail(stream, StreamReason::kModesDiffer, true);
}

// --- outlet
// ---------------------------------------------------------------------------------------------

void Portals::on_unannounced_message(Outlet& to, Packet& packet,
                                     const wire::PortalMessage& message) {
  shard_.arena.finish(packet);
  const SenderKey key{packet.principal, last_address(packet.ret)};
  if (const SenderMap::StreamRef* known = to.senders.find(key)) {
    Stream* stream = streams_.find(known->index, known->generation);
    CHECK(stream != nullptr);
    return on_message(*stream, packet, message);
  }
  if (message.kind == wire::PortalKind::kPing) return open_unannounced(to, packet, key);
  shard_.counters.drop(DropReason::kPortalUnknownStream);
  if (message.kind == wire::PortalKind::kPayload) answer_disconnect(to, packet);
}

void Portals::open_unannounced(Outlet& to, Packet& packet, const SenderKey& key) {
  Stream* stream = make_stream(false, to.id);
  if (stream == nullptr) return answer_disconnect(to, packet);
  stream->skips_handshake = true;
  stream->pong_sent = true;
  stream->state = Stream::State::kDialling;
  stream->principal = packet.principal;
  stream->sender = std::string(as_text(key.address));
  to.senders.add(key, {stream->index, stream->generation});
  shard_.table.at(stream->entry).gate = to.gate;
  set_route(*stream, packet.ret);
  use_targets(to, *stream);
  shard_.timers.set({shard_.now_ns + shard_.config.limits.pong_timeout_ns, Timer::Kind::kPong,
                     stream->index, stream->generation});
  dial(*stream, EHOSTUNREACH);
}

// The sender of data for no stream of ours ends its own instead of sending into the void.
void Portals::answer_disconnect(const Outlet& from, Packet& packet) {
  Packet answer;
  if (!shard_.arena.reserve(answer, 1, 0)) return;
  wire::put_portal_simple(--answer.head_begin, wire::PortalKind::kDisconnect);
  answer.onward = packet.ret;
  answer.ret = {{}, 0, shard_.table.at(from.entry).encoded_bytes(), 1};
  shard_.router.dispatch(answer);
}

void Portals::park(Stream& stream, ByteSpan data) {
  const ShardLimits& limits = shard_.config.limits;
  if (stream.parked_bytes + data.size() <= limits.parked_stream_bytes_max &&
      parked_bytes_ + data.size() <= limits.parked_streams_bytes_max && copy_parked(stream, data)) {
    stream.parked_bytes += data.size();
    parked_bytes_ += data.size();
    shard_.counters.add(Counter::kPayloadCopies);
    shard_.counters.add(Counter::kPayloadCopyBytes, data.size());
    return;
  }
  shard_.counters.drop(DropReason::kPortalParked);
  fail(stream, StreamReason::kOverload, true);
}

// To the end of the queue, filling the last buffer first: a waiting byte must not pin the buffer
// that it came in. False: no buffer left.
bool Portals::copy_parked(Stream& stream, ByteSpan data) {
  TxQueue& queue = stream.tx;
  while (!data.empty()) {
    TxItem* last = queue.tail;
    if (last == nullptr || last->size[0] == last->hold[0]->capacity) {
      Buffer* buffer = take_near(shard_.pool, std::max(data.size(), queue.bytes));
      if (buffer == nullptr) return false;
      last = shard_.items.take();
      last->hold[0] = buffer;
      last->data[0] = buffer->data;
      queue.push(last);
    }
    Buffer* buffer = last->hold[0];
    const std::size_t room = buffer->capacity - last->size[0];
    const std::size_t size = std::min(room, data.size());
    std::memcpy(buffer->data + last->size[0], data.data(), size);
    last->size[0] += static_cast<std::uint32_t>(size);
    queue.bytes += size;
    data = data.subspan(size);
  }
  return true;
}

void Portals::send_parked(Stream& stream) {
  if (!stream.skips_handshake) return;
  parked_bytes_ -= stream.parked_bytes;
  stream.parked_bytes = 0;
  if (stream.tx.empty()) return;
  shard_.mark_dirty(stream.tx, {TxOwner::Kind::kStream, stream.index, stream.generation});
}

void Portals::forget_sender(Stream& stream) {
  if (!stream.skips_handshake || stream.inlet) return;
  parked_bytes_ -= stream.parked_bytes;
  stream.parked_bytes = 0;
  if (Outlet* from = outlet(stream.portal)) {
    from->senders.remove({stream.principal, as_bytes(stream.sender)});
  }
}

// Their peers write to the outlet's address, which goes away.
void Portals::end_senders(ControlId id) {
  streams_.for_each([&](Stream& stream) {
    if (stream.portal == id && stream.skips_handshake && !stream.inlet &&
        stream.state != Stream::State::kClosing) {
      fail(stream, StreamReason::kShuttingDown, true);
    }
  });
}

}  // namespace weir
