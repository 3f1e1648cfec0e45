#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir {
void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "weir: CHECK failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}
}  // namespace weir
