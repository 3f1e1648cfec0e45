// A library that is loaded when it is needed, so that a process which does not need it neither maps
// it nor fails without it. Once loaded it stays.
#pragma once

#include <string>
#include <type_traits>

#include "base/result.h"

namespace weir {

class SharedLibrary {
 public:
  // `name`: "libx.so.5", looked for where the system looks, or a path. kUnsupported with the
  // loader's words.
  static Result<SharedLibrary> load(const std::string& name);

  // kUnsupported: there is no such function.
  template <typename Function>
    requires std::is_function_v<Function>
  Status find(const char* name, Function*& function) const {
    void* found = find(name);
    if (found == nullptr) return fail(Errc::kUnsupported, "the library lacks a function", name);
    function = reinterpret_cast<Function*>(found);
    return {};
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* find(const char* name) const;
  void* handle_;
};

}  // namespace weir
