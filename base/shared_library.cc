#include "base/shared_library.h"

#include <dlfcn.h>

namespace weir {

Result<SharedLibrary> SharedLibrary::load(const std::string& name) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return SharedLibrary(handle);
  const char* why = ::dlerror();
  return fail(Errc::kUnsupported, "a library cannot be loaded", why == nullptr ? name : why);
}

void* SharedLibrary::find(const char* name) const { return ::dlsym(handle_, name); }

}  // namespace weir
