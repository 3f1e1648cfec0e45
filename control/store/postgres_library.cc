#include "control/store/internal/postgres_library.h"

#include "base/shared_library.h"

namespace weir {

Result<const PostgresLibrary*> PostgresLibrary::load() {
  static PostgresLibrary calls;
  if (calls.PQgetisnull != nullptr) return &calls;
  const auto library = SharedLibrary::load("libpq.so.5");
  Status found = library ? Status{} : std::unexpected(library.error());
  PostgresLibrary all;
#define WEIR_LIBPQ_FIND(name) \
  if (found) found = library->find(#name, all.name);
  WEIR_LIBPQ_CALLS(WEIR_LIBPQ_FIND)
#undef WEIR_LIBPQ_FIND
  if (!found) {
    return fail(Errc::kUnsupported,
                "PostgreSQL's client library cannot be loaded; install it (Debian: libpq5)",
                found.error().detail);
  }
  calls = all;
  return &calls;
}

}  // namespace weir
