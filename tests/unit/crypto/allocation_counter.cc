// In a file of its own: where the replaced operators can be inlined, GCC warns that new and free do
// not match.
#include "allocation_counter.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

namespace weir {
namespace {

void* counted(std::size_t size) {
  ++allocation_count;
  return std::malloc(size);
}
void* openssl_malloc(std::size_t size, const char*, int) {
  openssl_byte_count += static_cast<long>(size);
  return counted(size);
}
void* openssl_realloc(void* old, std::size_t size, const char*, int) {
  ++allocation_count;
  return std::realloc(old, size);
}
void openssl_free(void* memory, const char*, int) { std::free(memory); }

}  // namespace

constinit std::atomic<long> allocation_count{0};
constinit std::atomic<long> openssl_byte_count{0};
// Set before main.
const bool openssl_is_counted =
    CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;

}  // namespace weir

void* operator new(std::size_t size) {
  if (void* memory = weir::counted(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++weir::allocation_count;
  const auto align = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
