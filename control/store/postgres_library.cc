#include "control/store/internal/postgres_library.h"

#include <dlfcn.h>

#include <string>

namespace weir {

Result<const PostgresLibrary*> PostgresLibrary::load() {
  static PostgresLibrary calls;
  if (calls.PQgetisnull != nullptr) return &calls;
  void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  PostgresLibrary found;
  const char* missing = library == nullptr ? "libpq.so.5" : nullptr;
  if (library != nullptr) {
#define WEIR_LIBPQ_FIND(name)                                                \
  found.name = reinterpret_cast<decltype(&::name)>(::dlsym(library, #name)); \
  if (found.name == nullptr) missing = #name;
    WEIR_LIBPQ_CALLS(WEIR_LIBPQ_FIND)
#undef WEIR_LIBPQ_FIND
  }
  if (missing != nullptr) {
    const char* why = ::dlerror();
    return fail(Errc::kUnsupported,
                "PostgreSQL's client library cannot be loaded; install it (Debian: libpq5)",
                why == nullptr ? missing : why);
  }
  calls = found;
  return &calls;
}

}  // namespace weir
