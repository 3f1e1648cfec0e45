// libcurl, loaded with the first call: it brings thirty libraries with it, which a node that never
// asks a provider or a KMS has no use for.
#pragma once

// Its checks of curl_easy_setopt's arguments want the functions to be macros.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/result.h"

namespace weir {

#define WEIR_CURL_CALLS(CALL) \
  CALL(curl_global_init)      \
  CALL(curl_easy_init)        \
  CALL(curl_easy_cleanup)     \
  CALL(curl_easy_setopt)      \
  CALL(curl_easy_perform)     \
  CALL(curl_easy_getinfo)     \
  CALL(curl_easy_strerror)    \
  CALL(curl_slist_append)     \
  CALL(curl_slist_free_all)

struct CurlLibrary {
#define WEIR_CURL_MEMBER(name) decltype(&::name) name = nullptr;
  WEIR_CURL_CALLS(WEIR_CURL_MEMBER)
#undef WEIR_CURL_MEMBER

  // Ready for use on any thread. kUnsupported: it is not installed.
  static Result<const CurlLibrary*> load();
};

}  // namespace weir
