// Data of open streams, both directions; credit; ends of either side (docs/spec/05 sections 5 and
// 6, 09 sections 1.2 and 1.3).
#include <algorithm>
#include <utility>

#include "dataplane/portal/portal.h"
#include "dataplane/shard/shard.h"
#include "dataplane/telemetry/probes.h"

namespace weir {

// --- to the peer
// ------------------------------------------------------------------------------------------

bool Portals::send_control(Stream& stream, ByteSpan message) {
  Packet packet;
  if (!shard_.arena.reserve(packet, message.size(), 0)) return false;
  packet.head_begin -= message.size();
  std::memcpy(packet.head_begin, message.data(), message.size());
  packet.onward = RouteRef::of(stream.route);
  packet.ret = {{}, 0, shard_.table.at(stream.entry).encoded_bytes(), 1};
  return shard_.router.dispatch(packet);
}

bool Portals::send_data(Stream& stream, MutableByteSpan data, Buffer* hold) {
  Packet packet;
  const std::size_t head = wire::payload_head_bytes(data.size());
  if (!shard_.arena.reserve(packet, head, 0)) return false;
  packet.head_begin -= head;
  wire::put_payload_head(packet.head_begin, data.size());
  packet.payload = data;
  packet.payload_buffer = hold;
  packet.onward = RouteRef::of(stream.route);
  packet.ret = {{}, 0, shard_.table.at(stream.entry).encoded_bytes(), 1};
  stream.sent += data.size();
  return shard_.router.dispatch(packet);
}

bool Portals::can_send(const Stream& stream) {
  if (stream.user.entry == 0xffffffff) return false;
  const Entry& entry = shard_.table.at(stream.user.entry);
  return entry.kind != EntryKind::kEncryptor || shard_.channels.can_carry(entry.object);
}

bool Portals::process(Stream& stream) {
  RxState& rx = stream.rx;
  if (stream.state != Stream::State::kOpen || stream.broken || rx.armed || stream.application_eof)
    return false;
  watch(stream);
  shard_.source = &stream.source;
  const Sent sent = send_read(stream);
  shard_.source = nullptr;
  switch (sent) {
    case Sent::kEnded:
      return false;
    case Sent::kUsedUp:
      return true;
    case Sent::kNoMemory:
      shard_.wait_for_buffers(stream.source);
      return false;
    case Sent::kLost:
      fail(stream, StreamReason::kSessionLost, true);
      return false;
    case Sent::kDone:
      break;
  }
  if (rx.begin != rx.end) return false;
  if (rx.buffer != nullptr) {
    shard_.pool.unref(rx.buffer);
    rx.buffer = nullptr;
    rx.begin = rx.end = 0;
  }
  if (stream.source.must_wait() || !can_send(stream)) return false;
  if (stream.eof_read) {
    application_ended(stream, 0);
    return false;
  }
  if (stream.send_limit <= stream.sent) return false;
  rx.armed = true;
  shard_.io.receive_any(stream.socket, rx.want);
  return false;
}

Portals::Sent Portals::send_read(Stream& stream) {
  RxState& rx = stream.rx;
  const std::uint32_t index = stream.index;
  const std::uint32_t generation = stream.generation;
  while (rx.begin != rx.end && !stream.source.must_wait() && can_send(stream)) {
    if (stream.source.deficit <= 0) return Sent::kUsedUp;
    const std::uint64_t credit = stream.send_limit - std::min(stream.send_limit, stream.sent);
    const std::uint64_t left = rx.end - rx.begin;
    const std::uint64_t size =
        std::min({left, credit, std::uint64_t{shard_.config.limits.portal_chunk_bytes}});
    if (size == 0) break;  // Credit will come
    if (!shard_.arena.ready()) return Sent::kNoMemory;
    Buffer* hold = rx.buffer;
    const MutableByteSpan piece{hold->data + rx.begin, static_cast<std::size_t>(size)};
    rx.begin += static_cast<std::uint32_t>(size);
    stream.source.deficit -= static_cast<std::int64_t>(size) + TurnOrder::kMessageCost;
    WEIR_PROBE(frame_received, shard_.config.id, index, piece.size());
    const bool sent = time_frame(shard_.stages.get(), stream.received_at_ns, piece.size(),
                                 [&] { return send_data(stream, piece, hold); });
    if (streams_.find(index, generation) == nullptr || stream.state != Stream::State::kOpen)
      return Sent::kEnded;
    if (!sent) return Sent::kLost;
  }
  return Sent::kDone;
}

void Portals::on_received(Stream& stream, const IoEvent& event) {
  RxState& rx = stream.rx;
  rx.armed = false;
  if (stream.state != Stream::State::kOpen || stream.broken) {
    if (event.buffer != nullptr) shard_.pool.unref(event.buffer);
    return;
  }
  if (event.result <= 0) return application_ended(stream, -event.result);
  rx.buffer = event.buffer;
  rx.begin = 0;
  rx.end = static_cast<std::uint32_t>(event.result);
  stream.received_at_ns = shard_.now_ns;
  adapt_receive(rx, rx.end, event.buffer->capacity);
  shard_.ready(stream.source);
}

// The application sends no more (0), or its connection broke (errno).
void Portals::application_ended(Stream& stream, int error) {
  if (error != 0) return fail(stream, StreamReason::kResetByApplication, true);
  if (stream.application_eof) return;
  if (!can_send(stream)) {
    stream.eof_read = true;
    return;
  }
  stream.application_eof = true;
  const bool half_close = (stream.flags & wire::kCapHalfClose) != 0;
  std::uint8_t bytes[wire::kPortalControlBytesMax];
  const std::size_t size = half_close
                               ? wire::put_eof(bytes, stream.sent)
                               : wire::put_portal_simple(bytes, wire::PortalKind::kDisconnect);
  if (!send_control(stream, {bytes, size})) {
    // Said again by process(): without it the peer would wait for ever.
    stream.application_eof = false;
    stream.eof_read = true;
    return;
  }
  // A real end drops what it still has for us as soon as it reads the Disconnect.
  if (!half_close) stream.peer_eof = true;
  if (stream.state == Stream::State::kOpen) finish_if_done(stream);
}

// --- from the peer
// ----------------------------------------------------------------------------------------

void Portals::on_stream_message(std::uint32_t index, Packet& packet) {
  Stream& stream = streams_.at(index);
  packet.onward.pop();
  wire::PortalMessage message;
  if (!packet.onward.empty() || !shard_.router.flatten(packet) ||
      wire::parse_portal_message(packet.payload, message) != wire::ParseResult::kOk) {
    return shard_.counters.drop(DropReason::kPortalMessage);
  }
  if (packet.principal != stream.principal)
    return shard_.counters.drop(DropReason::kPortalIdentity);
  shard_.arena.finish(packet);
  if (stream.state == Stream::State::kWaitsForPong) {
    if (message.kind != wire::PortalKind::kPong)
      return shard_.counters.drop(DropReason::kPortalState);
    set_route(stream, packet.ret);
    if (packet.flow != kNoFlow) shard_.table.allow(packet.flow, shard_.table.at(stream.entry));
    stream.receive_limit = ~std::uint64_t{0};
    if (message.has_cap) agree(stream, message.cap);
    stream.state = Stream::State::kOpen;
    stream.was_open = true;
    return shard_.ready(stream.source);
  }
  if (stream.state != Stream::State::kOpen) return shard_.counters.drop(DropReason::kPortalState);
  on_message(stream, packet, message);
}

void Portals::on_message(Stream& stream, Packet& packet, const wire::PortalMessage& message) {
  const bool extended = stream.flags != 0;
  switch (message.kind) {
    case wire::PortalKind::kPayload:
      return on_payload(stream, packet, message);
    case wire::PortalKind::kPing:
      return;
    case wire::PortalKind::kPong:
      if (stream.inlet && stream.skips_handshake) pong_not_expected(stream, packet.ret);
      return;
    case wire::PortalKind::kDisconnect:
      stream.peer_eof = true;
      stream.application_eof = true;
      return finish_if_done(stream);
    case wire::PortalKind::kCredit:
      if (!extended) return shard_.counters.drop(DropReason::kPortalMessage);
      stream.send_limit = std::max(stream.send_limit, message.offset);
      return shard_.ready(stream.source);
    case wire::PortalKind::kEof:
      if (!extended) return shard_.counters.drop(DropReason::kPortalMessage);
      if (message.offset != stream.received) return fail(stream, StreamReason::kDataLost, true);
      stream.peer_eof = true;
      return finish_if_done(stream);
    case wire::PortalKind::kReset:
      if (!extended) return shard_.counters.drop(DropReason::kPortalMessage);
      return end(stream, static_cast<StreamReason>(message.reason), true);
  }
}

void Portals::on_payload(Stream& stream, Packet& packet, const wire::PortalMessage& message) {
  const std::size_t size = message.payload.size();
  if (message.has_counter) {
    const auto expected = static_cast<std::uint16_t>(stream.counter_in + 1);
    if (message.counter != expected) return fail(stream, StreamReason::kDataLost, true);
    stream.counter_in = expected;
  }
  if (stream.peer_eof || stream.broken) return shard_.counters.drop(DropReason::kPortalUnreadData);
  if (stream.received + size > stream.receive_limit)
    return fail(stream, StreamReason::kProtocolError, true);
  stream.received += size;
  if (size == 0) return;
  if (stream.state == Stream::State::kDialling) return park(stream, message.payload);
  TxItem* item = shard_.items.take();
  BufferPool::ref(packet.payload_buffer);
  item->hold[0] = packet.payload_buffer;
  item->data[0] = message.payload.data();
  item->size[0] = static_cast<std::uint32_t>(size);
  shard_.enqueue(stream.tx, {TxOwner::Kind::kStream, stream.index, stream.generation}, item);
  // A real peer has no credit: past the bound its connection is not read, for a while.
  if ((stream.flags & wire::kCapCredit) != 0 ||
      stream.tx.bytes <= shard_.config.limits.stream_buffer_bytes_max)
    return;
  if (stream.full_since_ns == 0) stream.full_since_ns = shard_.now_ns;
  watch(stream);
  // Its connection is on another shard: that one waits for the credit of this message.
  if (const CrossCredit credit = shard_.crossing.take_credit(); credit.bytes != 0)
    return shard_.items.attach(*item, credit);
  shard_.pause_source(stream.tx);
}

void Portals::on_sent(Stream& stream) {
  if (stream.state != Stream::State::kOpen || stream.broken) return;
  give_credit(stream);
  if (stream.state == Stream::State::kOpen) finish_if_done(stream);
}

void Portals::give_credit(Stream& stream) {
  if ((stream.flags & wire::kCapCredit) == 0 || stream.peer_eof) return;
  const std::uint64_t consumed = stream.received - stream.tx.bytes;
  if (stream.receive_limit - consumed > stream.window / 2) return;
  // The application keeps up: the path may need more in flight.
  const ShardLimits& limits = shard_.config.limits;
  const bool shares = stream.user.previous != nullptr || stream.user.next != nullptr;
  const std::uint64_t most =
      shares ? limits.stream_window_shared_bytes_max : limits.stream_window_bytes_max;
  if (stream.tx.empty()) stream.window *= 2;
  stream.window = std::min(
      {stream.window, std::max(most, limits.stream_window_bytes), limits.stream_window_bytes_max});
  const std::uint64_t before = stream.receive_limit;
  stream.receive_limit = std::max(before, consumed + stream.window);
  std::uint8_t bytes[wire::kPortalControlBytesMax];
  const std::size_t size = wire::put_credit(bytes, stream.receive_limit);
  // Not said, not given: check_deadlines() tries again, or the peer would wait for ever.
  if (send_control(stream, {bytes, size})) return;
  stream.receive_limit = before;
  watch(stream);
}

void Portals::on_sent_error(Stream& stream, int /*error*/) {
  fail(stream, StreamReason::kResetByApplication, true);
}

void Portals::finish_if_done(Stream& stream) {
  if (!stream.peer_eof || !stream.tx.empty() || stream.tx.in_flight) return;
  if (stream.application_eof) return end(stream, StreamReason::kFinished, false);
  if (!stream.tx.ended) {
    stream.tx.ended = true;
    shard_.io.shutdown_send(stream.socket);
  }
}

}  // namespace weir
