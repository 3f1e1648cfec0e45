#include "control/vault/internal/pkcs11_module.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/shared_library.h"

namespace weir {
namespace {

std::string number_of(CK_RV code) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (; code != 0; code >>= 4) text.insert(text.begin(), kDigits[code & 15]);
  return "CKR 0x" + text;
}

// Labels are padded with blanks to their 32 bytes.
std::string_view label_of(const CK_TOKEN_INFO& info) {
  std::string_view label(reinterpret_cast<const char*>(info.label), sizeof info.label);
  const auto end = label.find_last_not_of(std::string_view(" \0", 2));
  return label.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

}  // namespace

std::unexpected<Error> pkcs11_error(CK_RV code, const char* doing) {
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return fail(Errc::kRefused, "the PIN of the token is wrong");
    case CKR_PIN_LOCKED:
      return fail(Errc::kRefused, "the token is locked after too many wrong PINs");
    case CKR_USER_PIN_NOT_INITIALIZED:
      return fail(Errc::kRefused, "the token has no user PIN yet");
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_DEVICE_REMOVED:
      return fail(Errc::kNotFound, "the token is not there", doing);
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
    case CKR_DOMAIN_PARAMS_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
      return fail(Errc::kUnsupported, "the token cannot do this", doing);
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_SESSION_READ_ONLY:
      return fail(Errc::kRefused, "the token is write-protected", doing);
    default:
      return fail(Errc::kIo, "the token failed", std::string(doing) + ", " + number_of(code));
  }
}

Result<std::shared_ptr<Pkcs11Module>> Pkcs11Module::load(const std::string& path) {
  // A module may be initialised once in a process, whoever uses it.
  static std::map<std::string, std::weak_ptr<Pkcs11Module>> loaded;
  std::weak_ptr<Pkcs11Module>& known = loaded[path];
  if (auto module = known.lock()) return module;
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) {
    return fail(Errc::kNotFound, "there is no PKCS#11 module", path);
  }
  const auto library = SharedLibrary::load(path);
  std::remove_pointer_t<CK_C_GetFunctionList>* list = nullptr;
  const Status found =
      library ? library->find("C_GetFunctionList", list) : std::unexpected(library.error());
  if (!found) return fail(Errc::kInvalid, "this is no PKCS#11 module", found.error().detail);
  CK_FUNCTION_LIST* calls = nullptr;
  CK_RV code = list(&calls);
  if (code != CKR_OK || calls == nullptr) return pkcs11_error(code, "loading the module");
  code = calls->C_Initialize(nullptr);
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return pkcs11_error(code, "initialising the module");
  }
  std::shared_ptr<Pkcs11Module> module(new Pkcs11Module(calls));
  known = module;
  return module;
}

Pkcs11Module::~Pkcs11Module() { calls_->C_Finalize(nullptr); }

Result<CK_SLOT_ID> Pkcs11Module::slot_of(const std::string& token_label) {
  CK_ULONG count = 0;
  CK_RV code = calls_->C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> slots(count);
  if (code == CKR_OK) code = calls_->C_GetSlotList(CK_TRUE, slots.data(), &count);
  if (code != CKR_OK) return pkcs11_error(code, "looking for tokens");
  slots.resize(std::min<std::size_t>(slots.size(), count));
  std::vector<CK_SLOT_ID> found;
  std::string others;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (calls_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    if (label_of(info) == token_label) found.push_back(slot);
    others += (others.empty() ? "" : ", ") + std::string(label_of(info));
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) return fail(Errc::kRefused, "several tokens have this label", token_label);
  return fail(Errc::kNotFound, "there is no token of this label",
              token_label + " (there are: " + (others.empty() ? "none" : others) + ")");
}

}  // namespace weir
