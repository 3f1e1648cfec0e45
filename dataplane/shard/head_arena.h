// Where heads and tails of outgoing messages are written: medium buffers filled from the right end
// to the left, one packet after the other. A finished packet's bytes stay until its last reference
// (a queue entry) is gone.
#pragma once

#include <cstring>

#include "base/check.h"
#include "dataplane/route/packet.h"
#include "dataplane/shard/buffer_pool.h"

namespace weir {

class HeadArena {
 public:
  // Four sealed layers (padding byte, tag) and the transport's trailer.
  static constexpr std::size_t kTailBytes = 80;

  explicit HeadArena(BufferPool& pool) : pool_(pool) {}
  ~HeadArena() {
    if (current_ != nullptr) pool_.unref(current_);
  }
  HeadArena(const HeadArena&) = delete;
  HeadArena& operator=(const HeadArena&) = delete;

  // Asked before a source is read on: heads of one more message of any usual size will fit, so that
  // nothing has to be dropped halfway. False: no memory now.
  bool ready() {
    constexpr std::size_t kUsualBytes = 2048 + kTailBytes;
    return (current_ != nullptr &&
            static_cast<std::size_t>(floor_ - current_->data) >= kUsualBytes) ||
           next_buffer(kUsualBytes);
  }
  // Makes room for `head` more bytes to the left and `tail` more to the right. False: no memory, or
  // the tail is full (kTailBytes).
  bool reserve(Packet& packet, std::size_t head, std::size_t tail) {
    if (packet.head_buffer == nullptr) return begin(packet, head);
    if (packet.tail_bytes() + tail > kTailBytes) return false;
    if (static_cast<std::size_t>(packet.head_begin - packet.head_buffer->data) >= head &&
        packet.head_buffer == current_) {
      return true;
    }
    return move(packet, head);
  }
  // The packet's bytes are final: the next packet starts to the left of it.
  void finish(Packet& packet) {
    if (packet.head_buffer == current_ && current_ != nullptr) floor_ = packet.head_begin;
  }
  // Lets go of a part-used buffer (idle shard).
  void release() {
    if (current_ == nullptr) return;
    pool_.unref(current_);
    current_ = nullptr;
    floor_ = nullptr;
  }

 private:
  bool begin(Packet& packet, std::size_t head) {
    const std::size_t need = head + kTailBytes;
    if (current_ == nullptr || static_cast<std::size_t>(floor_ - current_->data) < need) {
      if (!next_buffer(need)) return false;
    }
    packet.head_buffer = current_;
    packet.head_end = floor_ - kTailBytes;
    packet.head_begin = packet.head_end;
    packet.tail_end = packet.head_end;
    return true;
  }
  // The head no longer fits: its bytes (never a payload) go to a new buffer.
  bool move(Packet& packet, std::size_t head) {
    Packet old;
    old.head_begin = packet.head_begin;
    old.head_end = packet.head_end;
    old.tail_end = packet.tail_end;
    Buffer* hold = packet.head_buffer;
    BufferPool::ref(hold);
    const std::size_t have = old.head_bytes();
    const bool fits = next_buffer(have + head + kTailBytes);
    if (fits) {
      packet.head_buffer = current_;
      packet.head_end = floor_ - kTailBytes;
      packet.head_begin = packet.head_end - have;
      std::memcpy(packet.head_begin, old.head_begin, have + old.tail_bytes());
      packet.tail_end = packet.head_end + old.tail_bytes();
    }
    pool_.unref(hold);
    return fits;
  }
  bool next_buffer(std::size_t need) {
    BufferClass size_class = BufferClass::kMedium;
    while (kBufferBytes[static_cast<int>(size_class)] < need) {
      if (size_class == BufferClass::kFrame) return false;
      size_class = static_cast<BufferClass>(static_cast<int>(size_class) + 1);
    }
    Buffer* buffer = pool_.take(size_class);
    // Rather any other buffer than a lost message.
    if (buffer == nullptr && need <= kBufferBytes[static_cast<int>(BufferClass::kSmall)])
      buffer = pool_.take(BufferClass::kSmall);
    if (buffer == nullptr && size_class == BufferClass::kMedium)
      buffer = pool_.take(BufferClass::kBulk);
    if (buffer == nullptr) return false;
    if (current_ != nullptr) pool_.unref(current_);
    current_ = buffer;
    floor_ = buffer->data + buffer->capacity;
    return true;
  }

  BufferPool& pool_;
  Buffer* current_ = nullptr;
  std::uint8_t* floor_ = nullptr;
};

}  // namespace weir
