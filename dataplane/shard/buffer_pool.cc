#include "dataplane/shard/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

#ifdef __SANITIZE_ADDRESS__  // GCC; the sanitized presets use it
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) static_cast<void>(0)
#endif

namespace weir {

BufferPool::BufferPool(const BufferLimits& limits) : limits_(limits) {
  for (int c = 0; c < kBufferClasses; ++c) {
    const std::uint32_t count = limits.count[c];
    if (count == 0) continue;
    void* memory = mmap(nullptr, count * kBufferBytes[c], PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    memory_[c] = static_cast<std::uint8_t*>(memory);
    headers_[c].reset(static_cast<Buffer*>(std::calloc(count, sizeof(Buffer))));
    CHECK(headers_[c] != nullptr);
  }
}

BufferPool::~BufferPool() {
  for (int c = 0; c < kBufferClasses; ++c) {
    if (memory_[c] == nullptr) continue;
    ASAN_UNPOISON_MEMORY_REGION(memory_[c], limits_.count[c] * kBufferBytes[c]);
    munmap(memory_[c], limits_.count[c] * kBufferBytes[c]);
  }
}

Buffer* BufferPool::next_free(int c) {
  if (Buffer* buffer = free_[c]; buffer != nullptr) {
    free_[c] = std::exchange(buffer->next, nullptr);
    return buffer;
  }
  if (fresh_[c] == limits_.count[c]) return nullptr;
  const std::size_t i = fresh_[c]++;
  Buffer* buffer = new (headers_[c].get() + i) Buffer;
  buffer->data = memory_[c] + i * kBufferBytes[c];
  buffer->capacity = static_cast<std::uint32_t>(kBufferBytes[c]);
  buffer->size_class = static_cast<BufferClass>(c);
  return buffer;
}

Buffer* BufferPool::take(BufferClass size_class) {
  const int c = static_cast<int>(size_class);
  Buffer* buffer = next_free(c);
  if (buffer == nullptr) return nullptr;
  buffer->refs = 1;
  ASAN_UNPOISON_MEMORY_REGION(buffer->data, buffer->capacity);
  ++in_use_[c];
  peak_[c] = std::max(peak_[c], in_use_[c]);
  touched_[c] = std::max(touched_[c], in_use_[c]);
  return buffer;
}

Buffer* BufferPool::take_at_least(std::size_t bytes) {
  for (int c = 0; c < kBufferClasses; ++c) {
    if (kBufferBytes[c] < bytes) continue;
    if (Buffer* buffer = take(static_cast<BufferClass>(c))) return buffer;
  }
  return nullptr;
}

Buffer* BufferPool::borrow(Buffer* lender, std::uint8_t owner) {
  if (free_borrowed_ == nullptr) {
    borrowed_.push_back(std::make_unique<Buffer[]>(kBorrowChunk));
    for (std::size_t i = 0; i < kBorrowChunk; ++i) {
      borrowed_.back()[i].next = std::exchange(free_borrowed_, &borrowed_.back()[i]);
    }
  }
  Buffer* buffer = std::exchange(free_borrowed_, free_borrowed_->next);
  buffer->data = lender->data;
  buffer->capacity = lender->capacity;
  buffer->refs = 1;
  buffer->size_class = lender->size_class;
  buffer->next = nullptr;
  buffer->lender = lender;
  buffer->owner = owner;
  return buffer;
}

void BufferPool::give_back(Buffer* buffer) {
  if (buffer->lender != nullptr) {
    returns_.push_back({std::exchange(buffer->lender, nullptr), buffer->owner});
    buffer->next = std::exchange(free_borrowed_, buffer);
    return;
  }
  const int c = static_cast<int>(buffer->size_class);
  buffer->next = free_[c];
  free_[c] = buffer;
  ASAN_POISON_MEMORY_REGION(buffer->data, buffer->capacity);  // a use after this is found
  DCHECK(in_use_[c] > 0);
  --in_use_[c];
}

bool BufferPool::can_trim() const {
  for (int c = 0; c < kBufferClasses; ++c) {
    if (touched_[c] > in_use_[c]) return true;
  }
  return false;
}

void BufferPool::trim() {
  for (int c = 0; c < kBufferClasses; ++c) {
    // The free list is a stack: what lies deeper than the peak of the last period was not touched
    // in it.
    const std::uint32_t keep = peak_[c] - std::min(peak_[c], in_use_[c]);
    if (touched_[c] > peak_[c] || (c >= static_cast<int>(BufferClass::kBulk) &&
                                   peak_[c] == in_use_[c] && touched_[c] > in_use_[c])) {
      Buffer* buffer = free_[c];
      for (std::uint32_t i = 0; i < keep && buffer != nullptr; ++i) buffer = buffer->next;
      for (std::uint32_t i = 0; i < touched_[c] - in_use_[c] && buffer != nullptr; ++i) {
        madvise(buffer->data, buffer->capacity, MADV_DONTNEED);
        buffer = buffer->next;
      }
      touched_[c] = std::max(peak_[c], in_use_[c]);
    }
    peak_[c] = in_use_[c];
  }
}

}  // namespace weir
