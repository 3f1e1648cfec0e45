// Pool buffers lent to the kernel, one group per size class: the kernel picks one when data is
// there, so an armed receive of an idle socket holds none. Groups are small (they rotate, and few
// hot buffers are better than many) and are filled up from the pool once per turn.
#pragma once

#ifdef WEIR_HAVE_URING

#include <liburing.h>

#include <cstdint>
#include <vector>

#include "dataplane/shard/buffer_pool.h"

namespace weir::io_internal {

class UringBuffers {
 public:
  explicit UringBuffers(BufferPool& pool) : pool_(pool) {}
  // Gives the lent buffers back to the pool; the ring must be closed or idle by then.
  ~UringBuffers();
  UringBuffers(const UringBuffers&) = delete;
  UringBuffers& operator=(const UringBuffers&) = delete;

  // False: this kernel has no buffer rings. Nothing is registered then.
  bool set_up(io_uring& ring);
  bool has_group(BufferClass c) const { return group(c).ring != nullptr; }
  bool is_empty(BufferClass c) const { return group(c).lent == 0; }
  static std::uint16_t group_id(BufferClass c) { return static_cast<std::uint16_t>(c); }
  void refill();
  // The buffer that a completion names; from now on the caller's.
  Buffer* take(BufferClass c, std::uint16_t buffer_id);

 private:
  struct Group {
    io_uring_buf_ring* ring = nullptr;
    std::uint32_t target = 0;  // buffers to keep lent
    std::uint32_t lent = 0;
    std::uint32_t entries = 0;
    std::vector<Buffer*> slots;  // by buffer id
    std::vector<std::uint16_t> free_ids;
  };
  Group& group(BufferClass c) { return groups_[static_cast<int>(c)]; }
  const Group& group(BufferClass c) const { return groups_[static_cast<int>(c)]; }
  bool set_up_group(io_uring& ring, BufferClass c);

  BufferPool& pool_;
  Group groups_[kBufferClasses];
};

}  // namespace weir::io_internal

#endif  // WEIR_HAVE_URING
