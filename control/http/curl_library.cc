#include "control/http/internal/curl_library.h"

#include "base/shared_library.h"

namespace weir {
namespace {

Result<CurlLibrary> load_once() {
  const auto library = SharedLibrary::load("libcurl.so.4");
  Status found = library ? Status{} : std::unexpected(library.error());
  CurlLibrary all;
#define WEIR_CURL_FIND(name) \
  if (found) found = library->find(#name, all.name);
  WEIR_CURL_CALLS(WEIR_CURL_FIND)
#undef WEIR_CURL_FIND
  if (!found) {
    return fail(Errc::kUnsupported, "libcurl cannot be loaded; install it (Debian: libcurl4)",
                found.error().detail);
  }
  if (all.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return fail(Errc::kInternal, "libcurl cannot be used");
  }
  return all;
}

}  // namespace

Result<const CurlLibrary*> CurlLibrary::load() {
  static const Result<CurlLibrary> loaded = load_once();
  if (!loaded) return std::unexpected(loaded.error());
  return &*loaded;
}

}  // namespace weir
