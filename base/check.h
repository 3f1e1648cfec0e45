// CHECK: our own mistake, in every build. Prints where and what, then aborts (core dump, no
// unwinding).
#pragma once

namespace weir {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace weir

#define CHECK(expression) \
  (static_cast<bool>(expression) ? void(0) : ::weir::check_failed(#expression, __FILE__, __LINE__))

// DCHECK: where the check itself was measured to cost.
#ifdef NDEBUG
#define DCHECK(expression) static_cast<void>(sizeof(!(expression)))  // names are used, not read
#else
#define DCHECK(expression) CHECK(expression)
#endif
