// A loaded PKCS#11 module, its slots, and its answers in our words.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace weir {

class Pkcs11Module {
 public:
  // Loads and initialises the library, or shares the one that is loaded already.
  static Result<std::shared_ptr<Pkcs11Module>> load(const std::string& path);
  Pkcs11Module(const Pkcs11Module&) = delete;
  Pkcs11Module& operator=(const Pkcs11Module&) = delete;
  ~Pkcs11Module();  // finalises it; the library stays mapped, some do not survive being unmapped

  CK_FUNCTION_LIST& calls() { return *calls_; }
  // kNotFound: no token has this label. kRefused: several have.
  Result<CK_SLOT_ID> slot_of(const std::string& token_label);

 private:
  explicit Pkcs11Module(CK_FUNCTION_LIST* calls) : calls_(calls) {}
  CK_FUNCTION_LIST* calls_;
};

// `doing`: "signing". CKR_OK is our mistake.
std::unexpected<Error> pkcs11_error(CK_RV code, const char* doing);

}  // namespace weir
