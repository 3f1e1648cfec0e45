// A message on its way through one shard. It is never queued as such: dispatch runs to the end (a
// connection's queue, a stream, control, a drop) before the next one starts.
//
//   [ head, grows to the left | payload, where it was received | tail, grows to the right ]
//
// head and tail lie in the shard's HeadArena and are one run of memory (tail starts where head
// ends); every channel and transport that the message passes adds to both. The payload is opened
// and sealed in place and never moves. Behind it lies what its old frame ended with (padding, tag,
// trailer): as long as that has room, new ends are written there and count as payload.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dataplane/contract.h"
#include "dataplane/link/lane_key.h"
#include "dataplane/shard/buffer_pool.h"
#include "dataplane/wire/route.h"

namespace weir {

// A route as two runs of canonical addresses, so that taking one off or putting one (or a relay's
// route) in front copies nothing.
struct RouteRef {
  ByteSpan first;
  std::uint32_t first_count = 0;
  ByteSpan second;
  std::uint32_t second_count = 0;

  static RouteRef of(const wire::RouteView& view) { return {{}, 0, view.items, view.count}; }
  static RouteRef of(const EncodedRoute& route) { return {{}, 0, route.items, route.count}; }
  std::uint32_t count() const { return first_count + second_count; }
  std::size_t bytes() const { return first.size() + second.size(); }
  bool empty() const { return count() == 0; }
  wire::AddressView front() const {
    return wire::canonical_address(first_count != 0 ? first : second);
  }
  void pop() {
    ByteSpan& items = first_count != 0 ? first : second;
    items = items.subspan(wire::canonical_address(items).encoded.size());
    --(first_count != 0 ? first_count : second_count);
  }
  // Puts `count` addresses in front. False if both runs are in use: the caller joins them first.
  bool prepend(ByteSpan items, std::uint32_t count) {
    if (first_count != 0) return false;
    first = items;
    first_count = count;
    return true;
  }
  void copy_to(std::uint8_t* out) const {
    if (!first.empty()) std::memcpy(out, first.data(), first.size());
    if (!second.empty()) std::memcpy(out + first.size(), second.data(), second.size());
  }
};

struct Entry;

struct Packet {
  RouteRef onward;
  RouteRef ret;
  // What the first hop of `onward` and of `ret` name, where that is known without a look-up.
  Entry* next = nullptr;
  Entry* origin = nullptr;
  std::uint8_t* head_begin = nullptr;
  std::uint8_t* head_end = nullptr;  // = begin of the tail
  std::uint8_t* tail_end = nullptr;
  MutableByteSpan payload;
  std::uint32_t payload_room = 0;    // bytes behind it that are of its own frame and done with
  Buffer* payload_buffer = nullptr;  // borrowed from whoever dispatches
  Buffer* head_buffer = nullptr;     // borrowed from the arena
  BufferRef route_hold;              // owns joined or normalised routes
  BufferRef flat_hold;               // owns a payload that had to be made contiguous
  // The innermost producer it came from; kNoFlow: written by this node.
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  PrincipalId principal = kNoPrincipal;
  Gates gates = kAllGates;
  LaneKey lane = kPlainLane;  // by which it waits for a connection
  LinkId link;                // outermost connection, generation 0 = none
  bool foreign = false;       // the next hop must be allowed for flow or spawner

  std::size_t head_bytes() const { return static_cast<std::size_t>(head_end - head_begin); }
  std::size_t tail_bytes() const { return static_cast<std::size_t>(tail_end - head_end); }
  std::size_t total_bytes() const { return head_bytes() + payload.size() + tail_bytes(); }
  // Room for the last `n` bytes of the message. The caller has reserved tail for them, in case the
  // payload has none.
  std::uint8_t* append(std::size_t n) {
    if (tail_bytes() == 0 && n <= payload_room) {
      payload_room -= static_cast<std::uint32_t>(n);
      payload = {payload.data(), payload.size() + n};
      return payload.data() + payload.size() - n;
    }
    tail_end += n;
    return tail_end - n;
  }
};

}  // namespace weir
