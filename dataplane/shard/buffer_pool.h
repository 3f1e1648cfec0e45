// The payload buffers of one shard: four size classes, address space reserved at start, memory
// touched only when used. Most recently used first, so that few buffers stay hot. Not thread-safe.
//
// A buffer of another shard that came with a message is held through a Buffer of this pool that
// borrows its memory; when its last reference goes, the owner gets it back (shard/crossing.h).
//
// A Buffer is counted, not copied: every frame that points into it holds one reference
// (docs/design/STYLE.md, "Few hot buffers").
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace weir {

enum class BufferClass : std::uint8_t { kSmall, kMedium, kBulk, kFrame };
inline constexpr int kBufferClasses = 4;
// Small: an idle or interactive flow. Medium: heads and short bursts. Bulk: measured best size of
// one receive (docs/design/PERFORMANCE.md). Frame: the largest legal frame with room for its
// prefix.
inline constexpr std::size_t kBufferBytes[kBufferClasses] = {4096, 65536, 1048576, 16781312};

struct Buffer {
  std::uint8_t* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t refs = 0;
  BufferClass size_class = BufferClass::kSmall;
  Buffer* next = nullptr;    // free list
  Buffer* lender = nullptr;  // borrowed: the owner's, of which one reference is held
  std::uint8_t owner = 0;    // the shard of `lender`
};

struct LentBuffer {
  Buffer* buffer = nullptr;
  std::uint8_t owner = 0;
};

struct BufferLimits {
  std::uint32_t count[kBufferClasses];
};

class BufferPool {
 public:
  explicit BufferPool(const BufferLimits& limits);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // One reference, owned by the caller; nullptr when the class is used up (the caller waits or
  // falls back to a smaller class; nothing is allocated).
  Buffer* take(BufferClass size_class);
  // The smallest class that holds `bytes`, or any larger one.
  Buffer* take_at_least(std::size_t bytes);
  // Takes over one reference of another shard's buffer; only its own bytes of it may be touched.
  Buffer* borrow(Buffer* lender, std::uint8_t owner);
  // What was borrowed and is not used any more; the caller empties it.
  std::vector<LentBuffer>& returns() { return returns_; }
  static void ref(Buffer* buffer) { ++buffer->refs; }
  void unref(Buffer* buffer) {
    if (--buffer->refs == 0) give_back(buffer);
  }
  std::uint32_t in_use(BufferClass c) const { return in_use_[static_cast<int>(c)]; }
  std::uint32_t limit(BufferClass c) const { return limits_.count[static_cast<int>(c)]; }

  // Gives the memory of buffers that have been free since the last call back to the kernel.
  // Called about once a second.
  void trim();
  // Some of it could still be given back.
  bool can_trim() const;

 private:
  void give_back(Buffer* buffer);

  BufferLimits limits_;
  Buffer* free_[kBufferClasses] = {};
  std::uint32_t in_use_[kBufferClasses] = {};
  std::uint32_t peak_[kBufferClasses] = {};     // since the last trim
  std::uint32_t touched_[kBufferClasses] = {};  // buffers that may have resident memory
  Buffer* next_free(int size_class);

  struct Free {
    void operator()(Buffer* headers) const { std::free(headers); }
  };
  std::unique_ptr<Buffer, Free> headers_[kBufferClasses];  // touched as far as ever in use
  std::uint32_t fresh_[kBufferClasses] = {};               // from here on never used
  std::uint8_t* memory_[kBufferClasses] = {};
  static constexpr std::size_t kBorrowChunk = 256;
  Buffer* free_borrowed_ = nullptr;
  std::vector<std::unique_ptr<Buffer[]>> borrowed_;
  std::vector<LentBuffer> returns_;
};

// Owns one reference.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(BufferPool& pool, Buffer* owned) : pool_(&pool), buffer_(owned) {}
  BufferRef(BufferRef&& other) noexcept
      : pool_(other.pool_), buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = other.pool_;
      buffer_ = std::exchange(other.buffer_, nullptr);
    }
    return *this;
  }
  BufferRef(const BufferRef&) = delete;
  BufferRef& operator=(const BufferRef&) = delete;
  ~BufferRef() { reset(); }

  void reset() {
    if (buffer_ != nullptr) pool_->unref(std::exchange(buffer_, nullptr));
  }
  BufferRef share() const {
    if (buffer_ == nullptr) return {};
    BufferPool::ref(buffer_);
    return {*pool_, buffer_};
  }
  Buffer* release() { return std::exchange(buffer_, nullptr); }
  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }

 private:
  BufferPool* pool_ = nullptr;
  Buffer* buffer_ = nullptr;
};

}  // namespace weir
